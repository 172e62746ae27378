"""The function `generate_ideas`: a model is asked what to write for a cluster, and what is usable is stored."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from chassis.database import Database, Transaction
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, UnusableAnswer
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Job, JobKind, Made, Selection, Work, admit, apply_once
from services.planner.domain import MINIMUM_KEYWORDS
from services.planner.ideas import ANSWER_SCHEMA, IDEAS_MAX, IDEAS_MIN, NotAnAnswer, Reading, read_answer, set_apart
from services.planner.repository import ideas
from services.planner.repository.ideas import ClusterKeyword, Origin
from services.planner.usecases import options as read
from services.planner.usecases.overlap import judge_new
from services.planner.usecases.pages import pages_of

NAME = "generate_ideas"
TITLES_MAX = 200
KEYWORDS_MAX = 60
_TOKENS_PER_IDEA = 1_500  # ten sections of five points, and as much again for a chatty model
_NOTES_MAX = 50


class GenerateIdeas:
    """Asks for ideas for one cluster and stores them.

    Args:
        database: the planner's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return the clusters that have no ideas yet, the most searched first; quantities are ideas."""
        count = _count(options)
        with self._database.transaction(tenant) as transaction:
            rows, total, alive = ideas.waiting_clusters(transaction, subject_ids, limit)
        items = [Item(row.id, "cluster", row.name, count, count) for row in rows]
        return Selection(items, total, "" if total else _skip_reason(alive))

    def prepare(self, work: Work) -> Job:
        """Return the call that asks for a cluster's ideas.

        Raises:
            NotFound: there is no such cluster.
            FailedPrecondition: it is disabled or has no keywords.
        """
        count = _count(work.options)
        with self._database.transaction(work.tenant) as transaction:
            cluster, keywords = _cluster(transaction, work)
            uncovered = [keyword for keyword in keywords if not keyword.is_covered]
            titles = ideas.titles(transaction, cluster.sector_id, cluster.id, TITLES_MAX)
        if len(uncovered) >= MINIMUM_KEYWORDS:  # it has ideas, and has grown since
            keywords = uncovered
        return Job(
            kind=JobKind.TEXT,
            template=NAME,
            variables=_site(work.tenant, cluster.sector_id)
            | {
                "cluster": {
                    "name": cluster.name,
                    "keywords": [_shown(keyword) for keyword in keywords],
                    "pages": _shared_pages(keywords),
                },
                "count": count,
                "existing_titles": titles,
            },
            answer_schema=ANSWER_SCHEMA,
            max_output_tokens=_TOKENS_PER_IDEA * count,
            limit_quantity=count,
        )

    def apply(self, work: Work, answer: Answer | None) -> Applied:
        """Store the usable ideas of an answer, once a step; the quantity is how many were stored.

        Raises:
            NotFound: there is no such cluster.
            FailedPrecondition: it was disabled meanwhile or has lost its keywords.
            UnusableAnswer: there is no usable idea; nothing was stored.
        """
        if answer is None:
            raise InvalidArgument.field("answer", "is required: ideas come from a model")
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(transaction, NAME, work, lambda: _apply(transaction, work, answer))

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:  # noqa: ARG002 - nobody is told
        """Note that it was given up; a cluster keeps waiting, and was never marked as busy."""
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, NAME, work)


def _apply(transaction: Transaction, work: Work, answer: Answer) -> Applied:
    ideas.hold_titles(transaction)
    cluster, keywords = _cluster(transaction, work, lock=True)
    reading = _read(answer.text, keywords)
    taken = ideas.taken_titles(transaction, [idea.title for idea in reading.ideas])
    apart = set_apart([idea for idea in reading.ideas if idea.title.lower() not in taken])
    fresh = apart.ideas
    repeated = [idea.title for idea in reading.ideas if idea.title.lower() in taken]
    notes = [
        *reading.notes,
        *(f"Dropped, because the site has an idea of this title: {title!r}." for title in repeated),
        *apart.notes,
    ]
    stored = fresh[: _count(work.options)]
    if not stored:
        raise UnusableAnswer("The answer has no idea that can be used: " + " ".join(notes[:5]))
    if len(fresh) > len(stored):
        notes.append(f"{len(fresh) - len(stored)} more ideas than were asked for were left out.")
    language = work.tenant.site.language if work.tenant.site else ""
    origin = Origin(work.step_id, work.run_id, language, answer.provenance)
    keyword_ids = {keyword.text: keyword.id for keyword in keywords}
    overlaps = judge_new(transaction, stored, keyword_ids)
    notes += [
        f"{idea.title!r} waits for a person ({overlap.verdict}): {overlap.reason}"
        for idea, (_, overlap) in zip(stored, overlaps, strict=True)
        if overlap.reason
    ]
    ids = ideas.store(transaction, cluster, stored, keyword_ids, origin, overlaps)
    return Applied(len(ids), [Made("content_idea", str(idea_id)) for idea_id in ids], notes[:_NOTES_MAX])


def _read(text: str, keywords: Sequence[ClusterKeyword]) -> Reading:
    try:
        return read_answer(text, [keyword.text for keyword in keywords])
    except NotAnAnswer as error:
        raise UnusableAnswer(str(error)) from error


def _cluster(transaction: Transaction, work: Work, *, lock: bool = False) -> tuple[Row[Any], list[ClusterKeyword]]:
    cluster = ideas.cluster(transaction, work.subject_id, lock=lock)
    if cluster is None:
        raise NotFound.row("cluster", work.subject_id)
    if cluster.disabled:
        raise FailedPrecondition(f"The cluster {cluster.name!r} is disabled; enable it to get ideas for it.")
    keywords = ideas.cluster_keywords(transaction, cluster.id, KEYWORDS_MAX)
    if not keywords:
        raise FailedPrecondition(f"The cluster {cluster.name!r} has no keywords to get ideas for.")
    return cluster, keywords


def _site(tenant: Tenant, sector_id: UUID) -> dict[str, Any]:
    site, sector = tenant.site, tenant.sector(sector_id)
    return {
        "site": {"name": site.name if site else "", "domain": site.domain if site else ""},
        "industry": site.industry if site else "",
        "sector": sector.name if sector else "",
    }


def _shared_pages(keywords: Sequence[ClusterKeyword]) -> list[list[str]]:
    """Return the keywords that are answered together, page by page; those alone need no mention."""
    return [[each.text for each in page.keywords] for page in pages_of(keywords) if len(page.keywords) > 1]


def _shown(keyword: ClusterKeyword) -> dict[str, Any]:
    known = {"volume": keyword.volume, "difficulty": keyword.difficulty, "intent": keyword.intent}
    return {"text": keyword.text} | {name: value for name, value in known.items() if value is not None}


def _count(options: Mapping[str, Any]) -> int:
    return read.integer(options, "ideas_per_cluster", IDEAS_MIN, least=IDEAS_MIN, most=IDEAS_MAX)


def _skip_reason(clusters: int) -> str:
    if not clusters:
        return "There is no cluster yet; cluster keywords first."
    return f"None of the {clusters:,} clusters waits for ideas: each has some, is disabled, or has no keywords."
