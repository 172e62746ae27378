"""Clusters that are arranged anew: locked, looked at, put into each other, and keywords put into them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Row

from chassis.database import Transaction
from services.planner.models import Cluster, Keyword, applying, table

KEYWORD, CLUSTER = table(Keyword), table(Cluster)


def find(transaction: Transaction, cluster_ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """Return the site's clusters of these ids, deleted ones too."""
    found = sa.select(CLUSTER).where(*_here(transaction, CLUSTER), CLUSTER.c.id == _any(cluster_ids))
    return {row.id: row for row in transaction.all(found)}


def lock_keywords(transaction: Transaction, cluster_ids: Sequence[UUID]) -> None:
    """Keep the keywords of clusters as they are until this transaction ends; before their clusters, as triggers do."""
    transaction.execute(_LOCK, {"account": transaction.tenant.account_id, "clusters": list(cluster_ids)})


def keywords_of(transaction: Transaction, keyword_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """Lock and return the live ones of these keywords of the site, the most searched first."""
    ids = KEYWORD.c.id == _any(keyword_ids)
    locked = sa.select(KEYWORD.c.id).where(*_here(transaction, KEYWORD), ids, KEYWORD.c.delete_time.is_(None))
    transaction.execute(locked.order_by(KEYWORD.c.id).with_for_update(key_share=True))
    found = sa.select(KEYWORD.c.id, KEYWORD.c.text, KEYWORD.c.sector_id, KEYWORD.c.cluster_id)
    mine = found.where(*_here(transaction, KEYWORD), ids, KEYWORD.c.delete_time.is_(None))
    order = (applying("volume").desc().nulls_last(), sa.func.length(KEYWORD.c.text), KEYWORD.c.normalised)
    return transaction.all(mine.order_by(*order))


def place(transaction: Transaction, keyword_ids: Sequence[UUID], cluster_id: UUID, by: str) -> None:
    """Put keywords, which the caller has locked, into a cluster because somebody said so."""
    mine = (KEYWORD.c.account_id == transaction.tenant.account_id, KEYWORD.c.id == _any(keyword_ids))
    values = {"cluster_id": cluster_id, "placed_by": by, **_stamps(KEYWORD)}
    transaction.execute(sa.update(KEYWORD).where(*mine).values(values))


def keep(transaction: Transaction, cluster_ids: Sequence[UUID], by: str) -> None:
    """Say that somebody wants the keywords of clusters where they are; who said so before stays."""
    mine = (KEYWORD.c.account_id == transaction.tenant.account_id, KEYWORD.c.cluster_id == _any(cluster_ids))
    free = (KEYWORD.c.placed_by == "", KEYWORD.c.delete_time.is_(None))
    transaction.execute(sa.update(KEYWORD).where(*mine, *free).values(placed_by=by, **_stamps(KEYWORD)))


def fold(transaction: Transaction, homes: Mapping[UUID, UUID]) -> None:
    """Put all that clusters have into others, delete them, and tell it: cluster id -> the one that gets it.

    `planner.clusters_merged` {cluster_id, merged_cluster_ids}, one for each that gets something.
    """
    lock_keywords(transaction, list(homes))
    values = {"account": transaction.tenant.account_id, "merged": list(homes), "homes": list(homes.values())}
    for statement in _FOLD:
        transaction.execute(statement, values)
    for home in sorted(set(homes.values())):
        merged = sorted(str(cluster_id) for cluster_id, into in homes.items() if into == home)
        payload = {"cluster_id": str(home), "merged_cluster_ids": merged}
        transaction.emit("planner.clusters_merged", payload, site_id=transaction.tenant.site_id)


def write(transaction: Transaction, cluster_id: UUID, values: Mapping[str, Any]) -> None:
    """Change columns of a cluster."""
    mine = (CLUSTER.c.account_id == transaction.tenant.account_id, CLUSTER.c.id == cluster_id)
    transaction.execute(sa.update(CLUSTER).where(*mine).values({**values, **_stamps(CLUSTER)}))


def _any(ids: Sequence[UUID]) -> sa.ColumnElement[Any]:
    return sa.any_(sa.literal(list(ids), sa.ARRAY(sa.Uuid)))


def _here(transaction: Transaction, of: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    tenant = transaction.tenant
    return (of.c.account_id == tenant.account_id, of.c.site_id == tenant.site_id)


def _stamps(of: sa.Table) -> dict[str, Any]:
    return {"update_time": sa.func.now(), "revision": of.c.revision + 1}


_LOCK = sa.text(
    "SELECT 1 FROM keyword WHERE account_id = :account AND cluster_id = ANY(CAST(:clusters AS uuid[]))"
    " ORDER BY id FOR NO KEY UPDATE"
)
_HOMES = "unnest(CAST(:merged AS uuid[]), CAST(:homes AS uuid[])) AS h (merged, home)"
_FOLD = tuple(
    sa.text(statement.format(homes=_HOMES))
    for statement in (
        "UPDATE cluster c SET planned_count = c.planned_count + m.planned_count, update_time = now(),"
        " status = CASE WHEN m.is_mapped THEN 'mapped' ELSE c.status END, revision = c.revision + 1"
        " FROM (SELECT h.home, sum(c.planned_count)::bigint AS planned_count, bool_or(c.status = 'mapped') AS is_mapped"
        " FROM {homes} JOIN cluster c ON c.account_id = :account AND c.id = h.merged GROUP BY h.home) m"
        " WHERE c.account_id = :account AND c.id = m.home",
        "UPDATE keyword k SET cluster_id = h.home, update_time = now(), revision = k.revision + 1 FROM {homes}"
        " WHERE k.account_id = :account AND k.cluster_id = h.merged",
        "UPDATE content_idea i SET cluster_id = h.home, update_time = now(), revision = i.revision + 1 FROM {homes}"
        " WHERE i.account_id = :account AND i.cluster_id = h.merged",
        "UPDATE cluster_content m SET cluster_id = h.home FROM {homes}"
        " WHERE m.account_id = :account AND m.cluster_id = h.merged",
        "UPDATE cluster c SET merged_into_id = h.home, delete_time = now(), update_time = now(),"
        " revision = c.revision + 1 FROM {homes} WHERE c.account_id = :account AND c.id = h.merged",
    )
)
"""In this order: what a cluster had ideas for is told on before its keywords leave it, which sets that to nothing."""
