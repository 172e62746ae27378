"""Subscriptions, invoices, payments, credit notes and saved ways to pay."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import migrate, tenancy

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    app, _ = migrate.roles(op)
    _subscription()
    _invoice()
    _invoice_line()
    _payment()
    _credit_note()
    _account_payment_method()
    tenancy.protect(op, "subscription", app, "account", grants="SELECT, INSERT, UPDATE")
    # Read only until the flow of invoices and payments is there, which brings the triggers that guard them.
    for table in ("invoice", "invoice_line", "payment", "credit_note", "account_payment_method"):
        tenancy.protect(op, table, app, "account", grants="SELECT")


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")


def _account_payment_method() -> None:
    op.create_table(
        "account_payment_method",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("verified", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("country_code", sa.Text(), server_default="", nullable=False),
        sa.Column("instructions", sa.Text(), server_default="", nullable=False),
        sa.Column("external_id", sa.Text(), server_default="", nullable=False),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "method IN ('stripe', 'paypal', 'bank_transfer', 'local_wallet', 'manual')",
            name="account_payment_method_method_check",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account_ref.account_id"], name="account_payment_method_account_id_fkey"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="account_payment_method_pkey"),
        sa.UniqueConstraint("account_id", "display_name", name="account_payment_method_account_id_display_name_key"),
    )
    op.create_index(
        "account_payment_method_default_idx",
        "account_payment_method",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )


def _subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("next_plan_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("period_start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("grace_end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_at_period_end", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), server_default="", nullable=False),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "status IN ('trialing', 'active', 'past_due', 'cancelled', 'expired')", name="subscription_status_check"
        ),
        sa.CheckConstraint("period_end_time > period_start_time", name="subscription_period_check"),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="subscription_account_id_fkey"),
        sa.ForeignKeyConstraint(["next_plan_id"], ["plan.id"], name="subscription_next_plan_id_fkey"),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name="subscription_plan_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="subscription_pkey"),
        sa.UniqueConstraint("account_id", "key", name="subscription_account_id_key_key"),
    )
    op.create_index(
        "subscription_live_idx",
        "subscription",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('trialing', 'active', 'past_due')"),
    )


def _invoice() -> None:
    op.create_table(
        "invoice",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("account_number", sa.BigInteger(), nullable=False),
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("display_number", sa.Text(), server_default="", nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("credit_package_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("subtotal_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("billing_name", sa.Text(), server_default="", nullable=False),
        sa.Column("billing_email", sa.Text(), server_default="", nullable=False),
        sa.Column("billing_address", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("invoice_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("period_start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finalise_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), server_default="", nullable=False),
        sa.Column("pdf_object_key", sa.Text(), server_default="", nullable=False),
        sa.Column("pdf_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("kind IN ('subscription', 'package', 'addon', 'custom')", name="invoice_kind_check"),
        sa.CheckConstraint(
            "status IN ('draft', 'pending', 'paid', 'void', 'uncollectible')", name="invoice_status_check"
        ),
        sa.CheckConstraint("status NOT IN ('pending', 'paid') OR number IS NOT NULL", name="invoice_number_check"),
        sa.CheckConstraint("(finalise_time IS NULL) = (number IS NULL)", name="invoice_finalise_time_check"),
        sa.CheckConstraint(
            "subtotal_minor >= 0 AND discount_minor >= 0 AND tax_minor >= 0", name="invoice_amounts_check"
        ),
        sa.CheckConstraint("total_minor = subtotal_minor - discount_minor + tax_minor", name="invoice_total_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "subscription_id"],
            ["subscription.account_id", "subscription.id"],
            name="invoice_account_id_subscription_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="invoice_account_id_fkey"),
        sa.ForeignKeyConstraint(["credit_package_id"], ["credit_package.id"], name="invoice_credit_package_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="invoice_pkey"),
        sa.UniqueConstraint("account_id", "account_number", name="invoice_account_id_account_number_key"),
        sa.UniqueConstraint("account_id", "seller", "year", "number", name="invoice_account_id_seller_year_number_key"),
    )


def _invoice_line() -> None:
    op.create_table(
        "invoice_line",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount_minor = quantity * unit_price_minor", name="invoice_line_amount_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_id"],
            ["invoice.account_id", "invoice.id"],
            name="invoice_line_account_id_invoice_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="invoice_line_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="invoice_line_pkey"),
        sa.UniqueConstraint(
            "account_id", "invoice_id", "position", name="invoice_line_account_id_invoice_id_position_key"
        ),
    )


def _payment() -> None:
    op.create_table(
        "payment",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), server_default="", nullable=False),
        sa.Column("manual_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("manual_notes", sa.Text(), server_default="", nullable=False),
        sa.Column("approved_by", sa.Text(), server_default="", nullable=False),
        sa.Column("approve_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reject_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("failure_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("process_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fail_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refund_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "method IN ('stripe', 'paypal', 'bank_transfer', 'local_wallet', 'manual')", name="payment_method_check"
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'succeeded', 'completed', 'failed', 'refunded', 'cancelled')",
            name="payment_status_check",
        ),
        sa.CheckConstraint(
            "amount_minor > 0 AND refunded_minor BETWEEN 0 AND amount_minor", name="payment_amount_check"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_id"],
            ["invoice.account_id", "invoice.id"],
            name="payment_account_id_invoice_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="payment_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="payment_pkey"),
    )
    op.create_index(
        "payment_external_idx",
        "payment",
        ["account_id", "method", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id <> ''"),
    )


def _credit_note() -> None:
    op.create_table(
        "credit_note",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("display_number", sa.Text(), server_default="", nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("pdf_object_key", sa.Text(), server_default="", nullable=False),
        sa.Column("pdf_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount_minor > 0 AND tax_minor >= 0", name="credit_note_amount_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_id"],
            ["invoice.account_id", "invoice.id"],
            name="credit_note_account_id_invoice_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "payment_id"],
            ["payment.account_id", "payment.id"],
            name="credit_note_account_id_payment_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="credit_note_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="credit_note_pkey"),
        sa.UniqueConstraint(
            "account_id", "seller", "year", "number", name="credit_note_account_id_seller_year_number_key"
        ),
    )
