"""Clustering a sector again: the keywords it is about, what it proposes, and carrying that out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Row

from chassis.database import Transaction
from chassis.ids import new_id
from services.planner.clustering import KeywordToCluster
from services.planner.domain import ReclusteringStatus
from services.planner.models import Cluster, Keyword, Reclustering, ReclusteringMove, applying, table
from services.planner.reclustering import Move, Named, Placed, Plan

KEYWORD, CLUSTER = table(Keyword), table(Cluster)
RECLUSTERING, MOVE = table(Reclustering), table(ReclusteringMove)


def count_placeable(transaction: Transaction, sector_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return, by sector, how many keywords clustering again is about."""
    counted = sa.select(KEYWORD.c.sector_id, sa.func.count().label("keywords")).select_from(_JOINED)
    counted = counted.where(*_placeable(transaction), KEYWORD.c.sector_id.in_(sector_ids))
    return {row.sector_id: row.keywords for row in transaction.all(counted.group_by(KEYWORD.c.sector_id))}


def placeable(transaction: Transaction, sector_id: UUID) -> list[Placed]:
    """Return a sector's keywords that are live and not disabled, nor in a cluster that is."""
    volume = applying("volume").label("applying_volume")
    found = sa.select(KEYWORD.c.id, KEYWORD.c.text, volume, KEYWORD.c.cluster_id, KEYWORD.c.placed_by)
    rows = transaction.all(found.select_from(_JOINED).where(*_placeable(transaction), KEYWORD.c.sector_id == sector_id))
    return [
        Placed(
            KeywordToCluster(str(row.id), row.text, row.applying_volume),
            str(row.cluster_id) if row.cluster_id else None,
            is_fixed=bool(row.placed_by),
        )
        for row in rows
    ]


def names(transaction: Transaction, sector_id: UUID) -> dict[str, Named]:
    """Return the names of a sector's live clusters by id."""
    found = sa.select(CLUSTER.c.id, CLUSTER.c.name, CLUSTER.c.name_given).where(
        *_here(transaction, CLUSTER), CLUSTER.c.sector_id == sector_id, CLUSTER.c.delete_time.is_(None)
    )
    return {str(row.id): Named(row.name, row.name_given) for row in transaction.all(found)}


def propose(
    transaction: Transaction, sector_id: UUID, step_id: UUID, granularity: float, plan: Plan, shown: Mapping[str, str]
) -> UUID:
    """Store what clustering again proposes, in the place of what was proposed before; return its id.

    Args:
        transaction: of the site.
        sector_id: the sector.
        step_id: the step that found it out.
        granularity: with what it was clustered.
        plan: what would change.
        shown: the texts of keywords and the names of clusters, by id.
    """
    key = {"account_id": transaction.tenant.account_id, "site_id": transaction.tenant.site_id}
    _supersede(transaction, sector_id)
    reclustering_id = new_id()
    row = {
        **key,
        "sector_id": sector_id,
        "id": reclustering_id,
        "granularity": granularity,
        "changes": list(plan.changes),
        "homes": dict(plan.homes),
        "names": dict(plan.names),
        "step_id": step_id,
        **plan.counts,
    }
    transaction.execute(sa.insert(RECLUSTERING).values(row))
    moves = [key | _move(reclustering_id, move, shown) for move in plan.moves]
    if moves:
        transaction.execute(sa.insert(MOVE), moves)
    return reclustering_id


def find(transaction: Transaction, reclustering_id: UUID) -> Row[Any] | None:
    """Lock and return a reclustering of the site, or None."""
    found = sa.select(RECLUSTERING).where(*_here(transaction, RECLUSTERING), RECLUSTERING.c.id == reclustering_id)
    return transaction.one(found.with_for_update())


def new_clusters(transaction: Transaction, reclustering_id: UUID) -> list[UUID]:
    """Return the ids of the clusters that a reclustering makes."""
    there = sa.exists().where(CLUSTER.c.account_id == MOVE.c.account_id, CLUSTER.c.id == MOVE.c.to_cluster_id)
    targets = sa.select(MOVE.c.to_cluster_id).distinct().where(*_of(transaction, reclustering_id), ~there)
    return [row.to_cluster_id for row in transaction.all(targets)]


def carry_out(transaction: Transaction, reclustering_id: UUID) -> int:
    """Move the keywords that are where they were when it was proposed, and that nobody placed; return how many.

    Their rows are locked in the order of their ids first, as everybody does who changes many.
    """
    values = {"account": transaction.tenant.account_id, "reclustering": reclustering_id}
    return transaction.execute(_CARRY_OUT, values).rowcount


def drop_empty(transaction: Transaction, cluster_ids: Sequence[UUID]) -> None:
    """Delete those of some clusters, all made just now, that got no keyword."""
    transaction.execute(_DROP_EMPTY, {"account": transaction.tenant.account_id, "clusters": list(cluster_ids)})


