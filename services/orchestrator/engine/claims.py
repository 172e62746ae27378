"""Claims and leases: which worker has which step. The database's clock rules; a fence makes a late worker harmless."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from igny8.common.v1.functions_pb2 import AiAnswer, AiJob

from chassis.database import Database
from chassis.tenancy import table_of
from services.orchestrator.clients import from_json
from services.orchestrator.domain.stages import LEASE_S, SITE_ROOM
from services.orchestrator.models import Step
from services.orchestrator.repository import RunKey

step = table_of(Step)

# One statement claims, and the worker that sent it needs to say nothing more for it to count: see claim_steps.sql.
_CLAIM = """
    SELECT s.account_id, s.site_id, s.run_id, s.id, s.place, s.stage, s.lane, s.function, s.subject_id,
           s.subject_kind, s.label, s.fence, s.attempt, s.failures, s.limit_quantity, s.reservation, s.reserved,
           s.apply_sent, s.job, s.answer, s.applied, c.run_status, c.billing_quote_id, c.run_plan,
           coalesce(a.daily_credits, 0), coalesce(nullif(a.time_zone, ''), a.account_zone, '')
    FROM claim_steps(%(lane)s, %(count)s, %(lease)s, %(site_room)s) c
    CROSS JOIN LATERAL (SELECT (c.claimed).*) s
    LEFT JOIN automation_config a ON a.account_id = s.account_id AND a.site_id = s.site_id
"""
LOCKED = """
    WITH mine AS MATERIALIZED (
        SELECT step.account_id, step.id FROM step
        JOIN unnest(%(accounts)s::uuid[], %(ids)s::uuid[], %(fences)s::bigint[]) AS held (account, id, fence)
          ON step.account_id = held.account AND step.id = held.id AND step.fence = held.fence
        WHERE step.status = 'running'
        ORDER BY step.account_id, step.id
        FOR NO KEY UPDATE OF step
    )
"""
"""Begins every statement that changes many steps: `mine` is those that are still ours, locked one after the other.

Whoever locks rows in another order than others may wait for one of them in a circle, and PostgreSQL breaks one off.
"""
_RENEW = f"""{LOCKED}
    UPDATE step SET due = now() + make_interval(secs => %(lease)s)
    FROM mine WHERE step.account_id = mine.account_id AND step.id = mine.id
    RETURNING step.id
"""  # noqa: S608 - nothing but our own text is put in
_WAITING = """
    SELECT wanted.lane FROM unnest(%(lanes)s::text[], %(rooms)s::integer[]) AS wanted (lane, room)
    WHERE lane_waits(wanted.lane, wanted.room, %(late)s)
"""


class LeaseLost(Exception):
    """Another worker has the step now; whatever this one was about to write is not written."""


@dataclass
class Held:
    """A step that this worker holds, as it stands in the database after the last checkpoint.

    Its fields behind the key are the columns of `_CLAIM` in their order. The plan is whole only for a step that plans a
    stage; it may name thousands of rows.
    """

    key: RunKey
    id: UUID
    place: int
    stage: int
    lane: str
    function: str
    subject_id: UUID
    subject_kind: str
    label: str
    fence: int
    attempt: int
    failures: int
    limit_quantity: int
    reservation: int
    reserved: bool
    apply_sent: bool
    job: AiJob | None
    answer: AiAnswer | None
    applied: Mapping[str, Any] | None
    run_status: str
    billing_quote_id: UUID | None
    plan: Mapping[str, Any]
    daily_credits: int  # what the site may use in a day; 0 for no limit
    time_zone: str  # where that day begins at midnight

    @property
    def options(self) -> Mapping[str, Any]:
        """What the run's functions are told."""
        options: Mapping[str, Any] = self.plan["options"]
        return options

    @property
    def reservation_key(self) -> str:
        """What billing knows this step's hold by."""
        return f"{self.id}:{self.reservation}"


def claim(
    database: Database, lane: str, count: int, *, lease_s: float = LEASE_S, site_room: int | None = None
) -> list[Held]:
    """Claim steps of a lane that are due, fairly between accounts, and between the sites of an account.

    Args:
        database: under the sweep role.
        lane: which.
        count: at most so many.
        lease_s: seconds that they are claimed for.
        site_room: at most so many steps of one site under way in the lane, these included; the platform's when absent.
    """
    room = SITE_ROOM[lane] if site_room is None else site_room
    rows = database.single(_CLAIM, {"lane": lane, "count": count, "lease": lease_s, "site_room": room})
    return [_held(row) for row in rows]


def renew(database: Database, held: Sequence[Held], *, lease_s: float = LEASE_S) -> None:
    """Keep the leases of steps; one that was lost is not taken back."""
    database.single(_RENEW, keys_of(held) | {"lease": lease_s})


def keys_of(held: Sequence[Held]) -> dict[str, list[Any]]:
    """Return the parameters of `LOCKED`."""
    return {
        "accounts": [step.key.account_id for step in held],
        "ids": [step.id for step in held],
        "fences": [step.fence for step in held],
    }


def due_lanes(
    database: Database, lanes: Sequence[str], *, late_s: float = 0.0, site_room: Mapping[str, int] = SITE_ROOM
) -> list[str]:
    """Return those of some lanes that have steps which could have been claimed so many seconds ago.

    What waits at a site that has all under way that it may have wakes nobody: who carries that claims the next.
    """
    rooms = [site_room[lane] for lane in lanes]
    values = {"lanes": list(lanes), "rooms": rooms, "late": late_s}
    return [lane for (lane,) in database.single(_WAITING, values)]


def write(connection: sa.Connection, held: Held, **values: Any) -> None:
    """Change a step's row under its fence, in a transaction of the caller's.

    Raises:
        LeaseLost: another worker has it.
    """
    mine = (step.c.account_id == held.key.account_id, step.c.id == held.id, step.c.fence == held.fence)
    changes = {**values, "update_time": sa.func.now()}
    if connection.execute(sa.update(step).where(*mine, step.c.status == "running").values(changes)).rowcount == 0:
        raise LeaseLost(f"step {held.id} fence {held.fence}")


def _held(row: tuple[Any, ...]) -> Held:
    values = dict(zip(_COLUMNS, row[3:], strict=True))
    values |= {"job": from_json(values["job"], AiJob()), "answer": from_json(values["answer"], AiAnswer())}
    return Held(RunKey(*row[:3]), **values)


_COLUMNS = [field.name for field in fields(Held)][1:]  # behind the key
