"""Planning a stage: ask the owner for work, and write one step for each item.

Itself a fenced step: unique on (run, place, function, subject), so that two planners write the same rows, and planned
once, so that a failed item is not selected for ever.
"""

import asyncio
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Database
from chassis.ids import new_id
from chassis.passport import Passport
from chassis.tenancy import table_of
from chassis.work import Selection
from services.orchestrator import clients, repository
from services.orchestrator.clients import AsyncPeers
from services.orchestrator.domain.stages import FUNCTIONS, Function
from services.orchestrator.engine import claims, ending
from services.orchestrator.engine.claims import Held
from services.orchestrator.models import RunStage, Step
from services.orchestrator.usecases.running import plan_from_json

stage, step = table_of(RunStage), table_of(Step)
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
        if not ending.is_active(
            connection, held
        ):  # cancelled meanwhile: there is nothing to unwind that is not written
            claims.write(connection, held, status="cancelled", phase="done")
            return
        claims.write(connection, held, status="succeeded", phase="done")
        planned = _insert(connection, held, function, selection)
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


def _insert(connection: sa.Connection, held: Held, function: Function, selection: Selection) -> int:
    rows: list[dict[str, Any]] = [
        {
            **held.key.columns,
            "id": new_id(),
            "place": held.place,
            "stage": held.stage,
            "function": function.name,
            "subject_id": item.subject_id,
            "subject_kind": item.subject_kind,
            "label": item.label[:500],
            "lane": function.lane,
            "limit_quantity": item.limit_quantity,
        }
        for item in selection.items
    ]
    if not rows:
        return 0
    statement = insert(step).values(rows).on_conflict_do_nothing().returning(step.c.id)
    return len(connection.execute(statement).all())