def keyword_counts(transaction: Transaction, cluster_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many live keywords each of some live clusters has."""
    found = sa.select(CLUSTER.c.id, CLUSTER.c.keyword_count).where(
        *_here(transaction, CLUSTER),
        CLUSTER.c.id == sa.any_(sa.literal(list(cluster_ids), sa.ARRAY(sa.Uuid))),
        CLUSTER.c.delete_time.is_(None),
    )
    return {row.id: row.keyword_count for row in transaction.all(found)}


def rename(transaction: Transaction, names_now: Mapping[UUID, str]) -> None:
    """Give clusters other names, which are free once all of them have given up their own."""
    values = {"account": transaction.tenant.account_id, "ids": list(names_now), "names": list(names_now.values())}
    for statement in _RENAME:
        transaction.execute(statement, values)


def finish(transaction: Transaction, reclustering_id: UUID, values: Mapping[str, Any]) -> None:
    """Write down how carrying it out went: column values of its row."""
    mine = (*_here(transaction, RECLUSTERING), RECLUSTERING.c.id == reclustering_id)
    transaction.execute(sa.update(RECLUSTERING).where(*mine).values({**values, **_stamps()}))


def _supersede(transaction: Transaction, sector_id: UUID) -> None:
    mine = (*_here(transaction, RECLUSTERING), RECLUSTERING.c.sector_id == sector_id)
    older = sa.update(RECLUSTERING).where(*mine, RECLUSTERING.c.status == ReclusteringStatus.PROPOSED)
    done = older.values(status=ReclusteringStatus.SUPERSEDED, **_stamps()).returning(RECLUSTERING.c.id)
    ids = [row.id for row in transaction.all(done)]
    if ids:  # nobody will carry them out; their counts and changes stay
        transaction.execute(
            sa.delete(MOVE).where(MOVE.c.account_id == transaction.tenant.account_id, MOVE.c.reclustering_id.in_(ids))
        )


def _move(reclustering_id: UUID, move: Move, shown: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": new_id(),
        "reclustering_id": reclustering_id,
        "keyword_id": UUID(move.keyword_id),
        "keyword": shown[move.keyword_id],
        "from_cluster_id": UUID(move.origin) if move.origin else None,
        "from_name": shown.get(move.origin or "", ""),
        "to_cluster_id": UUID(move.target),
        "to_name": shown[move.target],
    }


def _here(transaction: Transaction, of: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    tenant = transaction.tenant
    return (of.c.account_id == tenant.account_id, of.c.site_id == tenant.site_id)


def _of(transaction: Transaction, reclustering_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (MOVE.c.account_id == transaction.tenant.account_id, MOVE.c.reclustering_id == reclustering_id)


def _placeable(transaction: Transaction) -> tuple[sa.ColumnElement[bool], ...]:
    free = sa.or_(KEYWORD.c.cluster_id.is_(None), CLUSTER.c.disabled.is_(False))
    return (*_here(transaction, KEYWORD), KEYWORD.c.delete_time.is_(None), KEYWORD.c.disabled.is_(False), free)


def _stamps() -> dict[str, Any]:
    return {"update_time": sa.func.now(), "revision": RECLUSTERING.c.revision + 1}


_JOINED = KEYWORD.outerjoin(
    CLUSTER, (CLUSTER.c.account_id == KEYWORD.c.account_id) & (CLUSTER.c.id == KEYWORD.c.cluster_id)
)
_CARRY_OUT = sa.text(
    "WITH moved AS (SELECT k.id, m.to_cluster_id FROM reclustering_move m"
    " JOIN keyword k ON k.account_id = m.account_id AND k.id = m.keyword_id"
    " JOIN cluster c ON c.account_id = m.account_id AND c.id = m.to_cluster_id AND c.delete_time IS NULL"
    " WHERE m.account_id = :account AND m.reclustering_id = :reclustering AND k.placed_by = ''"
    " AND k.cluster_id IS NOT DISTINCT FROM m.from_cluster_id AND k.delete_time IS NULL AND NOT k.disabled"
    " ORDER BY k.id FOR NO KEY UPDATE OF k)"
    " UPDATE keyword k SET cluster_id = moved.to_cluster_id, update_time = now(), revision = k.revision + 1"
    " FROM moved WHERE k.account_id = :account AND k.id = moved.id"
)
_DROP_EMPTY = sa.text(
    "DELETE FROM cluster WHERE account_id = :account AND id = ANY(CAST(:clusters AS uuid[])) AND keyword_count = 0"
)
_RENAME = (
    sa.text(
        "UPDATE cluster SET name = id::text WHERE account_id = :account AND id = ANY(CAST(:ids AS uuid[]))"
        " AND delete_time IS NULL"
    ),
    sa.text(
        "UPDATE cluster c SET name = n.name, update_time = now(), revision = c.revision + 1"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS n (id, name)"
        " WHERE c.account_id = :account AND c.id = n.id AND c.delete_time IS NULL"
    ),
)
"""The names go by themselves first: two clusters may exchange theirs."""
