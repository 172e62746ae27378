"""Ideas for a cluster of keywords: which pages it needs, and a working title, brief and outline for each.

Phrases that ask for the same page are put together first; then the pages that matter most and resemble each
other least are chosen, and the remaining phrases go to the chosen page they resemble most. A cluster with
fewer pages of its own than ideas are wanted gets other angles on its main subject.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ai.offline import english, library, outline
from services.ai.offline.facts import Keyword, keywords, name_of, required
from services.ai.offline.subject import Kind, Subject, endings, read

MIN_IDEAS, MAX_IDEAS = 3, 7
_HUB_KEYWORDS = 8
_HUB_SHARE = 3
_SIMILAR_TITLE = 0.75
_SAME_GROUP = 0.8
"""How much alike pages are whose phrases the caller has put into one group: the same search, in his eyes."""
_MAX_KEYWORDS = 15
_TYPES = {
    "cluster_hub": "page",
    "landing_page": "page",
    "business_page": "page",
    "service_page": "page",
    "product_page": "product",
    "category_archive": "taxonomy",
    "tag_archive": "taxonomy",
    "attribute_archive": "taxonomy",
}
_STRUCTURES = {
    Kind.ACTIVITY: "guide",
    Kind.QUESTION: "article",
    Kind.COMPARISON: "comparison",
    Kind.BEST: "listicle",
    Kind.REVIEW: "review",
    Kind.COST: "article",
    Kind.BUY: "landing_page",
    Kind.LOCAL: "service_page",
    Kind.PROBLEM: "guide",
}
_TOPIC_STRUCTURES = (
    ("transactional", "landing_page"),
    ("commercial", "guide"),
    ("navigational", "business_page"),
)


@dataclass
class Page:
    """The phrases one page would answer, the strongest first."""

    subject: Subject
    keywords: list[Keyword]
    subjects: list[Subject] = field(default_factory=list)
    angle: str = ""
    hub: bool = False
    groups: set[int] = field(default_factory=set)

    @property
    def weight(self) -> float:
        """How much the page matters: its monthly searches, with sixteen times as many counting twice."""
        return math.sqrt(math.sqrt(1 + sum(k.volume or 0 for k in self.keywords)))


def generate(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `generate_ideas`.

    Raises:
        MissingVariable: without a cluster or its keywords.
    """
    cluster = required(variables, "cluster")
    words = keywords(required(cluster, "keywords"))
    site = name_of(variables.get("site")) or "this site"
    count = min(max(int(variables.get("count") or MIN_IDEAS), MIN_IDEAS), MAX_IDEAS)
    taken = [str(title) for title in variables.get("existing_titles") or ()]
    name = name_of(cluster) or words[0].text
    ideas: list[dict[str, Any]] = []
    for page in (*plan(words, count, _groups(cluster)), *_angles(words, name)):
        if len(ideas) == count:
            break
        title = _title(page, site, taken, name)
        if title:
            taken.append(title)
            ideas.append(_idea(page, title, site))
    return {"ideas": ideas}


def _groups(cluster: Mapping[str, Any]) -> dict[str, int]:
    """Return the group of each phrase that is in one, phrases in lower case."""
    listed = cluster.get("pages") or ()
    return {" ".join(str(text).split()).lower(): number for number, texts in enumerate(listed) for text in texts}


def plan(words: Sequence[Keyword], count: int, groups: Mapping[str, int] | None = None) -> list[Page]:
    """At most `count` pages for the phrases of a cluster, the most important first.

    Args:
        words: the phrases.
        count: of pages.
        groups: by phrase in lower case, which of them searchers want one page for.
    """
    pages = _pages(words, groups or {})
    chosen: list[Page] = []
    left = list(pages)
    while left and len(chosen) < count:
        best = max(left, key=lambda page: _worth(page, chosen))
        chosen.append(best)
        left.remove(best)
    for page in left:
        nearest = max(chosen, key=lambda c: _similarity(c, page))
        nearest.keywords += page.keywords
        nearest.subjects += page.subjects
    if len(words) >= _HUB_KEYWORDS:
        _mark_hub(chosen, [read(w.text).stems for w in words])
    return chosen


def _mark_hub(chosen: Sequence[Page], phrases: Sequence[frozenset[str]]) -> None:
    """Make the page whose words recur in a third of the phrases, if there is one, the hub of the cluster."""
    topics = [p for p in chosen if p.subject.kind is Kind.TOPIC]
    broad = [p for p in topics if _HUB_SHARE * sum(p.subject.stems <= s for s in phrases) >= len(phrases)]
    if broad:
        min(broad, key=lambda p: (len(p.subject.stems), -p.weight)).hub = True


def _pages(words: Sequence[Keyword], groups: Mapping[str, int]) -> list[Page]:
    tails = endings(w.text for w in words)
    pages: dict[tuple[Kind, frozenset[str]], Page] = {}
    for word in sorted(words, key=lambda w: -(w.volume or 0)):
        subject = read(word.text, tails)
        page = pages.setdefault((subject.kind, subject.stems), Page(subject, []))
        page.keywords.append(word)
        page.subjects.append(subject)
        if word.text.lower() in groups:
            page.groups.add(groups[word.text.lower()])
    return list(pages.values())


