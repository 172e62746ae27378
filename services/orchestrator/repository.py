"""Queries over runs, stages, steps and events, for people's calls (one tenant) and for the engine (the sweep role).

Row level security decides what a connection sees; `RunKey` says whose rows are written.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.tenancy import table_of
from chassis.work import Item
from services.orchestrator.domain.estimates import Past
from services.orchestrator.domain.stages import ACTIVE, PLAN_STAGE
from services.orchestrator.models import (
    ASIDE,
    AutomationConfig,
    MaintenanceTask,
    Run,
    RunEvent,
    RunQuote,
    RunStage,
    Step,
)

run, stage, step = table_of(Run), table_of(RunStage), table_of(Step)
event, quote, config = table_of(RunEvent), table_of(RunQuote), table_of(AutomationConfig)
task = table_of(MaintenanceTask)
PACE_OVER = 100  # ends
PAST_STAGES = 10


@dataclass(frozen=True)
class RunKey:
    """A run with its tenant."""

    account_id: UUID
    site_id: UUID
    run_id: UUID

    @property
    def columns(self) -> dict[str, UUID]:
        """The columns every row of the run carries."""
        return {"account_id": self.account_id, "site_id": self.site_id, "run_id": self.run_id}


def active_run(tx: Transaction, site_id: UUID) -> sa.Row[Any] | None:
    """Return the site's automation run that is not finished, or None."""
    where = (run.c.site_id == site_id, run.c.status.in_(ACTIVE), sa.not_(run.c.by_hand))
    return tx.one(sa.select(run).where(*where))


