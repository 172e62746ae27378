"""What the platform offers (plans, prices, packages, ways to pay), the reference rows and the outbox."""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import baseline, migrate

revision = "0001"
down_revision = None


# code, name, price in US cents, credits, sites, users, keywords
PLANS = (
    ("free", "Free", 0, 50, 1, 1, 100),
    ("starter", "Starter", 10_000, 1_000, 2, 2, 500),
    ("growth", "Growth", 20_000, 2_000, 5, 3, 2_000),
    ("scale", "Scale", 50_000, 5_000, 99, 5, 5_000),
)
# operation, what people call it, unit, how many make a unit, credits a unit
COSTS = (
    ("clustering", "Keyword clustering", "20_keywords", 20, 1),
    ("idea", "Content idea", "item", 1, 2),
    ("content", "Article", "100_words", 100, 1),
    ("image_prompt", "Image prompt", "item", 1, 1),
    ("image", "Image", "image", 1, 5),
    ("optimization", "Content optimisation", "200_words", 200, 1),
    ("linking", "Internal linking", "item", 1, 1),
)
# country ("*" is everywhere else), method, what people call it
METHODS = (
    ("PK", "stripe", "Card"),
    ("PK", "bank_transfer", "Bank transfer"),
    ("PK", "local_wallet", "JazzCash or Easypaisa"),
    ("*", "stripe", "Card"),
    ("*", "paypal", "PayPal"),
    ("*", "bank_transfer", "Bank transfer"),
)


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    baseline.create(op, app, sweep, answers=False)

    _plan()
    _credit_cost()
    _credit_package()
    _payment_method_config()
    _invoice_counter()
    _webhook_event()
    for table in ("plan", "credit_cost", "credit_package", "payment_method_config"):
        op.execute(f"GRANT SELECT ON {table} TO {app}")
    # What providers told us is about every tenant: nobody sees it until there is a role whose work it is.
    op.execute("ALTER TABLE webhook_event ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE webhook_event FORCE ROW LEVEL SECURITY")
    _fill()


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")


def _fill() -> None:
    """Write the defaults, under ids that are the same on every installation."""
    plans = _rows(PLANS, "code", "name", "price_minor", "credits", "max_sites", "max_users", "max_keywords")
    _insert("plan", [row | {"id": _id("plan", row["code"]), "sort_order": n} for n, row in enumerate(plans)])
    costs = _rows(COSTS, "operation", "display_name", "unit", "unit_size", "credits")
    _insert("credit_cost", [row | {"id": _id("credit_cost", row["operation"], "1"), "version": 1} for row in costs])
    methods = _rows(METHODS, "country_code", "method", "display_name")
    _insert(
        "payment_method_config",
        [row | {"id": _id("payment_method", row["country_code"], row["method"])} for row in methods],
    )


def _rows(values: Sequence[Sequence[Any]], *names: str) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in values]


def _id(*words: object) -> UUID:
    return uuid5(NAMESPACE_URL, ":".join(["igny8", *map(str, words)]))


def _insert(table: str, rows: list[dict[str, Any]]) -> None:
    columns = [sa.column(name, sa.Uuid if name == "id" else None) for name in rows[0]]
    op.bulk_insert(sa.table(table, *columns), rows)


def _credit_cost() -> None:
    op.create_table(
        "credit_cost",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_size", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("previous_credits", sa.BigInteger(), nullable=True),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("change_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "unit IN ('request', '100_words', '200_words', 'item', 'image', '20_keywords')",
            name="credit_cost_unit_check",
        ),
        sa.CheckConstraint(
            "unit_size = CASE unit WHEN '100_words' THEN 100 WHEN '200_words' THEN 200 WHEN '20_keywords' THEN 20"
            " ELSE 1 END",
            name="credit_cost_unit_size_check",
        ),
        sa.CheckConstraint("credits BETWEEN 1 AND 1000000", name="credit_cost_credits_check"),
        sa.PrimaryKeyConstraint("id", name="credit_cost_pkey"),
        sa.UniqueConstraint("operation", "version", name="credit_cost_operation_version_key"),
    )
    op.create_index(
        "credit_cost_active_idx", "credit_cost", ["operation"], unique=True, postgresql_where=sa.text("active")
    )


def _credit_package() -> None:
    op.create_table(
        "credit_package",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("features", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="USD", nullable=False),
        sa.Column("discount_percent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stripe_product_id", sa.Text(), server_default="", nullable=False),
        sa.Column("stripe_price_id", sa.Text(), server_default="", nullable=False),
        sa.Column("paypal_plan_id", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("featured", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sort_order", sa.Integer(), server_default="0", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("credits > 0 AND price_minor >= 0", name="credit_package_amounts_check"),
        sa.CheckConstraint("discount_percent BETWEEN 0 AND 100", name="credit_package_discount_percent_check"),
        sa.PrimaryKeyConstraint("id", name="credit_package_pkey"),
        sa.UniqueConstraint("code", name="credit_package_code_key"),
    )


def _invoice_counter() -> None:
    op.create_table(
        "invoice_counter",
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name="invoice_counter_kind_check"),
        sa.CheckConstraint("last_number >= 0", name="invoice_counter_number_check"),
        sa.PrimaryKeyConstraint("seller", "kind", "year", name="invoice_counter_pkey"),
    )


def _payment_method_config() -> None:
    op.create_table(
        "payment_method_config",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("country_code", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("instructions", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_name", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_account_name", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_account_number", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_routing_code", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_swift_code", sa.Text(), server_default="", nullable=False),
        sa.Column("wallet_kind", sa.Text(), server_default="", nullable=False),
        sa.Column("wallet_number", sa.Text(), server_default="", nullable=False),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("sort_order", sa.Integer(), server_default="0", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "country_code = '*' OR country_code ~ '^[A-Z]{2}$'", name="payment_method_config_country_code_check"
        ),
        sa.CheckConstraint(
            "method IN ('stripe', 'paypal', 'bank_transfer', 'local_wallet', 'manual')",
            name="payment_method_config_method_check",
        ),
        sa.PrimaryKeyConstraint("id", name="payment_method_config_pkey"),
        sa.UniqueConstraint("country_code", "method", name="payment_method_config_country_code_method_key"),
    )


def _plan() -> None:
    op.create_table(
        "plan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="USD", nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("max_sites", sa.Integer(), nullable=False),
        sa.Column("max_users", sa.Integer(), nullable=False),
        sa.Column("max_keywords", sa.Integer(), nullable=False),
        sa.Column("stripe_price_id", sa.Text(), server_default="", nullable=False),
        sa.Column("paypal_plan_id", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("featured", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sort_order", sa.Integer(), server_default="0", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("max_sites >= 0 AND max_users >= 0 AND max_keywords >= 0", name="plan_limits_check"),
        sa.CheckConstraint("price_minor >= 0 AND credits >= 0", name="plan_amounts_check"),
        sa.PrimaryKeyConstraint("id", name="plan_pkey"),
        sa.UniqueConstraint("code", name="plan_code_key"),
    )


def _webhook_event() -> None:
    op.create_table(
        "webhook_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), server_default="received", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("process_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("provider IN ('stripe', 'paypal')", name="webhook_event_provider_check"),
        sa.CheckConstraint(
            "status IN ('received', 'processed', 'ignored', 'failed')", name="webhook_event_status_check"
        ),
        sa.PrimaryKeyConstraint("id", name="webhook_event_pkey"),
        sa.UniqueConstraint("provider", "external_id", name="webhook_event_provider_external_id_key"),
    )
