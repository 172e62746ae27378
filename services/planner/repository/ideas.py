"""Ideas, the clusters that wait for some, and what becomes of an idea elsewhere."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Row

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.work import Provenance
from services.planner.domain import MINIMUM_KEYWORDS
from services.planner.ideas import Idea
from services.planner.models import Cluster, ContentIdea, ContentIdeaKeyword, Keyword, applying, applying_intent, table
from services.planner.overlap import Overlap
from services.planner.repository.clusters import successor
from services.planner.repository.overlap import columns

CLUSTER, KEYWORD, IDEA = table(Cluster), table(Keyword), table(ContentIdea)


@dataclass(frozen=True)
class ClusterKeyword:
    """A keyword of a cluster with the figures that apply. is_covered: by a live idea."""

    id: UUID
    text: str
    volume: int | None
    difficulty: float | None
    intent: str | None
    is_covered: bool = False


@dataclass(frozen=True)
class Origin:
    """Where stored ideas come from."""

    step_id: UUID
    run_id: UUID | None
    language: str
    provenance: Provenance


def waiting_clusters(
    transaction: Transaction, cluster_ids: Sequence[UUID], limit: int
) -> tuple[Sequence[Row[Any]], int, int]:
    """Return (clusters that wait for ideas, the most searched first; how many wait; how many live ones there are).

    A cluster that has its ideas waits again when it has got MINIMUM_KEYWORDS more keywords since, or when a person
    names it in `cluster_ids`.
    """
    live = [*_here(transaction, CLUSTER), CLUSTER.c.delete_time.is_(None)]
    ready = [*live, CLUSTER.c.disabled.is_(False), CLUSTER.c.keyword_count > 0]
    grown = CLUSTER.c.keyword_count >= CLUSTER.c.planned_count + MINIMUM_KEYWORDS
    ready.append(CLUSTER.c.id.in_(cluster_ids) if cluster_ids else sa.or_(CLUSTER.c.status == "new", grown))
    page = sa.select(CLUSTER.c.id, CLUSTER.c.name).where(*ready).order_by(CLUSTER.c.volume.desc(), CLUSTER.c.id)
    total = transaction.execute(sa.select(sa.func.count()).select_from(CLUSTER).where(*ready)).scalar_one()
    alive = transaction.execute(sa.select(sa.func.count()).select_from(CLUSTER).where(*live)).scalar_one()
    return transaction.all(page.limit(limit)), total, alive


def cluster(transaction: Transaction, cluster_id: UUID, *, lock: bool = False) -> Row[Any] | None:
    """Return a live cluster, that which has got what it had when it was merged, or None.

    With `lock` it stays as it is until this transaction ends.
    """
    found = sa.select(CLUSTER).where(
        *_here(transaction, CLUSTER),
        CLUSTER.c.id == successor(transaction, cluster_id),
        CLUSTER.c.delete_time.is_(None),
    )
    return transaction.one(found.with_for_update(key_share=True) if lock else found)


def cluster_keywords(transaction: Transaction, cluster_id: UUID, limit: int) -> list[ClusterKeyword]:
    """Return a cluster's live keywords, at most `limit`: those that no idea covers first, then the most searched."""
    volume, difficulty = applying("volume"), applying("difficulty")
    found = sa.select(
        KEYWORD.c.id,
        KEYWORD.c.text,
        volume.label("volume_now"),
        difficulty.label("difficulty_now"),
        applying_intent().label("intent_now"),
        _covered().label("is_covered"),
    ).where(
        *_here(transaction, KEYWORD),
        *(KEYWORD.c.cluster_id == cluster_id, KEYWORD.c.delete_time.is_(None), KEYWORD.c.disabled.is_(False)),
    )
    order: tuple[sa.ColumnElement[Any], ...] = (
        sa.literal_column("is_covered"),
        volume.desc().nulls_last(),
        KEYWORD.c.impressions.desc().nulls_last(),
        KEYWORD.c.id,
    )
    return [
        ClusterKeyword(row.id, row.text, row.volume_now, row.difficulty_now, row.intent_now, row.is_covered)
        for row in transaction.all(found.order_by(*order).limit(limit))
    ]


def titles(transaction: Transaction, sector_id: UUID, cluster_id: UUID, limit: int) -> list[str]:
    """Return titles of a sector's live ideas: the cluster's own first, then the newest, at most `limit`."""
    found = sa.select(IDEA.c.title).where(
        *_here(transaction, IDEA), IDEA.c.sector_id == sector_id, IDEA.c.delete_time.is_(None)
    )
    order = ((IDEA.c.cluster_id == cluster_id).desc(), IDEA.c.id.desc())
    return [row.title for row in transaction.all(found.order_by(*order).limit(limit))]


