"""How a step ends badly or waits, and what follows for its stage and run: each in one transaction under its fence.

The good end is in `success`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.database import Database
from chassis.errors import Fault
from chassis.tenancy import table_of
from services.orchestrator import repository
from services.orchestrator.domain.batches import delay_between_s
from services.orchestrator.domain.failures import ErrorKind, kind_of
from services.orchestrator.domain.stages import ACTIVE, FUNCTIONS, PLAN_STAGE
from services.orchestrator.engine.claims import Held, write
from services.orchestrator.models import ASIDE, Run, RunStage, Step

run, stage, step = table_of(Run), table_of(RunStage), table_of(Step)


def fail(database: Database, held: Held, fault: Fault, kind: ErrorKind, message: str) -> None:
    """End a step for good, say why, and close its stage when it was the last; a stage without a plan ends the run.

    Args:
        database: under the sweep role.
        held: the step.
        fault: what its last try failed with.
        kind: what sort of failure that was.
        message: what a person reads.

    Raises:
        LeaseLost: another worker has it.
    """
    with database.untenanted() as connection:
        lock_run(connection, held)
        write(
            connection,
            held,
            status="failed",
            phase="done",
            error=message[:2000],
            error_reason=fault.reason,
            error_kind=kind,
        )
        _count(connection, held, {"failed": stage.c.failed + 1})
        payload = {"reason": fault.reason, "kind": kind, "function": held.function, "label": held.label}
        _event(connection, held, "step_failed", f"{held.label}: {message}"[:2000], payload)
        if held.function == PLAN_STAGE:
            _fail_run(connection, held, message[:2000])
        else:
            close_stage_if_done(connection, held)


def cancel(database: Database, held: Held) -> None:
    """End a step that will never be applied, because its run was cancelled.

    Raises:
        LeaseLost: another worker has it.
    """
    with database.untenanted() as connection:
        lock_run(connection, held)
        write(connection, held, status="cancelled", phase="done")
        _count(connection, held, {"cancelled": stage.c.cancelled + 1})


def lay_down(database: Database, held: Held, fault: Fault | None = None) -> None:
    """Leave a step to whoever claims it next: of a paused run once it is resumed, of another one now.

    Args:
        database: under the sweep role.
        held: the step.
        fault: what it paused the run for, when it was this one.

    Raises:
        LeaseLost: another worker has it.
    """
    with database.untenanted() as connection:
        lock_run(connection, held)  # or a resume at this moment would wake all but this one
        due = sa.literal_column(f"'{ASIDE}'") if status_of_run(connection, held) == "paused" else sa.func.now()
        write(connection, held, status="ready", due=due, **(_error(fault) if fault else {}))


def wait(
    database: Database, held: Held, seconds: float, fault: Fault, *, again: bool = False, counted: bool = True
) -> None:
    """Let a step wait before it is tried again.

    Args:
        database: under the sweep role.
        held: the step.
        seconds: how long, by the database's clock.
        fault: why.
        again: ask the model anew, under the next attempt's id.
        counted: whether it is one more failure in a row.

    Raises:
        LeaseLost: another worker has it.
    """
    values: dict[str, Any] = {"failures": held.failures + counted, **_error(fault)}
    if held.applied is not None:
        values |= {"applied": dict(held.applied), "phase": "capture"}  # asked again, Apply would say the same
    if again:
        values |= {"attempt": held.attempt + 1, "answer": sa.null()}
    with database.untenanted() as connection:
        write(connection, held, status="ready", due=repository.in_seconds(seconds), **values)


def _error(fault: Fault) -> dict[str, Any]:
    kind = kind_of(fault.reason, fault.code.name)
    return {"error": fault.message[:2000], "error_reason": fault.reason, "error_kind": kind}


def pause_run(database: Database, held: Held, reason: str, message: str, resume_time: datetime | None) -> bool:
    """Pause the run of a step that found no budget, until a time if one is given. The caller lays the step down.

    Returns:
        False when the budget has changed since the step asked for it: the step asks again, and the run is not paused.
        Whoever changes a budget resumes the runs that are paused by then; each locks what the other looks at.

    Raises:
        LeaseLost: another worker has it, and may have found one.
    """
    with database.untenanted() as connection:
        if reason == "daily_limit_reached" and _daily_limit_changed(connection, held):
            return False
        lock_run(connection, held)
        if reason == "paused_insufficient_credits" and repository.credits_came(connection, held.key, held.id):
            return False
        write(connection, held)
        where = (*_this_run(held), run.c.status == "running")
        values = {
            "status": "paused",
            "pause_reason": reason,
            "resume_time": resume_time,
            "update_time": sa.func.now(),
        }
        if connection.execute(sa.update(run).where(*where).values(values)).rowcount:
            repository.add_event(connection, held.key, "run_paused", message, payload={"reason": reason})
            repository.put_aside(connection, held.key)
        return True


def _daily_limit_changed(connection: sa.Connection, held: Held) -> bool:
    return repository.lock_daily_credits(connection, held.key) != held.daily_credits


def close_stage_if_done(connection: sa.Connection, held: Held) -> None:
    """Close the step's stage when nothing of it is open, and open the next one or end the run, in this transaction.

    A run that was cancelled stays so: what was under way ends, and nothing follows.
    """
    current = connection.execute(sa.select(stage).where(*this_stage(held))).one()
    if current.state != "open" or not is_active(connection, held) or _has_open_steps(connection, held):
        return
    closed = {"state": "closed", "end_time": sa.func.now()}
    connection.execute(sa.update(stage).where(*this_stage(held)).values(closed))
    _event(connection, held, "stage_closed", _summary(current), _stage_payload(current))
    upcoming = sa.select(stage).where(*_stages(held), stage.c.place == held.place + 1)
    following = connection.execute(upcoming).one_or_none()
    if following is None:
        _end_run(connection, held)
    else:
        _open_stage(connection, held, following)


def _open_stage(connection: sa.Connection, held: Held, following: sa.Row[Any]) -> None:
    target = (*_stages(held), stage.c.place == following.place)
    values = {"state": "planning", "start_time": sa.func.now()}
    connection.execute(sa.update(stage).where(*target).values(values))
    current = {"current_stage": following.stage, "update_time": sa.func.now()}
    connection.execute(sa.update(run).where(*_this_run(held)).values(current))
    label = f"Plan {FUNCTIONS[following.function].name}"
    wait_s = delay_between_s(held.options)
    repository.insert_planning_step(connection, held.key, following.place, following.stage, label, in_s=wait_s)


def _end_run(connection: sa.Connection, held: Held) -> None:
    """End the run: well, or as failed when nothing of it went well and something failed."""
    totals = connection.execute(
        sa.select(sa.func.sum(stage.c.succeeded).label("succeeded"), sa.func.sum(stage.c.failed).label("failed")).where(
            *_stages(held)
        )
    ).one()
    failed = totals.failed > 0 and totals.succeeded == 0
    if failed:
        _fail_run(connection, held, _first_error(connection, held))
        return
    repository.set_status(connection, held.key, "completed", end_time=sa.func.now(), pause_reason="")
    repository.add_event(connection, held.key, "run_completed", "Completed.")


def _fail_run(connection: sa.Connection, held: Held, error: str) -> None:
    if not is_active(connection, held):
        return
    open_ones = (*_stages(held), stage.c.state.in_(("planning", "open")))
    connection.execute(sa.update(stage).where(*open_ones).values(state="closed", end_time=sa.func.now()))
    ended = {"end_time": sa.func.now(), "error": error, "pause_reason": ""}
    repository.set_status(connection, held.key, "failed", **ended)
    repository.add_event(connection, held.key, "run_failed", error)


def _first_error(connection: sa.Connection, held: Held) -> str:
    where = (step.c.account_id == held.key.account_id, step.c.run_id == held.key.run_id, step.c.status == "failed")
    return str(connection.execute(sa.select(step.c.error).where(*where).order_by(step.c.id).limit(1)).scalar_one())


def is_active(connection: sa.Connection, held: Held) -> bool:
    """Return whether the step's run is neither ended nor cancelled."""
    return status_of_run(connection, held) in ACTIVE


