"""Queries over what happened in runs."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from services.orchestrator.repository.tables import RunKey, event, is_run, run


def add_event(
    connection: sa.Connection,
    key: RunKey,
    kind: str,
    message: str,
    *,
    stage_number: int = 0,
    step_id: UUID | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Append an event; the run's row is locked by it, so that positions have no gaps."""
    counted = sa.update(run).where(*is_run(key)).values(event_count=run.c.event_count + 1)
    position = connection.execute(counted.returning(run.c.event_count)).scalar_one()
    values = {
        **key.columns,
        "id": new_id(),
        "position": position,
        "kind": kind,
        "stage": stage_number,
        "step_id": step_id,
        "message": message,
        "payload": dict(payload or {}),
    }
    connection.execute(sa.insert(event).values(values))


def read_events(tx: Transaction, run_id: UUID, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Return a run's events after a position, in order."""
    statement = sa.select(event).where(event.c.run_id == run_id, event.c.position > after)
    return tx.all(statement.order_by(event.c.position).limit(limit))


def read_last_events(tx: Transaction, run_id: UUID, count: int) -> Sequence[sa.Row[Any]]:
    """Return a run's last events, in order."""
    newest = sa.select(event).where(event.c.run_id == run_id).order_by(event.c.position.desc()).limit(count)
    return tx.all(newest)[::-1]
