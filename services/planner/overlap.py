"""Whether a page would compete with another one of its site: pure, no database.

Two pages that answer the same search take it from each other, which site owners know as keyword cannibalisation. What
a page is about is the search it aims at; two are about the same when that is made of the same words, whatever their
order, number, small words or year: "the best moka pots 2026" and "best moka pot".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.planner.clustering.words import split_words, stem
from services.planner.domain import Verdict, normalise

_SMALL_WORDS = frozenset(
    {
        *("a", "an", "the", "of", "for", "to", "in", "on", "at", "by", "and", "or", "is", "are", "was", "do", "does"),
        *("did", "can", "could", "should", "i", "you", "we", "my", "your", "it", "its", "how", "what"),
    }
)
"""Words that leave the search what it is. `best`, `vs`, `without`, `near` and the like are not among them."""
_SAME = {"top": "best", "versus": "vs"}
_YEAR = re.compile(r"(19|20)\d\d")
COVERED = 0.8
"""So much of what a page would cover, covered by another, leaves too little for a page of its own."""


@dataclass(frozen=True)
class Page:
    """A page that the site has or plans.

    Args:
        id: of the content, or of the idea that plans it.
        title: its title.
        subject: what it aims at, as `subject` says it.
        covered: the ids of the keywords that it covers.
        is_written: whether there is a content; otherwise it is planned.
        url: where it is found; empty when that is not known.
    """

    id: UUID
    title: str
    subject: str
    covered: frozenset[UUID]
    is_written: bool
    url: str = ""


@dataclass(frozen=True)
class Overlap:
    """How a page that was thought of stands to those that there are.

    Args:
        verdict: what should become of it.
        score: from 0, nothing in common, to 1, the same page.
        reason: why, for people.
        page: the one that it is most like, unless it has nothing in common with any.
    """

    verdict: Verdict = Verdict.WRITE
    score: float = 0.0
    reason: str = ""
    page: Page | None = None


def subject(text: str) -> str:
    """Return what a search is about: its words without what does not change it, in an order of their own."""
    words = [_SAME.get(word, word) for word in split_words(normalise(text))]
    telling = [_root(word) for word in words if word not in _SMALL_WORDS and not _YEAR.fullmatch(word)]
    return " ".join(sorted(set(telling or words)))


def _root(word: str) -> str:
    """Return a word without its endings, all of them: "earrings" and "earring" are one."""
    while (shorter := split_words(stem(word))[0]) != word:
        word = shorter
    return word


def judge(aims_at: str, covers: Iterable[UUID], pages: Sequence[Page]) -> Overlap:
    """Compare a page that was thought of with those that the site has or plans.

    The score is 1 for the same subject, otherwise the share of its keywords that the other covers.

    Args:
        aims_at: its subject.
        covers: the ids of the keywords that it would cover.
        pages: those that may be like it.
    """
    wanted = frozenset(covers)
    scored = [(_score(aims_at, wanted, page), page) for page in pages]
    if not scored:
        return Overlap()
    score, page = max(scored, key=lambda each: _weight(aims_at, *each))
    if page.subject == aims_at:
        if page.is_written:
            reason = f"{_named(page)} answers the same search; bring that up to date instead of writing another."
            return Overlap(Verdict.REFRESH, score, reason, page)
        reason = f"{_named(page)} is planned for the same search; one page is enough for both."
        return Overlap(Verdict.MERGE, score, reason, page)
    if page.is_written and score >= COVERED:
        reason = f"{_named(page)} covers {score:.0%} of its keywords; a link to it is enough."
        return Overlap(Verdict.LINK_ONLY, score, reason, page)
    return Overlap(score=score, page=page if score else None)


def _score(aims_at: str, wanted: frozenset[UUID], page: Page) -> float:
    if page.subject == aims_at:
        return 1.0
    return len(wanted & page.covered) / len(wanted) if wanted else 0.0


def _weight(aims_at: str, score: float, page: Page) -> tuple[bool, bool, float, bool, str]:
    """Of several pages, the one that decides goes first: a planned one that covers more hides no written one."""
    is_enough = page.is_written and score >= COVERED
    return page.subject == aims_at, is_enough, score, page.is_written, str(page.id)


def _named(page: Page) -> str:
    return f"{page.title!r} ({page.url})" if page.url else repr(page.title)
