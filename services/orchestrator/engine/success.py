"""The good end of steps: many in one transaction, each under its fence, with what it makes of their stages and runs."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from chassis.tenancy import table_of
from services.orchestrator import repository
from services.orchestrator.engine import ending
from services.orchestrator.engine.claims import LOCKED, Held, LeaseLost, keys_of
from services.orchestrator.models import Run, RunEvent, RunStage

run, stage, event = table_of(Run), table_of(RunStage), table_of(RunEvent)

_END = f"""{LOCKED}
    UPDATE step SET status = 'succeeded', phase = 'done', credits = c.credits, applied = c.applied, error = '',
                    error_reason = '', error_kind = '', update_time = now()
    FROM mine, unnest(%(ids)s::uuid[], %(fences)s::bigint[], %(credits)s::bigint[], %(applied)s::jsonb[])
         AS c (id, fence, credits, applied)
    WHERE step.account_id = mine.account_id AND step.id = mine.id AND c.id = step.id AND c.fence = step.fence
    RETURNING step.id, step.fence
"""  # noqa: S608 - nothing but our own text is put in
_LOCK = sa.text(
    "SELECT 1 FROM run WHERE (account_id, id) IN"
    " (SELECT * FROM unnest(CAST(:accounts AS uuid[]), CAST(:runs AS uuid[]))) ORDER BY id FOR UPDATE"
)


@dataclass(frozen=True)
class Success:
    """A step that was applied, and captured where it has a price.

    Args:
        held: the step; what Apply answered is in it.
        credits: what was captured.
    """

    held: Held
    credits: int

    @property
    def applied(self) -> Mapping[str, Any]:
        """What Apply answered."""
        return self.held.applied or {}


def succeed(database: Database, lot: Sequence[Success]) -> list[Exception | None]:
    """End steps well, count them, and close the stages they were the last of.

    Returns:
        For each, None, or LeaseLost: another worker has it, and nothing of it was written.
    """
    with database.untenanted() as connection:
        # The runs first, in one order, as everybody does who ends steps: so two last steps of a stage end one after
        # the other, one of them closes it, and nobody waits in a circle.
        runs = {each.held.key for each in lot}
        connection.execute(_LOCK, {"accounts": [k.account_id for k in runs], "runs": [k.run_id for k in runs]})
        # With the fence: a worker that was frozen may hold a step twice, and ends it once.
        ended = {tuple(row) for row in connection.exec_driver_sql(_END, _columns(lot))}
        by_stage: dict[Any, list[Success]] = defaultdict(list)
        for each in lot:
            if (each.held.id, each.held.fence) in ended:
                by_stage[(each.held.key, each.held.place)].append(each)
        for some in by_stage.values():
            _count(connection, some)
    return [None if (each.held.id, each.held.fence) in ended else _lost(each.held) for each in lot]


def _columns(lot: Sequence[Success]) -> dict[str, Any]:
    return {
        **keys_of([each.held for each in lot]),
        "credits": [each.credits for each in lot],
        "applied": [json.dumps(each.applied) for each in lot],
    }


def _count(connection: sa.Connection, some: Sequence[Success]) -> None:
    """Add steps of one stage to what it and its run have come to, tell it, and close the stage if it is done."""
    held, credits = some[0].held, sum(each.credits for each in some)
    counts = {
        "succeeded": stage.c.succeeded + len(some),
        "quantity": stage.c.quantity + sum(int(each.applied.get("actual_quantity", 0)) for each in some),
        "credits": stage.c.credits + credits,
        "made": stage.c.made + sum(len(each.applied.get("made", [])) for each in some),
        **repository.counted(len(some)),
    }
    all_ended = (stage.c.succeeded + stage.c.failed + stage.c.cancelled >= stage.c.planned).label("all_ended")
    counted = sa.update(stage).where(*ending.this_stage(held)).values(counts).returning(all_ended)
    done = connection.execute(counted).scalar_one()
    this_run = (run.c.account_id == held.key.account_id, run.c.id == held.key.run_id)
    paid = {"captured_credits": run.c.captured_credits + credits, "event_count": run.c.event_count + len(some)}
    last = connection.execute(sa.update(run).where(*this_run).values(paid).returning(run.c.event_count)).scalar_one()
    first = last - len(some) + 1
    connection.execute(sa.insert(event), [_told(each, first + n) for n, each in enumerate(some)])
    if done:
        ending.close_stage_if_done(connection, held)


def _told(each: Success, position: int) -> dict[str, Any]:
    held, applied = each.held, each.applied
    payload = {
        "credits": each.credits,
        "made": applied.get("made", []),
        "notes": applied.get("notes", []),
        "function": held.function,
        "label": held.label,
    }
    return {
        **held.key.columns,
        "id": new_id(),
        "position": position,
        "kind": "step_succeeded",
        "stage": held.stage,
        "step_id": held.id,
        "message": held.label,
        "payload": payload,
    }


def _lost(held: Held) -> LeaseLost:
    return LeaseLost(f"step {held.id} fence {held.fence}")
