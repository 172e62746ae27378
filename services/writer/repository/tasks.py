"""Queries about tasks."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from services.writer.models import Base

_TASK = Base.metadata.tables["task"]


def ready(transaction: Transaction, ids: Sequence[UUID], limit: int) -> tuple[Sequence[sa.Row[Any]], int]:
    """Return the oldest tasks that wait to be written, and how many there are in all.

    Args:
        transaction: of one site.
        ids: only these when there are any; one that failed may be named to be tried again.
        limit: rows at most; 0 only counts.
    """
    statuses = ("queued", "failed") if ids else ("queued",)
    where = [_TASK.c.status.in_(statuses), ~_TASK.c.disabled, _TASK.c.delete_time.is_(None)]
    if ids:
        where.append(_TASK.c.id.in_(ids))
    total = int(transaction.execute(sa.select(sa.func.count()).select_from(_TASK).where(*where)).scalar_one())
    columns = (_TASK.c.id, _TASK.c.title, _TASK.c.target_word_count)
    rows = transaction.all(sa.select(*columns).where(*where).order_by(_TASK.c.id).limit(limit)) if limit > 0 else []
    return rows, total


def of_ideas(transaction: Transaction, ideas: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the tasks of ideas, deleted ones too, by idea: an idea makes one task, ever."""
    statement = sa.select(_TASK.c.content_idea_id, _TASK.c.id).where(_TASK.c.content_idea_id.in_(ideas))
    return {row.content_idea_id: row.id for row in transaction.all(statement)} if ideas else {}


def add(transaction: Transaction, values: Mapping[str, Any]) -> UUID | None:
    """Insert a task; return None when its idea has one already."""
    statement = insert(_TASK).values(**values)
    statement = statement.on_conflict_do_nothing(index_elements=["account_id", "site_id", "content_idea_id"])
    row = transaction.one(statement.returning(_TASK.c.id))
    return row.id if row else None


def get(transaction: Transaction, task_id: UUID, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return a task that is not deleted; with `lock`, nobody changes it before this transaction ends."""
    statement = sa.select(_TASK).where(_TASK.c.id == task_id, _TASK.c.delete_time.is_(None))
    return transaction.one(statement.with_for_update() if lock else statement)


def shown(transaction: Transaction, task_id: UUID) -> sa.RowMapping:
    """Return a task that is there, whether deleted or not."""
    return transaction.execute(sa.select(_TASK).where(_TASK.c.id == task_id)).mappings().one()


def change(transaction: Transaction, task_id: UUID, values: Mapping[str, Any], *where: sa.ColumnElement[bool]) -> None:
    """Change a task, where more than its id may have to hold."""
    stamps = {"revision": _TASK.c.revision + 1, "update_time": sa.func.now()}
    transaction.execute(sa.update(_TASK).where(_TASK.c.id == task_id, *where).values(**values, **stamps))


def let_go(transaction: Transaction, task_id: UUID, step_id: UUID, values: Mapping[str, Any]) -> None:
    """Change a task that a step has begun and no other one has begun since."""
    change(transaction, task_id, values, _TASK.c.step_id == step_id, _TASK.c.status == "running")