def _similarity(one: Page, other: Page) -> float:
    shared = one.subject.stems & other.subject.stems
    joined = one.subject.stems | other.subject.stems
    overlap = len(shared) / len(joined) if joined else 1.0
    if one.groups & other.groups:
        return max(overlap, _SAME_GROUP)
    return overlap if one.subject.kind is other.subject.kind else overlap / 3  # another kind is another page


def _worth(page: Page, chosen: Sequence[Page]) -> float:
    nearest = max((_similarity(page, c) for c in chosen), default=0.0)
    return page.weight * (1 - nearest)


def _angles(words: Sequence[Keyword], cluster: str) -> list[Page]:
    """Other pages on the cluster's subject, each led by a phrase that leads no other page as far as there are
    any.
    """
    subject = read(cluster)
    if not subject.is_thing:
        subject = next((s for s in map(read, (w.text for w in words)) if s.is_thing), subject)
    spare = sorted(words, key=lambda w: w.volume or 0)
    names = library.shuffled(library.load("titles")["angle"], cluster)
    return [Page(subject, [spare[i % len(spare)]], [subject], angle=name) for i, name in enumerate(names)]


def structure_of(page: Page) -> str:
    """The content structure that suits what the phrase asks for."""
    if page.angle:
        return str(library.load("titles")["structure_of_angle"][page.angle])
    if page.hub:
        return "cluster_hub"
    if page.subject.kind is not Kind.TOPIC:
        waypoint = page.subject.kind is Kind.ACTIVITY and not _act(page.subject)
        return "article" if waypoint else _STRUCTURES[page.subject.kind]
    intent = page.keywords[0].intent.lower()
    return next((structure for mark, structure in _TOPIC_STRUCTURES if mark in intent), "article")


def _act(subject: Subject) -> str:
    """The verb phrase of "How do you clean a burr grinder?", or nothing."""
    start = "How do you "
    return subject.question[len(start) : -1] if subject.question.startswith(start) else ""


def _title(page: Page, site: str, taken: Sequence[str], cluster: str) -> str:
    """A title unlike those that are taken, or nothing when each is too close to one of them."""
    titles = library.load("titles")
    structure = structure_of(page)
    if page.angle:
        choices = titles["angle"][page.angle]
    elif structure == "article" and page.subject.kind is Kind.ACTIVITY:
        choices = titles["waypoint"]["article"]
    else:
        choices = titles[page.subject.kind].get(structure) or titles["topic"]["article"]
    words = library.forms(page.subject, site)
    words |= {
        "Topic": page.subject.topic,
        "Single": page.subject.single,
        "Phrase": page.subject.phrase,
        "Question": page.subject.question,
        "Act": _act(page.subject),
        "Site": site,
    }
    for choice in library.shuffled(choices, cluster + page.subject.phrase):
        title = english.title_case(library.fill(choice, words))
        if not any(_alike(title, other) for other in taken):
            return title
    return ""


def _alike(title: str, other: str) -> bool:
    one, two = ({english.stem(w) for w in text.split()} - {""} for text in (title, other))
    return bool(one | two) and len(one & two) / len(one | two) >= _SIMILAR_TITLE


def _idea(page: Page, title: str, site: str) -> dict[str, Any]:
    structure = structure_of(page)
    layout = library.layout(structure, page.subject.kind, page.angle)
    primary = page.keywords[0].text
    others = [s for s in page.subjects if s.phrase.lower() != page.subject.phrase.lower()]
    sections = outline.build(page.subject, others, structure, site, page.angle)
    reader = library.audience(page.subject, title)
    return {
        "title": title,
        "content_type": _TYPES.get(structure, "post"),
        "content_structure": structure,
        "primary_keyword": primary,
        "keywords": [k.text for k in page.keywords][:_MAX_KEYWORDS],
        "audience": reader,
        "tone": layout["tone"],
        "estimated_word_count": layout["words"] + 50 * min(len(page.keywords), 8) // 2,
        "brief": _brief(page, reader, structure, sections),
        "outline": [s.as_json() for s in sections],
    }


def _brief(page: Page, reader: str, structure: str, sections: Sequence[outline.Section]) -> str:
    kind = structure.replace("_", " ")
    primary = page.keywords[0]
    asked = f"{with_count(primary.volume)} a month" if primary.volume else "search volume not known"
    page_kind = english.sentence_case(english.with_article(kind))
    parts = [
        f"{page_kind} for {reader}, built on \u201c{primary.text}\u201d ({asked}).",
        f"Open with \u201c{sections[0].heading}\u201d and close with \u201c{sections[-1].heading}\u201d.",
    ]
    rest = [f"\u201c{k.text}\u201d" for k in page.keywords[1:4]]
    if rest:
        parts.append(f"Answer {english.join(rest)} on the same page rather than on pages of their own.")
    parts.append("State no price, figure or source that the author has not checked, and say who tried what.")
    return " ".join(parts)


def with_count(volume: int) -> str:
    """A number of searches in words: "1,300 searches", "1 search"."""
    return f"{volume:,} search" + ("" if volume == 1 else "es")
