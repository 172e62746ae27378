"""Queries over steps."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.work import Item
from services.orchestrator.domain.stages import ACTIVE, PLAN_STAGE
from services.orchestrator.models import (
    ASIDE,
)
from services.orchestrator.repository.tables import RunKey, is_run, of_run, run, stage, step


def insert_planning_step(
    connection: sa.Connection, key: RunKey, place: int, stage_number: int, label: str, *, in_s: int = 0
) -> None:
    """Insert the step that plans a stage, due in some seconds; its subject is the run, so that two openings write one
    row."""
    values = {
        **key.columns,
        "id": new_id(),
        "place": place,
        "stage": stage_number,
        "function": PLAN_STAGE,
        "subject_id": key.run_id,
        "subject_kind": "run",
        "label": label,
        "lane": "local",
        "due": in_seconds(in_s),
    }
    connection.execute(insert(step).values(values).on_conflict_do_nothing())


def read_work_of_site(tx: Transaction, site_id: UUID) -> dict[str, dict[str, int]]:
    """Return by function how many steps of a site are queued, running and failed, and how many items were done."""
    replayed = step.c.replay_run_id.is_not(None)
    state = sa.case((step.c.status == "ready", "queued"), else_=step.c.status).label("state")
    of_steps = sa.select(step.c.function, state, sa.func.count().label("number")).group_by(step.c.function, state)
    open_ones = of_steps.where(step.c.site_id == site_id, step.c.status.in_(("ready", "running")))
    failed = of_steps.where(step.c.site_id == site_id, step.c.status == "failed", sa.not_(replayed))
    total = sa.cast(sa.func.sum(stage.c.succeeded), sa.BigInteger).label("number")
    done = sa.select(stage.c.function, sa.literal("done").label("state"), total).group_by(stage.c.function)
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for statement in (open_ones, failed, done.where(stage.c.site_id == site_id)):
        for row in tx.all(statement):
            counts[row.function][row.state] = row.number
    return counts


def read_busy(tx: Transaction, site_id: UUID, function: str, subject_ids: Sequence[UUID]) -> Sequence[sa.Row[Any]]:
    """Return which of some rows have an open step of a function, each with the name and the id of its run."""
    joined = step.join(run, sa.and_(run.c.account_id == step.c.account_id, run.c.id == step.c.run_id))
    where = (step.c.site_id == site_id, step.c.function == function, step.c.status.in_(("ready", "running")))
    busy = sa.select(step.c.subject_id, run.c.name, run.c.id).select_from(joined).where(*where)
    return tx.all(busy.where(step.c.subject_id.in_(subject_ids)).order_by(run.c.id, step.c.subject_id))


def read_waiting(tx: Transaction, run_id: UUID, place: int) -> list[Item]:
    """Return the items of a run's stage that have yet to be applied, with the most that each may need."""
    where = (step.c.run_id == run_id, step.c.place == place, step.c.status.in_(("ready", "running")))
    waiting = sa.select(step).where(*where, step.c.function != PLAN_STAGE, sa.not_(step.c.apply_sent))
    return [
        Item(row.subject_id, row.subject_kind, row.label, row.limit_quantity, row.limit_quantity)
        for row in tx.all(waiting.order_by(step.c.id))
    ]


def has_open_steps(tx: Transaction, run_id: UUID) -> bool:
    """Return whether a run has steps that have not ended; those of a cancelled run may still be captured."""
    open_ones = sa.select(sa.literal(1)).where(step.c.run_id == run_id, step.c.status.in_(("ready", "running")))
    return tx.one(open_ones.limit(1)) is not None


def put_aside(connection: sa.Connection, key: RunKey) -> None:
    """Put a paused run's waiting steps where no claim looks, until they are woken.

    Those that may hold credits are due now, so that somebody lets go of them; those whose Apply was sent go on.
    """
    waiting = (*of_run(step, key), step.c.status == "ready")
    due = sa.case((sa.or_(step.c.reserved, step.c.apply_sent), sa.func.now()), else_=sa.literal_column(f"'{ASIDE}'"))
    connection.execute(sa.update(step).where(*waiting).values(due=due))