def status_of_run(connection: sa.Connection, held: Held) -> str:
    """Return how the step's run stands."""
    return str(connection.execute(sa.select(run.c.status).where(*_this_run(held))).scalar_one())


def _has_open_steps(connection: sa.Connection, held: Held) -> bool:
    where = (
        step.c.account_id == held.key.account_id,
        step.c.run_id == held.key.run_id,
        step.c.place == held.place,
        step.c.status.in_(("ready", "running")),
    )
    return connection.execute(sa.select(sa.literal(1)).where(*where).limit(1)).first() is not None


def lock_run(connection: sa.Connection, held: Held) -> None:
    """Lock the run's row, so that two last steps of a stage end one after the other and one of them closes it."""
    connection.execute(sa.select(run.c.id).where(*_this_run(held)).with_for_update())


def _count(connection: sa.Connection, held: Held, values: Mapping[str, Any]) -> None:
    if held.function in FUNCTIONS:  # the step that plans a stage is not one of its items
        connection.execute(sa.update(stage).where(*this_stage(held)).values({**values, **repository.counted()}))


def _event(connection: sa.Connection, held: Held, kind: str, message: str, payload: Mapping[str, Any]) -> None:
    repository.add_event(connection, held.key, kind, message, stage_number=held.stage, step_id=held.id, payload=payload)


def _summary(row: sa.Row[Any]) -> str:
    parts = [f"{row.succeeded} of {row.planned} done"]
    parts += [f"{row.failed} failed"] if row.failed else []
    parts += [f"{row.left_over} left for another run"] if row.left_over else []
    return f"{row.function}: {', '.join(parts)}"


def _stage_payload(row: sa.Row[Any]) -> dict[str, Any]:
    names = ("function", "planned", "succeeded", "failed", "credits", "made", "left_over", "skip_reason")
    return {name: getattr(row, name) for name in names}


def _this_run(held: Held) -> tuple[sa.ColumnElement[bool], ...]:
    return run.c.account_id == held.key.account_id, run.c.id == held.key.run_id


def _stages(held: Held) -> tuple[sa.ColumnElement[bool], ...]:
    return stage.c.account_id == held.key.account_id, stage.c.run_id == held.key.run_id


def this_stage(held: Held) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for the step's stage."""
    return *_stages(held), stage.c.place == held.place
