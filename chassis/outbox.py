"""Facts that leave with the transaction that made them true, and facts that are taken in once.

`Transaction.emit` writes a fact; the orchestrator pulls it through `OutboxService` and hands it to whoever asked for
its kind through `InboxService`. At least once on the wire, once in effect: the inbox remembers every id it took in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis import tenancy
from chassis.database import Database, Transaction
from chassis.tenancy import Operations, Tenant


@dataclass(frozen=True)
class Fact:
    """Something that became true in a service."""

    id: UUID
    kind: str
    account_id: UUID
    site_id: UUID | None
    sector_id: UUID | None
    payload: Mapping[str, Any]
    create_time: datetime


_FIRST = UUID(int=0)
Handler = Callable[[Transaction, Fact], None]


def add_tables(metadata: sa.MetaData) -> None:
    """Declare the outbox and inbox in a service's metadata."""
    sa.Table(
        "outbox",
        metadata,
        sa.Column("account_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("site_id", sa.Uuid),
        sa.Column("sector_id", sa.Uuid),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Index("outbox_id_idx", "id"),
    )
    sa.Table(
        "inbox",
        metadata,
        sa.Column("account_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )


def protect_tables(op: Operations, app_role: str, sweep_role: str) -> None:
    """Set the policies of outbox and inbox; called by the migration that creates them."""
    tenancy.protect(op, "outbox", app_role, "account", grants="SELECT, INSERT")
    tenancy.open_to_sweep(op, "outbox", sweep_role, "SELECT, DELETE")
    tenancy.protect(op, "inbox", app_role, "account", grants="SELECT, INSERT")


def pull(sweep: Database, limit: int, after: UUID = _FIRST) -> list[Fact]:
    """Return undelivered facts of every tenant, oldest first.

    Args:
        sweep: the service's database under its sweep role.
        limit: 1 to 1,000.
        after: the id of the fact before them.
    """
    statement = sa.text(
        "SELECT id, kind, account_id, site_id, sector_id, payload, create_time FROM outbox"
        " WHERE id > :after ORDER BY id LIMIT :limit"
    )
    with sweep.untenanted() as connection:
        return [Fact(*row) for row in connection.execute(statement, {"limit": limit, "after": after})]


def acknowledge(sweep: Database, ids: list[UUID]) -> None:
    """Forget facts that were delivered; forgetting twice is harmless."""
    with sweep.untenanted() as connection:
        connection.execute(sa.text("DELETE FROM outbox WHERE id = ANY(:ids)"), {"ids": ids})


def take_in(database: Database, tenant: Tenant, fact: Fact, handlers: Mapping[str, Handler]) -> bool:
    """Take a fact in, once; return whether it was new.

    Raises:
        KeyError: nobody here handles its kind.
    """
    handler = handlers[fact.kind]
    remember = sa.text(
        "INSERT INTO inbox (account_id, id, kind) VALUES (:account, :id, :kind) ON CONFLICT DO NOTHING RETURNING id"
    )
    with database.transaction(tenant) as transaction:
        values = {"account": fact.account_id, "id": fact.id, "kind": fact.kind}
        if transaction.one(remember, values) is None:
            return False
        handler(transaction, fact)
        return True
