"""Clusters, the keywords that wait for one, and storing what a clustering proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from services.planner.clustering import KeywordToCluster
from services.planner.domain import free_name
from services.planner.models import Cluster, Keyword, applying, table

KEYWORD, CLUSTER = table(Keyword), table(Cluster)
_NAMING_TRIES = 5  # a person renames clusters meanwhile: one more look each time is enough


@dataclass(frozen=True)
class NewCluster:
    """A cluster to store. names: in order of preference; keyword_ids: the primary first, not empty."""

    names: Sequence[str]
    keyword_ids: Sequence[UUID]


def hold(transaction: Transaction, sector_id: UUID) -> None:
    """Keep others from rearranging the sector's clusters until this transaction ends."""
    lock = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('clusters ' || CAST(:sector AS text), 0))")
    transaction.execute(lock, {"sector": sector_id})


def count_waiting(transaction: Transaction, sector_ids: Sequence[UUID], keyword_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return, by sector, how many keywords wait for a cluster; of `keyword_ids` only, when there are any."""
    counted = sa.select(KEYWORD.c.sector_id, sa.func.count().label("ready")).where(*_waiting(transaction))
    counted = counted.where(KEYWORD.c.sector_id.in_(sector_ids))
    if keyword_ids:
        counted = counted.where(KEYWORD.c.id.in_(keyword_ids))
    return {row.sector_id: row.ready for row in transaction.all(counted.group_by(KEYWORD.c.sector_id))}


@dataclass(frozen=True)
class NotReady:
    """Of keywords that were selected, those that do not wait for a cluster; each counts once."""

    unknown: int
    disabled: int
    clustered: int


def not_ready(transaction: Transaction, keyword_ids: Sequence[UUID]) -> NotReady:
    """Return why keywords that were selected do not wait for a cluster."""
    disabled, clustered = KEYWORD.c.disabled, KEYWORD.c.cluster_id.is_not(None)
    counts = sa.select(
        sa.func.count().label("known"),
        sa.func.count().filter(disabled).label("disabled"),
        sa.func.count().filter(~disabled, clustered).label("clustered"),
    ).where(
        KEYWORD.c.account_id == transaction.tenant.account_id,
        KEYWORD.c.site_id == transaction.tenant.site_id,
        KEYWORD.c.id.in_(keyword_ids),
        KEYWORD.c.delete_time.is_(None),
    )
    row = transaction.execute(counts).one()
    return NotReady(len(set(keyword_ids)) - row.known, row.disabled, row.clustered)


def waiting(transaction: Transaction, sector_id: UUID, keyword_ids: Sequence[UUID]) -> list[KeywordToCluster]:
    """Return a sector's keywords that wait for a cluster; of `keyword_ids` only, when there are any."""
    found = sa.select(KEYWORD.c.id, KEYWORD.c.text, applying("volume")).where(
        *_waiting(transaction), KEYWORD.c.sector_id == sector_id
    )
    if keyword_ids:
        found = found.where(KEYWORD.c.id.in_(keyword_ids))
    return [KeywordToCluster(str(row.id), row.text, row.applying_volume) for row in transaction.all(found)]


def labelled(transaction: Transaction, sector_id: UUID) -> list[tuple[str, str]]:
    """Return (text, cluster id) of a sector's live keywords that have a cluster."""
    tenant = transaction.tenant
    found = sa.select(KEYWORD.c.normalised, KEYWORD.c.cluster_id).where(
        *(KEYWORD.c.account_id == tenant.account_id, KEYWORD.c.site_id == tenant.site_id),
        *(KEYWORD.c.sector_id == sector_id, KEYWORD.c.cluster_id.is_not(None), KEYWORD.c.delete_time.is_(None)),
    )
    return [(row.normalised, str(row.cluster_id)) for row in transaction.all(found)]


def live(transaction: Transaction, cluster_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these clusters are not deleted."""
    found = sa.select(CLUSTER.c.id).where(
        CLUSTER.c.account_id == transaction.tenant.account_id,
        CLUSTER.c.id == sa.any_(sa.literal(list(cluster_ids), sa.ARRAY(sa.Uuid))),
        CLUSTER.c.delete_time.is_(None),
    )
    return {row.id for row in transaction.all(found)}


def successor(transaction: Transaction, cluster_id: UUID) -> UUID:
    """Return the cluster that has now what a cluster had when it was merged, or the cluster itself."""
    values = {"account": transaction.tenant.account_id, "cluster": cluster_id}
    found = transaction.one(_SUCCESSOR, values)
    return UUID(str(found.id)) if found else cluster_id


def map_content(transaction: Transaction, cluster_id: UUID, content_id: UUID) -> None:
    """Say that a content is mapped to a cluster, or to what that was merged into; the first time counts."""
    home = successor(transaction, cluster_id)
    transaction.execute(
        _MAP_CONTENT, {"account": transaction.tenant.account_id, "cluster": home, "content": content_id}
    )


def still_waiting(transaction: Transaction, sector_id: UUID, keyword_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these keywords still wait for a cluster, and keep them so until this transaction ends."""
    found = sa.text(
        "SELECT id FROM keyword WHERE account_id = :account AND site_id = :site AND sector_id = :sector"
        " AND id = ANY(:ids) AND cluster_id IS NULL AND delete_time IS NULL AND NOT disabled"
        " ORDER BY id FOR NO KEY UPDATE"
    )
    tenant = transaction.tenant
    scope = {"account": tenant.account_id, "site": tenant.site_id, "sector": sector_id}
    return {row.id for row in transaction.all(found, scope | {"ids": list(keyword_ids)})}


def store(
    transaction: Transaction, sector_id: UUID, step_id: UUID | None, clusters: Sequence[NewCluster]
) -> list[UUID]:
    """Store clusters under names that are free in the sector, and map their keywords; return their ids in order."""
    ids = _insert(transaction, sector_id, step_id, clusters)
    join(
        transaction,
        {
            keyword_id: cluster_id
            for cluster_id, cluster in zip(ids, clusters, strict=True)
            for keyword_id in cluster.keyword_ids
        },
    )
    return ids


def store_empty(transaction: Transaction, sector_id: UUID, step_id: UUID | None, ids: Sequence[UUID]) -> None:
    """Store clusters without keywords that are called after their ids until they get names."""
    rows = [{"id": cluster_id, "name": str(cluster_id), "primary": None} for cluster_id in ids]
    if rows:
        _insert_rows(transaction, sector_id, step_id, rows)


def join(transaction: Transaction, homes: Mapping[UUID, UUID]) -> None:
    """Put keywords, which the caller has locked, into clusters: keyword id -> cluster id."""
    values = {"keywords": list(homes), "clusters": list(homes.values())}
    transaction.execute(_MAP, {"account": transaction.tenant.account_id} | values)


def _insert(
    transaction: Transaction, sector_id: UUID, step_id: UUID | None, clusters: Sequence[NewCluster]
) -> list[UUID]:
    ids = [new_id() for _ in clusters]
    left = dict(zip(ids, clusters, strict=True))
    for _ in range(_NAMING_TRIES):
        if not left:
            return ids
        taken = _taken_names(transaction, sector_id)
        rows = []
        for cluster_id, cluster in left.items():
            name = free_name(cluster.names, taken)
            taken.add(name.lower())
            rows.append({"id": cluster_id, "name": name, "primary": cluster.keyword_ids[0]})
        for stored in _insert_rows(transaction, sector_id, step_id, rows):
            del left[stored]
    raise RuntimeError(f"No free names were found for {len(left)} clusters; the step can be tried again.")


def _insert_rows(
    transaction: Transaction, sector_id: UUID, step_id: UUID | None, rows: list[dict[str, Any]]
) -> list[UUID]:
    tenant = transaction.tenant
    parameters = {
        "account": tenant.account_id,
        "site": tenant.site_id,
        "sector": sector_id,
        "step": step_id,
        "ids": [row["id"] for row in rows],
        "names": [row["name"] for row in rows],
        "primaries": [row["primary"] for row in rows],
    }
    return [row.id for row in transaction.all(_INSERT, parameters)]


def is_taken(transaction: Transaction, sector_id: UUID, name: str) -> bool:
    """Whether a live cluster of the sector has this name, in any case of letters."""
    return name.lower() in _taken_names(transaction, sector_id)


def _taken_names(transaction: Transaction, sector_id: UUID) -> set[str]:
    names = sa.select(sa.func.lower(CLUSTER.c.name).label("name")).where(
        CLUSTER.c.account_id == transaction.tenant.account_id,
        CLUSTER.c.site_id == transaction.tenant.site_id,
        CLUSTER.c.sector_id == sector_id,
        CLUSTER.c.delete_time.is_(None),
    )
    return {row.name for row in transaction.all(names)}


def _waiting(transaction: Transaction) -> list[sa.ColumnElement[bool]]:
    tenant = transaction.tenant
    return [
        KEYWORD.c.account_id == tenant.account_id,
        KEYWORD.c.site_id == tenant.site_id,
        KEYWORD.c.cluster_id.is_(None),
        KEYWORD.c.delete_time.is_(None),
        KEYWORD.c.disabled.is_(False),
    ]


_INSERT = sa.text(
    "INSERT INTO cluster (account_id, site_id, sector_id, step_id, id, name, primary_keyword_id)"
    " SELECT :account, :site, :sector, CAST(:step AS uuid), id, name, primary_keyword_id"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:primaries AS uuid[]))"
    " AS new (id, name, primary_keyword_id)"
    " ON CONFLICT (account_id, site_id, sector_id, lower(name)) WHERE delete_time IS NULL DO NOTHING RETURNING id"
)
_SUCCESSOR = sa.text(
    "WITH RECURSIVE merged (id, merged_into_id, depth) AS (SELECT id, merged_into_id, 0 FROM cluster"
    " WHERE account_id = :account AND id = :cluster"
    " UNION ALL SELECT c.id, c.merged_into_id, m.depth + 1 FROM merged m"
    " JOIN cluster c ON c.account_id = :account AND c.id = m.merged_into_id)"
    " SELECT id FROM merged ORDER BY depth DESC LIMIT 1"
)
_MAP_CONTENT = sa.text(
    "INSERT INTO cluster_content (account_id, site_id, sector_id, id, cluster_id)"
    " SELECT account_id, site_id, sector_id, :content, id FROM cluster WHERE account_id = :account AND id = :cluster"
    " ON CONFLICT (account_id, id) DO NOTHING"
)
_MAP = sa.text(
    "UPDATE keyword SET cluster_id = new.cluster_id, update_time = now(), revision = revision + 1"
    " FROM unnest(CAST(:keywords AS uuid[]), CAST(:clusters AS uuid[])) AS new (keyword_id, cluster_id)"
    " WHERE keyword.account_id = :account AND keyword.id = new.keyword_id"
)
