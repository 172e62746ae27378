"""Checkpoints: what a phase came to, written under the step's fence, for many steps in one round trip.

Each is one statement and one transaction: it is written and the run's wish is read, or neither. Whether a step may be
applied is decided in the statement that says it is: a pause or a cancel that came before it is never overlooked.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.database import Database
from services.orchestrator.clients import to_json
from services.orchestrator.engine.claims import LOCKED, Held, LeaseLost, keys_of

COLUMNS = frozenset({"job", "answer", "limit_quantity", "reserved", "reservation", "failures"})
"""What a checkpoint may change, beside the phase and apply_sent."""
IF_RUNNING = "apply_if_running"
"""As a change: apply_sent and phase become true and "apply" if the run is running, and stay as they are if not."""

_WRITE = f"""{LOCKED}
    UPDATE step SET
        job = CASE WHEN c.new ? 'job' THEN c.new -> 'job' ELSE step.job END,
        answer = CASE WHEN c.new ? 'answer' THEN c.new -> 'answer' ELSE step.answer END,
        limit_quantity = coalesce((c.new ->> 'limit_quantity')::bigint, step.limit_quantity),
        failures = coalesce((c.new ->> 'failures')::integer, step.failures),
        reserved = coalesce((c.new ->> 'reserved')::boolean, step.reserved),
        reservation = coalesce((c.new ->> 'reservation')::integer, step.reservation),
        apply_sent = coalesce((c.new ->> 'apply_sent')::boolean, step.apply_sent)
                     OR (c.new ? 'apply_if_running' AND r.status = 'running'),
        phase = CASE WHEN c.new ? 'apply_if_running' AND r.status = 'running' THEN 'apply'
                     ELSE coalesce(c.new ->> 'phase', step.phase) END,
        update_time = now()
    FROM mine, run r, unnest(%(ids)s::uuid[], %(fences)s::bigint[], %(news)b::text[]::jsonb[]) AS c (id, fence, new)
    WHERE step.account_id = mine.account_id AND step.id = mine.id
      AND c.id = step.id AND c.fence = step.fence
      AND r.account_id = step.account_id AND r.id = step.run_id
    RETURNING step.id, step.fence, step.apply_sent, r.status, r.billing_quote_id
"""  # noqa: S608 - nothing but our own text is put in


@dataclass(frozen=True)
class Standing:
    """How a step and its run stand after a checkpoint."""

    apply_sent: bool
    run_status: str
    billing_quote_id: UUID | None


@dataclass(frozen=True)
class Checkpoint:
    """What one phase of a step came to: new values of some of `COLUMNS`."""

    held: Held
    new: Mapping[str, Any]


def write(database: Database, lot: Sequence[Checkpoint]) -> list[Standing | Exception]:
    """Write checkpoints; a step that another worker has by now is told LeaseLost, and nothing of it is written."""
    news = [json.dumps(each.new, default=to_json) for each in lot]
    parameters = keys_of([each.held for each in lot]) | {"news": news}
    found = {row[:2]: Standing(*row[2:]) for row in database.single(_WRITE, parameters)}
    return [found.get((each.held.id, each.held.fence)) or _lost(each.held) for each in lot]


def _lost(held: Held) -> LeaseLost:
    return LeaseLost(f"step {held.id} fence {held.fence}")