def read_run(tx: Transaction, run_id: UUID, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return a run, or None; with `lock`, hold it until the transaction ends."""
    statement = sa.select(run).where(run.c.id == run_id)
    return tx.one(statement.with_for_update() if lock else statement)


def lock_paused_runs(tx: Transaction, reason: str) -> Sequence[sa.Row[Any]]:
    """Return the runs of the tenant that are paused for a reason, and hold them until the transaction ends.

    Those that are running are held too: one that is about to pause for it either has, or sees what this one wrote.
    """
    active = sa.select(run).where(run.c.status.in_(ACTIVE)).order_by(run.c.id).with_for_update()
    return [row for row in tx.all(active) if row.status == "paused" and row.pause_reason == reason]


def credits_came(connection: sa.Connection, key: RunKey, step_id: UUID) -> bool:
    """Return whether credits were added to the account since a step wrote that it was about to ask for some."""
    return bool(connection.execute(_CREDITS_CAME, {"account": key.account_id, "step": step_id}).scalar_one())


_CREDITS_CAME = sa.text(
    "SELECT EXISTS (SELECT FROM inbox i JOIN step s ON s.account_id = i.account_id WHERE i.account_id = :account"
    " AND s.id = :step AND i.kind = 'billing.credits_granted' AND i.create_time > s.update_time)"
)


def lock_daily_credits(connection: sa.Connection, key: RunKey) -> int:
    """Return what a site may use in a day, which nobody changes until the transaction ends; 0 for no limit."""
    where = (config.c.account_id == key.account_id, config.c.site_id == key.site_id)
    statement = sa.select(config.c.daily_credits).where(*where).with_for_update(read=True)
    return int(connection.execute(statement).scalar() or 0)


def lock_runs_to_resume(connection: sa.Connection, limit: int = 100) -> Sequence[sa.Row[Any]]:
    """Return some paused runs of every tenant whose time to go on has come, and hold them; not those held by others."""
    where = (run.c.status == "paused", run.c.resume_time <= sa.func.now())
    statement = sa.select(run).where(*where).order_by(run.c.resume_time).limit(limit)
    return connection.execute(statement.with_for_update(skip_locked=True)).all()


def resume_now(tx: Transaction, site_id: UUID, reason: str) -> None:
    """Let a site's runs that are paused for a reason go on as soon as somebody looks."""
    where = (run.c.site_id == site_id, run.c.status == "paused", run.c.pause_reason == reason)
    tx.execute(sa.update(run).where(*where).values(resume_time=sa.func.now()))


def lock_runs_of_site(tx: Transaction, site_id: UUID) -> Sequence[sa.Row[Any]]:
    """Return a site's runs that have not ended, and hold them until the transaction ends."""
    where = (run.c.site_id == site_id, run.c.status.in_(ACTIVE))
    return tx.all(sa.select(run).where(*where).order_by(run.c.id).with_for_update())


def read_stages(tx: Transaction, run_ids: Sequence[UUID]) -> Sequence[sa.Row[Any]]:
    """Return the stages of some runs in their order."""
    return tx.all(sa.select(stage).where(stage.c.run_id.in_(run_ids)).order_by(stage.c.run_id, stage.c.place))


def insert_run(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Insert a run; return False when it exists already (the same quote was started twice)."""
    row = {"account_id": tx.tenant.account_id, "site_id": tx.tenant.site_id, **values}
    statement = insert(run).values(row).on_conflict_do_nothing(index_elements=["account_id", "id"])
    return tx.one(statement.returning(run.c.id)) is not None


def insert_stages(connection: sa.Connection, key: RunKey, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert a run's stages."""
    connection.execute(sa.insert(stage).values([{**key.columns, "id": new_id(), **row} for row in rows]))


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
    counted = sa.update(run).where(*_is(key)).values(event_count=run.c.event_count + 1)
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


def set_status(connection: sa.Connection, key: RunKey, status: str, **values: Any) -> None:
    """Change a run's status and what goes with it."""
    changes = {"status": status, "update_time": sa.func.now(), "revision": run.c.revision + 1, **values}
    connection.execute(sa.update(run).where(*_is(key)).values(changes))


def put_aside(connection: sa.Connection, key: RunKey) -> None:
    """Put a paused run's waiting steps where no claim looks, until they are woken.

    Those that may hold credits are due now, so that somebody lets go of them; those whose Apply was sent go on.
    """
    waiting = (*_of(step, key), step.c.status == "ready")
    due = sa.case((sa.or_(step.c.reserved, step.c.apply_sent), sa.func.now()), else_=sa.literal_column(f"'{ASIDE}'"))
    connection.execute(sa.update(step).where(*waiting).values(due=due))


def wake_steps(connection: sa.Connection, key: RunKey, *, in_batches: bool = False) -> None:
    """Make a run's waiting steps due, so that a resume or a cancel does not wait for a backoff.

    Args:
        connection: of the caller.
        key: the run.
        in_batches: the first batch that waits is due now, and the others behind it with the run's delay; else all now.
    """
    waiting = (*_of(step, key), step.c.status == "ready")
    due: sa.ColumnElement[datetime] = sa.func.now()
    if in_batches:
        first = sa.select(sa.func.min(step.c.batch)).where(*waiting).scalar_subquery()
        delay = sa.cast(run.c.plan["options"]["delay_within_stage_s"].astext, sa.Integer)
        delay_s = sa.select(sa.func.coalesce(delay, 0)).where(*_is(key)).scalar_subquery()
        due = in_seconds((step.c.batch - first) * delay_s)
    connection.execute(sa.update(step).where(*waiting, step.c.due > sa.func.now()).values(due=due))


def in_seconds(seconds: Any) -> sa.ColumnElement[datetime]:
    """Return the database's time in so many seconds: a number, or an expression."""
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def counted(ends: int = 1) -> dict[str, sa.ColumnElement[Any]]:
    """Return what the end of items changes in their stage's pace: seconds between two ends, later ones weighing more.

    The mean of all gaps until there are PACE_OVER of them, then a moving one: many steps are under way at once and end
    in bursts, which a shorter memory would follow up and down. Several that end together share one gap. The database's
    clock, read under the run's lock.
    """
    ended = stage.c.succeeded + stage.c.failed + stage.c.cancelled + ends
    now = sa.func.clock_timestamp()
    gap = sa.extract("epoch", now - sa.func.coalesce(stage.c.counted_time, stage.c.start_time, now))
    weight = sa.func.least(1.0, ends / sa.cast(sa.func.least(ended, PACE_OVER), sa.Float))
    pace = sa.func.coalesce(stage.c.pace_s, 0.0) * (1.0 - weight) + sa.cast(gap, sa.Float) / ends * weight
    return {"pace_s": sa.func.greatest(pace, 0.0), "counted_time": now}


def count_on(connection: sa.Connection, key: RunKey) -> None:
    """Have the pace of a run's open stage go on from now, as if the run had not been paused."""
    target = (*_of(stage, key), stage.c.state == "open")
    connection.execute(sa.update(stage).where(*target).values(counted_time=sa.func.clock_timestamp()))


def cancel_untouched_steps(connection: sa.Connection, key: RunKey) -> None:
    """Cancel the steps that no worker has touched; the others are unwound by whoever holds them."""
    where = (*_of(step, key), step.c.status == "ready", step.c.fence == 0)
    ended = sa.update(step).where(*where).values(status="cancelled", phase="done", update_time=sa.func.now())
    cancelled = connection.execute(ended.returning(step.c.place, step.c.function))
    for place, count in Counter(row.place for row in cancelled if row.function != PLAN_STAGE).items():
        target = (*_of(stage, key), stage.c.place == place)
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


def _is(key: RunKey) -> tuple[sa.ColumnElement[bool], ...]:
    return run.c.account_id == key.account_id, run.c.id == key.run_id


def _of(table: sa.Table, key: RunKey) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.account_id == key.account_id, table.c.run_id == key.run_id


def insert_quote(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Insert a run's quote; one that is there under its id stays, unless it has expired."""
    row = {"account_id": tx.tenant.account_id, "site_id": tx.tenant.site_id, **values}
    statement = (
        insert(quote)
        .values(row)
        .on_conflict_do_update(index_elements=["account_id", "id"], set_=row, where=quote.c.expire_time < sa.func.now())
    )
    tx.execute(statement)


def read_quote(tx: Transaction, quote_id: UUID) -> sa.Row[Any] | None:
    """Return a run's quote, or None."""
    return tx.one(sa.select(quote).where(quote.c.id == quote_id))


def read_config(tx: Transaction, site_id: UUID) -> sa.Row[Any] | None:
    """Return a site's settings, or None."""
    return tx.one(sa.select(config).where(config.c.site_id == site_id))


def lock_config(tx: Transaction) -> sa.Row[Any]:
    """Return a site's settings and hold them until the transaction ends.

    Settings that nobody has changed have no row, and are read with the etag "0": revision 0 is what they start from.
    """
    key = {"account_id": tx.tenant.account_id, "site_id": tx.tenant.site_id}
    tx.execute(insert(config).values(id=new_id(), revision=0, **key).on_conflict_do_nothing())
    return tx.execute(sa.select(config).where(config.c.site_id == tx.tenant.site_id).with_for_update()).one()


def write_config(tx: Transaction, values: Mapping[str, Any]) -> sa.Row[Any]:
    """Change a site's settings, which are locked; return them."""
    statement = sa.update(config).where(config.c.site_id == tx.tenant.site_id).values({**values, **_stamps()})
    return tx.execute(statement.returning(config)).one()


def switch_off(tx: Transaction, site_id: UUID, words: str) -> None:
    """Let no more runs of a site start by themselves, and say why."""
    changes = {"enabled": False, "next_run_time": None, "last_outcome": words, **_stamps()}
    tx.execute(sa.update(config).where(config.c.site_id == site_id).values(changes))


def lock_configs(tx: Transaction) -> Sequence[sa.Row[Any]]:
    """Return the settings of all sites of the tenant, and hold them until the transaction ends."""
    return tx.all(sa.select(config).order_by(config.c.id).with_for_update())


def set_account_zone(tx: Transaction, row_id: UUID, zone: str, next_run_time: datetime | None) -> None:
    """Keep an account's time zone with a site's settings, and the next start that follows from it."""
    changes = {"account_zone": zone, "next_run_time": next_run_time}
    tx.execute(sa.update(config).where(config.c.id == row_id).values(changes))


def _stamps() -> dict[str, Any]:
    return {"revision": config.c.revision + 1, "update_time": sa.func.now()}


def read_maintenance_tasks(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Return the platform's periodic work by name."""
    return connection.execute(sa.select(task).order_by(task.c.name)).all()


def hasten_maintenance_task(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    """Make a periodic work due now; None when there is none of that name."""
    now = sa.update(task).where(task.c.name == name).values(next_time=sa.func.clock_timestamp())
    return connection.execute(now.returning(task)).one_or_none()


def read_past(tx: Transaction, site_id: UUID, functions: Sequence[str]) -> dict[str, Past]:
    """Return what the site's last closed stages of some functions did, by function."""
    rows = tx.execute(_PAST, {"site": site_id, "functions": list(functions), "stages": PAST_STAGES}).all()
    return {row.function: Past(row.succeeded, row.made, row.quantity, row.asked, row.pace_s) for row in rows}


_PAST = sa.text(
    """
    SELECT f.name AS function, sum(s.succeeded)::bigint AS succeeded, sum(s.made)::bigint AS made,
           sum(s.quantity)::bigint AS quantity, sum(s.succeeded * s.asked)::bigint AS asked,
           (sum(s.pace_s * s.ended) / nullif(sum(s.ended) FILTER (WHERE s.pace_s IS NOT NULL), 0))::float8 AS pace_s
    FROM unnest(CAST(:functions AS text[])) AS f (name), LATERAL (
        SELECT s.succeeded, s.made, s.quantity, s.pace_s, s.succeeded + s.failed AS ended, CASE f.name
                   WHEN 'generate_ideas' THEN (r.plan -> 'options' ->> 'ideas_per_cluster')::int
                   WHEN 'generate_image_prompts' THEN (r.plan -> 'options' ->> 'images_per_article')::int
                   ELSE 0 END AS asked
        FROM run_stage s JOIN run r ON r.account_id = s.account_id AND r.id = s.run_id
        WHERE s.site_id = :site AND s.function = f.name AND s.state = 'closed' AND s.succeeded > 0
        ORDER BY s.id DESC LIMIT :stages
    ) AS s
    GROUP BY f.name
    """
)
