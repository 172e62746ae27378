"""Queries about pictures."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from services.writer.models import Base

_IMAGE = Base.metadata.tables["image"]
_CONTENT = Base.metadata.tables["content"]
_ALIVE = _IMAGE.c.delete_time.is_(None)
_OF_CONTENT = sa.and_(_IMAGE.c.account_id == _CONTENT.c.account_id, _IMAGE.c.content_id == _CONTENT.c.id)


def ready(transaction: Transaction, ids: Sequence[UUID], limit: int) -> tuple[Sequence[sa.Row[Any]], int]:
    """Return the oldest pictures that wait to be made, and how many there are in all.

    Args:
        transaction: of one site.
        ids: only these when there are any; one that failed may be named to be tried again.
        limit: rows at most; 0 only counts.
    """
    statuses = ("pending", "failed") if ids else ("pending",)
    where = [_IMAGE.c.status.in_(statuses), _ALIVE, _CONTENT.c.delete_time.is_(None)]
    if ids:
        where.append(_IMAGE.c.id.in_(ids))
    both = _IMAGE.join(_CONTENT, _OF_CONTENT)
    total = int(transaction.execute(sa.select(sa.func.count()).select_from(both).where(*where)).scalar_one())
    columns = (_IMAGE.c.id, _IMAGE.c.kind, _IMAGE.c.position, _CONTENT.c.title)
    rows = sa.select(*columns).select_from(both).where(*where).order_by(_IMAGE.c.id).limit(max(limit, 0))
    return transaction.all(rows) if limit > 0 else [], total


def get(transaction: Transaction, image_id: UUID, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return a picture that is not deleted, with its content's title; with `lock`, nobody else changes it meanwhile."""
    statement = (
        sa.select(_IMAGE, _CONTENT.c.title)
        .select_from(_IMAGE.join(_CONTENT, _OF_CONTENT))
        .where(_IMAGE.c.id == image_id, _ALIVE, _CONTENT.c.delete_time.is_(None))
    )
    return transaction.one(statement.with_for_update(of=_IMAGE) if lock else statement)


def add(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert pictures that wait to be made."""
    transaction.execute(sa.insert(_IMAGE), [dict(row) for row in rows])


def change(transaction: Transaction, image_id: UUID, values: Mapping[str, Any], *where: sa.ColumnElement[bool]) -> None:
    """Change a picture, where more than its id may have to hold."""
    stamps = {"revision": _IMAGE.c.revision + 1, "update_time": sa.func.now()}
    transaction.execute(sa.update(_IMAGE).where(_IMAGE.c.id == image_id, *where).values(**values, **stamps))


def give_up(transaction: Transaction, image_id: UUID, error: str) -> None:
    """Note that a picture which still waits will not come."""
    change(transaction, image_id, {"status": "failed", "error": error}, _IMAGE.c.status == "pending")


def of_content(transaction: Transaction, content_id: UUID, status: str) -> Sequence[sa.RowMapping]:
    """Return a content's pictures of one state: the featured one first, then those of the text in their order."""
    statement = (
        sa.select(_IMAGE)
        .where(_IMAGE.c.content_id == content_id, _IMAGE.c.status == status, _ALIVE)
        .order_by(_IMAGE.c.kind, _IMAGE.c.position)
    )
    return transaction.execute(statement).mappings().all()


def count(transaction: Transaction, content_id: UUID, *, status: str | None = None) -> int:
    """Return how many pictures of a state a content has; without a state all it ever had, deleted ones too."""
    where = [_IMAGE.c.content_id == content_id]
    if status is not None:
        where += [_IMAGE.c.status == status, _ALIVE]
    return int(transaction.execute(sa.select(sa.func.count()).select_from(_IMAGE).where(*where)).scalar_one())