def wake_steps(connection: sa.Connection, key: RunKey, *, in_batches: bool = False) -> None:
    """Make a run's waiting steps due, so that a resume or a cancel does not wait for a backoff.

    Args:
        connection: of the caller.
        key: the run.
        in_batches: the first batch that waits is due now, and the others behind it with the run's delay; else all now.
    """
    waiting = (*of_run(step, key), step.c.status == "ready")
    due: sa.ColumnElement[datetime] = sa.func.now()
    if in_batches:
        first = sa.select(sa.func.min(step.c.batch)).where(*waiting).scalar_subquery()
        delay = sa.cast(run.c.plan["options"]["delay_within_stage_s"].astext, sa.Integer)
        delay_s = sa.select(sa.func.coalesce(delay, 0)).where(*is_run(key)).scalar_subquery()
        due = in_seconds((step.c.batch - first) * delay_s)
    connection.execute(sa.update(step).where(*waiting, step.c.due > sa.func.now()).values(due=due))


def in_seconds(seconds: Any) -> sa.ColumnElement[datetime]:
    """Return the database's time in so many seconds: a number, or an expression."""
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def cancel_untouched_steps(connection: sa.Connection, key: RunKey) -> None:
    """Cancel the steps that no worker has touched; the others are unwound by whoever holds them."""
    where = (*of_run(step, key), step.c.status == "ready", step.c.fence == 0)
    ended = sa.update(step).where(*where).values(status="cancelled", phase="done", update_time=sa.func.now())
    cancelled = connection.execute(ended.returning(step.c.place, step.c.function))
    for place, count in Counter(row.place for row in cancelled if row.function != PLAN_STAGE).items():
        target = (*of_run(stage, key), stage.c.place == place)
        connection.execute(sa.update(stage).where(*target).values(cancelled=stage.c.cancelled + count))


def read_failed(tx: Transaction, run_id: UUID | None, step_ids: Sequence[UUID], limit: int) -> Sequence[sa.Row[Any]]:
    """Return failed steps of the tenant's site, oldest first, each with its run's options and how its replay stands."""
    again = run.alias("again")
    where = [step.c.site_id == tx.tenant.site_id, step.c.status == "failed", step.c.function != PLAN_STAGE]
    where += [step.c.run_id == run_id] if run_id else []
    where += [step.c.id.in_(step_ids)] if step_ids else []
    columns = (
        step.c.id,
        step.c.function,
        step.c.subject_id,
        step.c.replay_run_id,
        run.c.plan["options"].label("options"),
    )
    statement = sa.select(*columns, again.c.name.label("replay"), again.c.status.label("replay_status"))
    joined = step.join(run, sa.and_(run.c.account_id == step.c.account_id, run.c.id == step.c.run_id)).outerjoin(
        again, sa.and_(again.c.account_id == step.c.account_id, again.c.id == step.c.replay_run_id)
    )
    return tx.all(statement.select_from(joined).where(*where).order_by(step.c.id).limit(limit))


def open_replay(tx: Transaction, step_ids: Sequence[UUID], *, lock: bool) -> str | None:
    """Return the name of a run that is doing one of some steps again and has not ended, or None.

    With `lock`, nobody else begins to until the transaction ends; the runs are read after the steps are locked, so that
    whoever had them before is seen.
    """
    wanted = sa.select(step.c.replay_run_id).where(step.c.id.in_(step_ids)).order_by(step.c.id)
    rows = tx.all(wanted.with_for_update() if lock else wanted)
    runs = {row.replay_run_id for row in rows if row.replay_run_id is not None}
    found = tx.one(sa.select(run.c.name).where(run.c.id.in_(runs), run.c.status.in_(ACTIVE)).limit(1))
    return None if found is None else str(found.name)


def mark_replayed(tx: Transaction, step_ids: Sequence[UUID], run_id: UUID) -> None:
    """Write which run does some failed steps again."""
    failed = (step.c.id.in_(step_ids), step.c.status == "failed")
    tx.execute(sa.update(step).where(*failed).values(replay_run_id=run_id, update_time=sa.func.now()))
