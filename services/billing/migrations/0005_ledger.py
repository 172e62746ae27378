"""What corrections, extensions, several captures of one hold and grants of a later day are kept in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import migrate, tenancy
from services.billing.migrations.sql import install

revision = "0005"
down_revision = "0004"

# An owner is under row level security too, so a migration that fills columns of every tenant lifts it from itself.
_FILLED = ("credit_grant", "credit_transaction", "credit_usage", "hold", "quote", "quote_line")
_CHANGES = "'purchase', 'subscription', 'refund', 'deduction', 'adjustment', 'promotion', 'expiry', 'reversal'"
_CHECKS = (
    ("credit_grant", "post_time", "post_time IS NOT NULL OR remaining = 0"),
    (
        "credit_grant",
        "change_kind",
        "change_kind IN ('purchase', 'subscription', 'promotion', 'refund', 'adjustment', 'reversal')",
    ),
    ("credit_transaction", "kind", f"kind IN ({_CHANGES})"),
    ("credit_usage", "has_key", "key IS NOT NULL"),  # only until the column itself says so
    ("hold", "quantities", "captured_quantity >= 0 AND extended_quantity >= 0"),
)


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    _columns()
    _hold_extension()
    _transaction_grant()
    tenancy.protect(op, "hold_extension", app, "site", grants="SELECT, INSERT")
    tenancy.protect(op, "transaction_grant", app, "account", grants="SELECT, INSERT")
    tenancy.open_to_sweep(op, "credit_account", sweep, "SELECT")
    tenancy.open_to_sweep(op, "credit_grant", sweep, "SELECT")
    op.execute(f"GRANT INSERT, UPDATE (active) ON credit_cost TO {app}")
    _fill()
    _replace_checks()
    install(op, revision)
    with op.get_context().autocommit_block():
        _validate()
        _indexes()


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")


def _columns() -> None:
    for table, column in (
        ("credit_grant", sa.Column("change_kind", sa.Text(), server_default="promotion", nullable=False)),
        ("credit_grant", sa.Column("post_time", sa.DateTime(timezone=True), nullable=True)),
        ("quote", sa.Column("replace_time", sa.DateTime(timezone=True), nullable=True)),
        ("quote_line", sa.Column("unit", sa.Text(), server_default="", nullable=False)),
        ("quote_line", sa.Column("unit_credits", sa.BigInteger(), server_default="0", nullable=False)),
        ("hold", sa.Column("extended_quantity", sa.BigInteger(), server_default="0", nullable=False)),
        ("hold", sa.Column("captured_quantity", sa.BigInteger(), server_default="0", nullable=False)),
        ("credit_transaction", sa.Column("key", sa.Text(), nullable=True)),
        ("credit_usage", sa.Column("key", sa.Text(), nullable=True)),
        ("credit_usage", sa.Column("final", sa.Boolean(), server_default=sa.true(), nullable=False)),
        ("credit_usage", sa.Column("transaction_id", sa.Uuid(), nullable=True)),
        ("credit_cost", sa.Column("key", sa.Text(), nullable=True)),
        ("credit_cost", sa.Column("request", JSONB(), nullable=True)),
    ):
        op.add_column(table, column)


def _hold_extension() -> None:
    op.create_table(
        "hold_extension",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 200", name="hold_extension_key_check"),
        sa.CheckConstraint("quantity > 0 AND credits >= 0", name="hold_extension_quantity_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "hold_id"],
            ["hold.account_id", "hold.site_id", "hold.id"],
            name="hold_extension_account_id_site_id_hold_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name="hold_extension_account_id_site_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="hold_extension_pkey"),
        sa.UniqueConstraint("account_id", "site_id", "key", name="hold_extension_account_id_site_id_key_key"),
    )
    op.create_index("hold_extension_hold_idx", "hold_extension", ["account_id", "hold_id"])


def _transaction_grant() -> None:
    op.create_table(
        "transaction_grant",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("credits > 0", name="transaction_grant_credits_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "grant_id"],
            ["credit_grant.account_id", "credit_grant.id"],
            name="transaction_grant_account_id_grant_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "transaction_id"],
            ["credit_transaction.account_id", "credit_transaction.id"],
            name="transaction_grant_account_id_transaction_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="transaction_grant_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "transaction_id", "grant_id", name="transaction_grant_pkey"),
    )
    op.create_index("transaction_grant_grant_idx", "transaction_grant", ["account_id", "grant_id"])


def _fill() -> None:
    """Say of the rows that are there what their new columns mean."""
    for table in _FILLED:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE credit_grant SET post_time = create_time, change_kind ="
        " CASE kind WHEN 'plan' THEN 'subscription' WHEN 'bonus' THEN 'purchase' ELSE 'promotion' END"
    )
    op.execute(
        "UPDATE credit_usage u SET key = h.key, transaction_id ="
        " (SELECT t.id FROM credit_transaction t"
        " WHERE t.account_id = u.account_id AND t.hold_id = u.hold_id AND t.kind = 'deduction')"
        " FROM hold h WHERE h.account_id = u.account_id AND h.id = u.hold_id"
    )
    op.execute(
        "UPDATE hold h SET captured_quantity = u.quantity FROM credit_usage u"
        " WHERE u.account_id = h.account_id AND u.hold_id = h.id"
    )
    op.execute(
        "UPDATE quote_line l SET unit = c.unit, unit_credits = c.credits FROM credit_cost c"
        " WHERE c.id = l.credit_cost_id"
    )
    op.execute(
        "UPDATE quote q SET replace_time = n.accept_time FROM quote n"
        " WHERE n.account_id = q.account_id AND n.run_id = q.run_id AND (n.accept_time, n.id) > (q.accept_time, q.id)"
    )
    for table in _FILLED:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _replace_checks() -> None:
    """Take away what would refuse the new rows, and state the new rules for them."""
    for table, constraint in (
        ("hold", "hold_captured_check"),  # a hold that is still open may have captured a part
        ("credit_usage", "credit_usage_account_id_hold_id_key"),  # and has a use for each part
        ("credit_transaction", "credit_transaction_kind_check"),
    ):
        op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT {constraint}")
    for table, name, rule in _CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name}_check CHECK ({rule}) NOT VALID")
    op.execute(
        "ALTER TABLE credit_usage ADD CONSTRAINT credit_usage_account_id_transaction_id_fkey"
        " FOREIGN KEY (account_id, transaction_id) REFERENCES credit_transaction (account_id, id) NOT VALID"
    )


def _validate() -> None:
    """Hold the rows that were there to the new rules too, under locks that stop nobody."""
    for table, name, _ in _CHECKS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_{name}_check")
    op.execute("ALTER TABLE credit_usage VALIDATE CONSTRAINT credit_usage_account_id_transaction_id_fkey")
    op.execute("ALTER TABLE credit_usage ALTER COLUMN key SET NOT NULL")  # at once: the check has proved it
    op.execute(
        "-- squawk-ignore ban-drop-constraint\nALTER TABLE credit_usage DROP CONSTRAINT credit_usage_has_key_check"
    )


def _indexes() -> None:
    left, later = sa.text("remaining > 0"), sa.text("post_time IS NULL")
    undone, of_run = sa.text("reversal_of IS NOT NULL"), sa.text("run_id IS NOT NULL")
    for name, table, columns, unique, where in (
        ("credit_grant_due_idx", "credit_grant", ["expire_time"], False, left),
        ("credit_grant_later_idx", "credit_grant", ["effective_time"], False, later),
        ("credit_transaction_key_idx", "credit_transaction", ["account_id", "key"], True, None),
        (
            "credit_transaction_reversal_idx",
            "credit_transaction",
            ["account_id", "reversal_of"],
            True,
            sa.text("kind = 'reversal'"),
        ),
        ("credit_transaction_refund_idx", "credit_transaction", ["account_id", "reversal_of"], False, undone),
        ("credit_usage_key_idx", "credit_usage", ["account_id", "site_id", "key"], True, None),
        ("credit_usage_hold_idx", "credit_usage", ["account_id", "hold_id"], False, None),
        ("credit_cost_key_idx", "credit_cost", ["key"], True, None),
        ("quote_run_idx", "quote", ["account_id", "run_id"], False, of_run),
        ("hold_step_idx", "hold", ["account_id", "run_id", "step_id"], False, None),
    ):
        op.create_index(name, table, columns, unique=unique, postgresql_where=where, postgresql_concurrently=True)
    op.create_index(
        "credit_usage_day_idx",
        "credit_usage",
        ["account_id", "site_id", "create_time"],
        postgresql_include=["credits"],
        postgresql_concurrently=True,
    )
