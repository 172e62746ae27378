"""Planning a stage: ask the owner for work, and write one step for each item.

Itself a fenced step: unique on (run, place, function, subject), so that two planners write the same rows, and planned
once, so that a failed item is not selected for ever.
"""

import asyncio

import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from chassis.passport import Passport
from chassis.tenancy import table_of
from chassis.work import Selection
from services.orchestrator import clients, repository
from services.orchestrator.clients import AsyncPeers
from services.orchestrator.domain.batches import Batches
from services.orchestrator.domain.stages import ACTIVE, FUNCTIONS, Function
from services.orchestrator.engine import claims, ending
from services.orchestrator.engine.claims import Held
from services.orchestrator.models import ASIDE, RunStage
from services.orchestrator.usecases.running import plan_from_json

stage = table_of(RunStage)
# As arrays, since a row with its own parameters each would be more of them than a statement may have.
_INSERT = sa.text(
    """
    INSERT INTO step (account_id, site_id, run_id, id, place, stage, function, subject_id, subject_kind, label, lane,
                      limit_quantity, batch, due)
    SELECT :account_id, :site_id, :run_id, i.id, :place, :stage, :function, i.subject, i.kind, i.label, :lane,
           i.quantity, i.batch,
           CASE WHEN :paused THEN CAST(:aside AS timestamptz)
                ELSE now() + make_interval(secs => i.batch * CAST(:delay_s AS integer)) END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:subjects AS uuid[]), CAST(:kinds AS text[]), CAST(:labels AS text[]),
                CAST(:limits AS bigint[]), CAST(:batches AS integer[]))
         AS i (id, subject, kind, label, quantity, batch)
    ON CONFLICT DO NOTHING RETURNING id
    """
).bindparams(aside=ASIDE)
ITEMS_MAX = 5000  # a stage of one run; what is beyond is left for another run, and said so


async def plan_stage(database: Database, peers: AsyncPeers, held: Held, passport: Passport) -> None:
    """Plan the stage at the step's place.

    Raises:
        Fault: the owner refused, or cannot be reached.
        LeaseLost: another worker plans it.
    """
    plan = plan_from_json(held.plan)
    function = FUNCTIONS[plan.functions[held.place - 1]]
    limit = min(plan.cap(function.name) or ITEMS_MAX, ITEMS_MAX)
    subjects = plan.subject_ids if plan.by_hand else ()
    skip_reason = plan.skip_reason(function.name)
    if skip_reason:
        selection = Selection([], 0, skip_reason)
    else:
        call = clients.select_work(function.owner, function.name, subjects, limit, plan.options)
        selection = await peers.send(call, passport)
    await asyncio.to_thread(_write_steps, database, held, function, selection)


def _write_steps(database: Database, held: Held, function: Function, selection: Selection) -> None:
    with database.untenanted() as connection:
        ending.lock_run(connection, held)
        status = ending.status_of_run(connection, held)
        if status not in ACTIVE:  # cancelled meanwhile: there is nothing to unwind that is not written
            claims.write(connection, held, status="cancelled", phase="done")
            return
        claims.write(connection, held, status="succeeded", phase="done")
        planned = _insert(connection, held, function, selection, paused=status == "paused")
        busy = len(selection.items) - planned  # open in another run, which does it: one open step a subject
        left = max(selection.total - len(selection.items), 0) + busy
        skip_reason = selection.skip_reason or _why_nothing(busy)
        values = {
            "state": "open",
            "planned": planned,
            "left_over": left,
            "skip_reason": skip_reason if not planned else "",
        }
        connection.execute(sa.update(stage).where(*ending.this_stage(held)).values(values))
        payload = {
            "function": function.name,
            **{name: values[name] for name in ("planned", "left_over", "skip_reason")},
        }
        message = f"{function.name}: {planned} to do" if planned else f"{function.name}: {skip_reason}"
        repository.add_event(connection, held.key, "stage_opened", message, stage_number=held.stage, payload=payload)
        ending.close_stage_if_done(connection, held)


def _why_nothing(busy: int) -> str:
    return f"another run is doing all {busy} of them" if busy else "there was nothing to do"


def _insert(connection: sa.Connection, held: Held, function: Function, selection: Selection, *, paused: bool) -> int:
    """Write a step for each item, in batches that are due one after the other; return how many were not there."""
    items, batches = selection.items, Batches.of(held.stage, held.options)
    values = {
        **held.key.columns,
        "place": held.place,
        "stage": held.stage,
        "function": function.name,
        "lane": function.lane,
        "paused": paused,
        "delay_s": batches.delay_s,
        "ids": [new_id() for _ in items],
        "subjects": [item.subject_id for item in items],
        "kinds": [item.subject_kind for item in items],
        "labels": [item.label[:500] for item in items],
        "limits": [item.limit_quantity for item in items],
        "batches": [batches.batch(n) for n in range(len(items))],
    }
    return len(connection.execute(_INSERT, values).all())
