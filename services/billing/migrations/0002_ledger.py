"""The tables of the ledger and of quotes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import migrate, tenancy

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    app, _ = migrate.roles(op)
    _credit_account()
    _credit_grant()
    _quote()
    _quote_line()
    _hold()
    _hold_grant()
    _credit_transaction()
    _credit_usage()
    changed, written = "SELECT, INSERT, UPDATE", "SELECT, INSERT"
    tenancy.protect(op, "credit_account", app, "account", grants=changed)
    tenancy.protect(op, "credit_grant", app, "account", grants=changed)
    tenancy.protect(op, "quote", app, "site", grants=changed)
    tenancy.protect(op, "quote_line", app, "site", grants=written)
    tenancy.protect(op, "hold", app, "site", grants=changed)
    tenancy.protect(op, "hold_grant", app, "account", grants=changed)
    tenancy.protect(op, "credit_transaction", app, "optional_site", grants=written)
    tenancy.protect(op, "credit_usage", app, "site", grants=written)


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")


def _credit_account() -> None:
    op.create_table(
        "credit_account",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("posted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transaction_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("held >= 0", name="credit_account_held_check"),
        sa.CheckConstraint("posted - held >= 0", name="credit_account_available_check"),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="credit_account_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", name="credit_account_pkey"),
    )


def _credit_grant() -> None:
    op.create_table(
        "credit_grant",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("effective_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('plan', 'bonus', 'promotional')", name="credit_grant_kind_check"),
        sa.CheckConstraint("credits > 0 AND remaining BETWEEN 0 AND credits", name="credit_grant_remaining_check"),
        sa.CheckConstraint("expire_time > effective_time", name="credit_grant_expire_time_check"),
        sa.CheckConstraint("held BETWEEN 0 AND remaining", name="credit_grant_held_check"),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 200", name="credit_grant_key_check"),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="credit_grant_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="credit_grant_pkey"),
        sa.UniqueConstraint("account_id", "key", name="credit_grant_account_id_key_key"),
    )
    op.create_index(
        "credit_grant_left_idx", "credit_grant", ["account_id"], unique=False, postgresql_where=sa.text("remaining > 0")
    )


def _quote() -> None:
    op.create_table(
        "quote",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("expected_credits", sa.BigInteger(), nullable=False),
        sa.Column("limit_credits", sa.BigInteger(), nullable=False),
        sa.Column("max_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("captured_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("accept_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(run_id IS NULL) = (accept_time IS NULL)", name="quote_accept_time_check"),
        sa.CheckConstraint("captured_credits + held_credits <= limit_credits", name="quote_limit_check"),
        sa.CheckConstraint("captured_credits >= 0 AND held_credits >= 0", name="quote_used_check"),
        sa.CheckConstraint(
            "expected_credits >= 0 AND limit_credits >= 0 AND max_credits >= 0", name="quote_credits_check"
        ),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 200", name="quote_key_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"], ["site_ref.account_id", "site_ref.site_id"], name="quote_account_id_site_id_fkey"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="quote_pkey"),
        sa.UniqueConstraint("account_id", "site_id", "id", name="quote_account_id_site_id_id_key"),
        sa.UniqueConstraint("account_id", "site_id", "key", name="quote_account_id_site_id_key_key"),
    )


def _hold() -> None:
    op.create_table(
        "hold",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("operation", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("credit_cost_id", sa.Uuid(), nullable=True),
        sa.Column("unit_size", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("unit_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("captured_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(state = 'open') = (close_time IS NULL)", name="hold_close_time_check"),
        sa.CheckConstraint("captured_credits = 0 OR state = 'captured'", name="hold_captured_check"),
        sa.CheckConstraint(
            "quote_id IS NOT NULL OR (state IN ('released', 'expired') AND credits = 0)", name="hold_quote_check"
        ),
        sa.CheckConstraint("state IN ('open', 'captured', 'released', 'expired')", name="hold_state_check"),
        sa.CheckConstraint("captured_credits BETWEEN 0 AND credits", name="hold_captured_credits_check"),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 200", name="hold_key_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "quote_id"],
            ["quote.account_id", "quote.site_id", "quote.id"],
            name="hold_account_id_site_id_quote_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"], ["site_ref.account_id", "site_ref.site_id"], name="hold_account_id_site_id_fkey"
        ),
        sa.ForeignKeyConstraint(["credit_cost_id"], ["credit_cost.id"], name="hold_credit_cost_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="hold_pkey"),
        sa.UniqueConstraint("account_id", "site_id", "id", name="hold_account_id_site_id_id_key"),
        sa.UniqueConstraint("account_id", "site_id", "key", name="hold_account_id_site_id_key_key"),
    )
    op.create_index(
        "hold_open_idx", "hold", ["account_id", "quote_id"], unique=False, postgresql_where=sa.text("state = 'open'")
    )


def _quote_line() -> None:
    op.create_table(
        "quote_line",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("quote_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("expected_quantity", sa.BigInteger(), nullable=False),
        sa.Column("limit_quantity", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("expected_credits", sa.BigInteger(), nullable=False),
        sa.Column("limit_credits", sa.BigInteger(), nullable=False),
        sa.Column("credit_cost_id", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "pieces >= 0 AND expected_quantity BETWEEN 0 AND limit_quantity", name="quote_line_quantity_check"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "quote_id"],
            ["quote.account_id", "quote.site_id", "quote.id"],
            name="quote_line_account_id_site_id_quote_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name="quote_line_account_id_site_id_fkey",
        ),
        sa.ForeignKeyConstraint(["credit_cost_id"], ["credit_cost.id"], name="quote_line_credit_cost_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="quote_line_pkey"),
        sa.UniqueConstraint("account_id", "quote_id", "position", name="quote_line_account_id_quote_id_position_key"),
    )


def _credit_transaction() -> None:
    op.create_table(
        "credit_transaction",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("grant_id", sa.Uuid(), nullable=True),
        sa.Column("credit_cost_id", sa.Uuid(), nullable=True),
        sa.Column("reversal_of", sa.Uuid(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('purchase', 'subscription', 'refund', 'deduction', 'adjustment', 'promotion', 'expiry')",
            name="credit_transaction_kind_check",
        ),
        sa.CheckConstraint("kind NOT IN ('deduction', 'expiry') OR amount < 0", name="credit_transaction_sign_check"),
        sa.CheckConstraint("amount <> 0 AND balance_after >= 0", name="credit_transaction_amount_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "grant_id"],
            ["credit_grant.account_id", "credit_grant.id"],
            name="credit_transaction_account_id_grant_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "hold_id"], ["hold.account_id", "hold.id"], name="credit_transaction_account_id_hold_id_fkey"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "reversal_of"],
            ["credit_transaction.account_id", "credit_transaction.id"],
            name="credit_transaction_account_id_reversal_of_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name="credit_transaction_account_id_site_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="credit_transaction_account_id_fkey"),
        sa.ForeignKeyConstraint(["credit_cost_id"], ["credit_cost.id"], name="credit_transaction_credit_cost_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="credit_transaction_pkey"),
        sa.UniqueConstraint("account_id", "number", name="credit_transaction_account_id_number_key"),
    )
    op.create_index("credit_transaction_hold_idx", "credit_transaction", ["account_id", "hold_id"], unique=False)


def _credit_usage() -> None:
    op.create_table(
        "credit_usage",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("credit_cost_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("object_kind", sa.Text(), server_default="", nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_usd_micro", sa.BigInteger(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("input_tokens >= 0 AND output_tokens >= 0", name="credit_usage_tokens_check"),
        sa.CheckConstraint("quantity >= 0 AND credits >= 0", name="credit_usage_credits_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "hold_id"],
            ["hold.account_id", "hold.site_id", "hold.id"],
            name="credit_usage_account_id_site_id_hold_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name="credit_usage_account_id_site_id_fkey",
        ),
        sa.ForeignKeyConstraint(["credit_cost_id"], ["credit_cost.id"], name="credit_usage_credit_cost_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="credit_usage_pkey"),
        sa.UniqueConstraint("account_id", "hold_id", name="credit_usage_account_id_hold_id_key"),
    )
    op.create_index("credit_usage_run_idx", "credit_usage", ["account_id", "run_id"], unique=False)


def _hold_grant() -> None:
    op.create_table(
        "hold_grant",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("captured_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("credits > 0 AND captured_credits BETWEEN 0 AND credits", name="hold_grant_credits_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "grant_id"],
            ["credit_grant.account_id", "credit_grant.id"],
            name="hold_grant_account_id_grant_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "hold_id"], ["hold.account_id", "hold.id"], name="hold_grant_account_id_hold_id_fkey"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="hold_grant_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "hold_id", "grant_id", name="hold_grant_pkey"),
    )
    op.create_index("hold_grant_grant_idx", "hold_grant", ["account_id", "grant_id"], unique=False)
