"""Every query of the ai service outside the standard methods: the calls' records, and prompt overrides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.tenancy import table_of
from services.ai.models import AiCall, AiModel, PromptOverride

call, model, override = table_of(AiCall), table_of(AiModel), table_of(PromptOverride)


@dataclass(frozen=True)
class Held:
    """A record that this process holds until its lease ends; the lease is also the fence of its closing."""

    id: UUID
    lease_until: datetime


def open_record(tx: Transaction, request_id: str, values: Mapping[str, Any], lease_s: float) -> Held | None:
    """Insert a call's record as in flight, or take over one of the same digest whose process died.

    Returns:
        What was opened, or None when the request id is taken: another process has it, it has ended, or it asks
        something else.
    """
    until = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
    row = {
        "account_id": tx.tenant.account_id,
        "site_id": tx.tenant.site_id,
        "id": new_id(),
        "request_id": request_id,
        "status": "in_flight",
        "lease_until": until,
        **values,
    }
    statement = insert(call).values(row)
    abandoned = sa.and_(
        call.c.status == "in_flight",
        call.c.lease_until < sa.func.now(),
        call.c.digest == values["digest"],
        call.c.site_id == tx.tenant.site_id,  # or the policies would make an error of another site's request id
    )
    taken = statement.on_conflict_do_update(
        index_elements=["account_id", "request_id"], set_={"lease_until": until}, where=abandoned
    )
    opened = tx.one(taken.returning(call.c.id, call.c.lease_until))
    return Held(opened.id, opened.lease_until) if opened else None


def read_record(tx: Transaction, request_id: str) -> sa.Row[Any] | None:
    """Return a call's record, or None."""
    return tx.one(sa.select(call).where(call.c.request_id == request_id))


def close_record(tx: Transaction, held: Held, values: Mapping[str, Any]) -> bool:
    """Write how a call ended, unless another process has taken it over meanwhile; return whether it was written."""
    mine = (call.c.id == held.id, call.c.status == "in_flight", call.c.lease_until == held.lease_until)
    return tx.execute(sa.update(call).where(*mine).values(dict(values))).rowcount == 1


def read_override(tx: Transaction, template: str) -> str | None:
    """Return the account's own text of a template, or None."""
    row = tx.one(sa.select(override.c.body).where(override.c.template == template))
    return row.body if row else None


def read_prices(tx: Transaction, provider: str, name: str, kind: str) -> tuple[int, int]:
    """Return a model's prices in micro-USD (read, written); zero for a model that is not in the catalogue."""
    where = (model.c.provider == provider, model.c.name == name, model.c.kind == kind)
    row = tx.one(sa.select(model.c.input_cost_micros, model.c.output_cost_micros).where(*where))
    return (row.input_cost_micros, row.output_cost_micros) if row else (0, 0)
