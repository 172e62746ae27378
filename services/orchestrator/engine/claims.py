"""Claims and leases: which worker has which step. The database's clock rules; a fence makes a late worker harmless."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.tenancy import table_of
from services.orchestrator.domain.stages import LEASE_S
from services.orchestrator.models import Step
from services.orchestrator.repository import RunKey

step = table_of(Step)

# One statement claims: steps that are ready and due, or whose worker's lease has run out. Of a run that is paused only
# those that must go on: applied work is captured, a reservation is released.
_CLAIM = sa.text(
    """
    WITH due AS (
        SELECT s.account_id, s.id
        FROM step s JOIN run r ON r.account_id = s.account_id AND r.id = s.run_id
        WHERE s.lane = :lane AND s.status IN ('ready', 'running') AND s.due <= now()
          AND (r.status IN ('running', 'cancelled', 'failed') OR s.apply_sent OR s.reserved)
        ORDER BY s.due, s.id
        LIMIT :count
        FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE step SET status = 'running', fence = step.fence + 1, due = now() + make_interval(secs => :lease),
                    update_time = now()
    FROM due, run r
    WHERE step.account_id = due.account_id AND step.id = due.id
      AND r.account_id = step.account_id AND r.id = step.run_id
    RETURNING step.*, r.status AS run_status, r.plan AS run_plan, r.billing_quote_id, r.by_hand
    """
)
_RENEW = sa.text(
    "UPDATE step SET due = now() + make_interval(secs => :lease)"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[])) AS mine (id, fence)"
    " WHERE step.id = mine.id AND step.fence = mine.fence AND step.status = 'running'"
)
_DUE = sa.text(
    "SELECT wanted.lane FROM unnest(CAST(:lanes AS text[])) AS wanted (lane)"
    " WHERE EXISTS (SELECT 1 FROM step s JOIN run r ON r.account_id = s.account_id AND r.id = s.run_id"
    " WHERE s.lane = wanted.lane AND s.status IN ('ready', 'running') AND s.due <= now() - make_interval(secs => :late)"
    " AND (r.status IN ('running', 'cancelled', 'failed') OR s.apply_sent OR s.reserved))"
)


class LeaseLost(Exception):
    """Another worker has the step now; whatever this one was about to write is not written."""


@dataclass
class Held:
    """A step that this worker holds, as it stands in the database after the last checkpoint."""

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
    job: Mapping[str, Any] | None
    answer: Mapping[str, Any] | None
    applied: Mapping[str, Any] | None
    run_status: str
    options: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    billing_quote_id: UUID | None = None

    @property
    def reservation_key(self) -> str:
        """What billing knows this step's hold by."""
        return f"{self.id}:{self.reservation}"


def claim(database: Database, lane: str, count: int, *, lease_s: float = LEASE_S) -> list[Held]:
    """Claim steps of a lane that are due, at most `count`."""
    with database.untenanted() as connection:
        rows = connection.execute(_CLAIM, {"lane": lane, "count": count, "lease": lease_s}).mappings().all()
    return [_held(row) for row in rows]


def renew(database: Database, held: Sequence[Held], *, lease_s: float = LEASE_S) -> None:
    """Keep the leases of steps; one that was lost is not taken back."""
    ids, fences = [step.id for step in held], [step.fence for step in held]
    with database.untenanted() as connection:
        connection.execute(_RENEW, {"ids": ids, "fences": fences, "lease": lease_s})


def due_lanes(database: Database, lanes: Sequence[str], *, late_s: float = 0.0) -> list[str]:
    """Return those of some lanes that have steps which could have been claimed so many seconds ago."""
    with database.untenanted() as connection:
        return list(connection.execute(_DUE, {"lanes": list(lanes), "late": late_s}).scalars())


def checkpoint(database: Database, held: Held, **values: Any) -> None:
    """Write what a phase came to, if the step is still ours, and learn what its run is meant to do.

    Raises:
        LeaseLost: another worker has it.
    """
    with database.untenanted() as connection:
        write(connection, held, **values)
        row = connection.execute(_STATUS, {"account": held.key.account_id, "run": held.key.run_id}).one()
    for name, value in values.items():
        if hasattr(held, name):
            setattr(held, name, value)
    held.run_status, held.billing_quote_id = row.status, row.billing_quote_id


def write(connection: sa.Connection, held: Held, **values: Any) -> None:
    """Change a step's row under its fence, in a transaction of the caller's.

    Raises:
        LeaseLost: another worker has it.
    """
    mine = (step.c.account_id == held.key.account_id, step.c.id == held.id, step.c.fence == held.fence)
    changes = {**values, "update_time": sa.func.now()}
    if connection.execute(sa.update(step).where(*mine, step.c.status == "running").values(changes)).rowcount == 0:
        raise LeaseLost(f"step {held.id} fence {held.fence}")


_STATUS = sa.text("SELECT status, billing_quote_id FROM run WHERE account_id = :account AND id = :run")


def _held(row: sa.RowMapping) -> Held:
    names = (
        "id place stage lane function subject_id subject_kind label fence attempt failures limit_quantity reservation"
        " reserved apply_sent job answer applied run_status billing_quote_id"
    )
    return Held(
        key=RunKey(row["account_id"], row["site_id"], row["run_id"]),
        options=row["run_plan"]["options"],
        plan=row["run_plan"],
        **{name: row[name] for name in names.split()},
    )
