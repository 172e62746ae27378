"""Many keywords in one statement: changed, deleted, brought back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from services.planner.models import Keyword, table

KEYWORD = table(Keyword)
Conditions = Sequence[sa.ColumnElement[bool]]
"""What holds of the rows of keywords, all at once."""
DELETED: Mapping[str, Any] = {"delete_time": sa.func.now()}
"""The column values of a keyword that is deleted now."""
LISTED_MAX = 1_000
"""As many refused keywords are listed; all are counted."""


@dataclass(frozen=True)
class Chosen:
    """Which keywords are meant.

    where: what holds of their rows, deleted or not among it. revisions: the revision that each named one must have, ""
    for any; empty when `where` alone says it.
    """

    where: Conditions
    revisions: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StillDeleted:
    """Deleted keywords that did not come back: how many, and the first of them with their texts."""

    count: int
    first: Sequence[tuple[UUID, str]]


def change(transaction: Transaction, chosen: Chosen, values: Mapping[str, Any]) -> tuple[int, frozenset[UUID]]:
    """Give keywords these column values; return how many, and the ids of those that were named.

    The rows are locked in the order of their ids first, so that two who change the same ones wait and do not deadlock.
    """
    meant = sa.select(KEYWORD.c.id).where(*_here(transaction), *_meant(chosen)).order_by(KEYWORD.c.id)
    locked = meant.with_for_update(key_share=True).cte("locked")
    changed = _write(values).where(*_here(transaction), KEYWORD.c.id == locked.c.id)
    if not chosen.revisions:  # there may be a million; nobody asks for their ids
        return transaction.execute(changed).rowcount, frozenset()
    ids = frozenset(row.id for row in transaction.execute(changed.returning(KEYWORD.c.id)))
    return len(ids), ids


def undelete(transaction: Transaction, chosen: Chosen) -> int:
    """Bring deleted keywords back whose text is free in their sector, of equal ones the last deleted; return how many.

    Call it under the account's limit: nobody else adds keywords meanwhile.
    """
    live = KEYWORD.alias("live")
    same = [live.c[name] == KEYWORD.c[name] for name in ("account_id", "site_id", "sector_id", "normalised")]
    taken = sa.exists().where(*same, live.c.delete_time.is_(None)).correlate(KEYWORD)
    newest = sa.func.row_number().over(
        partition_by=(KEYWORD.c.sector_id, KEYWORD.c.normalised),
        order_by=(KEYWORD.c.delete_time.desc(), KEYWORD.c.id.desc()),
    )
    free = (
        sa.select(KEYWORD.c.id, newest.label("place")).where(*_here(transaction), *_meant(chosen), ~taken).cte("free")
    )
    back = _write({"delete_time": None}).where(*_here(transaction), KEYWORD.c.id == free.c.id, free.c.place == 1)
    return transaction.execute(back).rowcount


def existing(transaction: Transaction, ids: Collection[UUID], *, deleted_too: bool) -> frozenset[UUID]:
    """Return those of some ids that are keywords of the site."""
    found = sa.select(KEYWORD.c.id).where(*_here(transaction), KEYWORD.c.id == sa.any_(_array(ids)))
    if not deleted_too:
        found = found.where(KEYWORD.c.delete_time.is_(None))
    return frozenset(row.id for row in transaction.all(found))


def still_deleted(transaction: Transaction, chosen: Chosen) -> StillDeleted:
    """Return which of the chosen deleted keywords are deleted still."""
    found = sa.select(KEYWORD.c.id, KEYWORD.c.text, sa.func.count().over().label("total"))
    rows = transaction.all(found.where(*_here(transaction), *_meant(chosen)).order_by(KEYWORD.c.id).limit(LISTED_MAX))
    return StillDeleted(rows[0].total if rows else 0, [(row.id, row.text) for row in rows])


def _here(transaction: Transaction) -> tuple[sa.ColumnElement[bool], ...]:
    tenant = transaction.tenant
    return (KEYWORD.c.account_id == tenant.account_id, KEYWORD.c.site_id == tenant.site_id)


def _meant(chosen: Chosen) -> Conditions:
    if not chosen.revisions:
        return chosen.where
    any_revision = [keyword_id for keyword_id, revision in chosen.revisions.items() if not revision]
    exactly = [pair for pair in chosen.revisions.items() if pair[1]]
    named = KEYWORD.c.id == sa.any_(_array(any_revision))
    if exactly:
        pair = sa.tuple_(KEYWORD.c.id, sa.cast(KEYWORD.c.revision, sa.Text))
        named = sa.or_(named, pair.in_(exactly))
    return [*chosen.where, named]


def _array(ids: Collection[UUID]) -> sa.BindParameter[Any]:
    return sa.literal(list(ids), sa.ARRAY(sa.Uuid))


def _write(values: Mapping[str, Any]) -> sa.Update:
    stamps = {"update_time": sa.func.now(), "revision": KEYWORD.c.revision + 1}
    return sa.update(KEYWORD).values({**values, **stamps})