def hold_titles(transaction: Transaction) -> None:
    """Keep others from adding ideas to the site until this transaction ends, so that two of one title cannot meet."""
    lock = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('content_idea ' || CAST(:site AS text), 0))")
    transaction.execute(lock, {"site": transaction.tenant.site_id})


def taken_titles(transaction: Transaction, wanted: Sequence[str]) -> set[str]:
    """Return which of these titles a live idea of the site has, in any case of letters; in lower case."""
    found = sa.text(
        "SELECT lower(title) AS title FROM content_idea WHERE account_id = :account AND site_id = :site"
        " AND delete_time IS NULL AND lower(title) IN (SELECT lower(w) FROM unnest(CAST(:wanted AS text[])) w)"
    )
    tenant = transaction.tenant
    scope = {"account": tenant.account_id, "site": tenant.site_id, "wanted": list(wanted)}
    return {row.title.lower() for row in transaction.all(found, scope)}


def store(
    transaction: Transaction,
    of_cluster: Row[Any],
    ideas: Sequence[Idea],
    keyword_ids: dict[str, UUID],
    origin: Origin,
    overlaps: Sequence[tuple[str, Overlap]],
) -> list[UUID]:
    """Store a cluster's ideas with the keywords they cover, and say that the cluster has some; return their ids.

    `overlaps` has the subject of each and how it stands to the site's pages.
    """
    key = {name: getattr(of_cluster, name) for name in ("account_id", "site_id", "sector_id")}
    made = {
        "cluster_id": of_cluster.id,
        "language": origin.language,
        "provider": origin.provenance.provider,
        "provenance": asdict(origin.provenance),
        "step_id": origin.step_id,
        "run_id": origin.run_id,
    }
    ids = [new_id() for _ in ideas]
    rows = [
        key | made | idea.columns() | columns(overlap) | {"id": idea_id, "subject": subject}
        for idea_id, idea, (subject, overlap) in zip(ids, ideas, overlaps, strict=True)
    ]
    transaction.execute(sa.insert(IDEA), rows)
    links = [
        key | {"content_idea_id": idea_id, "keyword_id": keyword_ids[text], "position": position}
        for idea_id, idea in zip(ids, ideas, strict=True)
        for position, text in enumerate(idea.keywords)
    ]
    transaction.execute(sa.insert(table(ContentIdeaKeyword)), links)
    mapped = sa.update(CLUSTER).where(CLUSTER.c.account_id == of_cluster.account_id, CLUSTER.c.id == of_cluster.id)
    stamps = {"update_time": sa.func.now(), "revision": CLUSTER.c.revision + 1}
    transaction.execute(mapped.values(status="mapped", planned_count=CLUSTER.c.keyword_count, **stamps))
    return ids


def queue(transaction: Transaction, idea_id: UUID) -> None:
    """Say that the writer has a task for an idea; one that is written stays so."""
    transaction.execute(
        sa.update(IDEA)
        .where(IDEA.c.account_id == transaction.tenant.account_id, IDEA.c.id == idea_id, IDEA.c.status == "new")
        .values(_changed() | {"status": "queued"})
    )


def finish(transaction: Transaction, idea_id: UUID, content_id: UUID, *, url: str = "") -> None:
    """Say what was written of an idea and, once it is known, where that is found."""
    found = {"published_url": url} if url else {}
    transaction.execute(
        sa.update(IDEA)
        .where(IDEA.c.account_id == transaction.tenant.account_id, IDEA.c.id == idea_id)
        .values(_changed() | {"status": "completed", "content_id": content_id} | found)
    )


def _covered() -> sa.ColumnElement[bool]:
    link = table(ContentIdeaKeyword)
    mine = (link.c.account_id == KEYWORD.c.account_id, link.c.keyword_id == KEYWORD.c.id)
    idea = (IDEA.c.account_id == link.c.account_id, IDEA.c.id == link.c.content_idea_id, IDEA.c.delete_time.is_(None))
    return sa.exists().where(*mine, *idea).correlate(KEYWORD)


def _changed() -> dict[str, Any]:
    return {"update_time": sa.func.now(), "revision": IDEA.c.revision + 1}


def _here(transaction: Transaction, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    tenant = transaction.tenant
    return [table.c.account_id == tenant.account_id, table.c.site_id == tenant.site_id]
