"""The tables that every service has, as its first migration makes them.

Frozen: a change of one of them is another function here, which a later migration of each service calls. What the tables
are for stands where they are used: `tenancy`, `outbox`, `idempotency`, `work`.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis import idempotency, outbox, tenancy, work


def create(op: Any, app_role: str, sweep_role: str, *, answers: bool = True, functions: bool = False) -> None:
    """Make and protect the tables.

    Args:
        op: the migration's operations.
        app_role: the role the service runs as.
        sweep_role: the role of rounds over all tenants.
        answers: whether calls are answered again by their request id.
        functions: whether the service does the work of steps.
    """
    _references(op)
    _events(op)
    tenancy.protect_references(op, app_role)
    outbox.protect_tables(op, app_role, sweep_role)
    if answers:
        _answers(op)
        idempotency.protect_table(op, app_role, sweep_role)
    if functions:
        _applied_steps(op)
        work.protect_table(op, app_role)


def _references(op: Any) -> None:
    op.create_table("account_ref", _id("account_id"), sa.PrimaryKeyConstraint("account_id", name="account_ref_pkey"))
    op.create_table(
        "site_ref",
        _id("account_id"),
        _id("site_id"),
        _id("industry_id"),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="site_ref_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "site_id", name="site_ref_pkey"),
    )
    op.create_table(
        "sector_ref",
        _id("account_id"),
        _id("site_id"),
        _id("sector_id"),
        _id("industry_sector_id"),
        _of_a_site("sector_ref_account_id_site_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "site_id", "sector_id", name="sector_ref_pkey"),
    )


def _events(op: Any) -> None:
    op.create_table(
        "outbox",
        _id("account_id"),
        _id("id"),
        sa.Column("site_id", sa.Uuid()),
        sa.Column("sector_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("account_id", "id", name="outbox_pkey"),
    )
    op.create_index("outbox_id_idx", "outbox", ["id"])
    op.create_table(
        "inbox",
        _id("account_id"),
        _id("id"),
        sa.Column("kind", sa.Text(), nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("account_id", "id", name="inbox_pkey"),
    )


def _answers(op: Any) -> None:
    op.create_table(
        "idempotency",
        _id("account_id"),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary()),
        _now(),
        sa.PrimaryKeyConstraint("account_id", "method", "request_id", name="idempotency_pkey"),
    )


def _applied_steps(op: Any) -> None:
    op.create_table(
        "applied_step",
        _id("account_id"),
        _id("id"),
        _id("site_id"),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("result", JSONB()),
        _now(),
        _of_a_site("applied_step_account_id_site_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="applied_step_pkey"),
    )


def fence_steps(op: Any) -> None:
    """Add what tells a late worker of a step from the one that took it over."""
    op.add_column("applied_step", sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _now() -> sa.Column[Any]:
    return sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _of_a_site(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id", "site_id"], ["site_ref.account_id", "site_ref.site_id"], name=name)
