"""Calls and their records, models, prompt overrides, author profiles, settings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import baseline, migrate, tenancy

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT, _IMAGE = "text", "image"
_MODELS = (
    # Micro-USD for 1,000,000 tokens read and written (pictures: for one). A server of one's own costs nothing here; an
    # operator sets what it really costs.
    ("3f6a3c0e-0000-5000-8000-000000000001", "offline", "offline-1", _TEXT, 16384, 0, 0, True),
    ("3f6a3c0e-0000-5000-8000-000000000002", "offline", "offline-1", _IMAGE, 0, 0, 0, True),
)


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    baseline.create(op, app, sweep)
    _own()
    for table in ("account_setting", "prompt_override", "author_profile", "content_strategy"):
        tenancy.protect(op, table, app, "account")
    tenancy.protect(op, "ai_call", app, "site", grants="SELECT, INSERT, UPDATE")
    op.execute(f"GRANT SELECT ON ai_model, platform_setting, provider_credential TO {app}")
    _models()


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _models() -> None:
    names = (
        "id",
        "provider",
        "name",
        "kind",
        "max_output_tokens",
        "input_cost_micros",
        "output_cost_micros",
        "is_default",
    )
    columns = [sa.column(name, sa.Uuid if name == "id" else None) for name in names]
    op.bulk_insert(sa.table("ai_model", *columns), [dict(zip(names, row, strict=True)) for row in _MODELS])


def _own() -> None:
    op.create_table(
        "ai_model",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("max_output_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("input_cost_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_cost_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sizes", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("capabilities", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("kind IN ('text', 'image', 'embedding')", name=op.f("ai_model_kind_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_model_pkey")),
        sa.UniqueConstraint("provider", "name", "kind", name=op.f("ai_model_provider_name_kind_key")),
    )
    op.create_table(
        "platform_setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("platform_setting_pkey")),
    )
    op.create_table(
        "provider_credential",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sealed", JSONB(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("provider_credential_pkey")),
        sa.UniqueConstraint("provider", name=op.f("provider_credential_provider_key")),
    )
    op.create_table(
        "account_setting",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("value", JSONB(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account_ref.account_id"], name=op.f("account_setting_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("account_setting_pkey")),
        sa.UniqueConstraint(
            "account_id",
            "name",
            "user_id",
            name=op.f("account_setting_account_id_name_user_id_key"),
        ),
    )
    op.create_index(
        "account_setting_of_account_idx",
        "account_setting",
        ["account_id", "name"],
        unique=True,
        postgresql_where=sa.text("user_id IS NULL"),
    )
    op.create_table(
        "author_profile",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("tone", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account_ref.account_id"], name=op.f("author_profile_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("author_profile_pkey")),
        sa.UniqueConstraint("account_id", "name", name=op.f("author_profile_account_id_name_key")),
    )
    op.create_table(
        "prompt_override",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account_ref.account_id"], name=op.f("prompt_override_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("prompt_override_pkey")),
        sa.UniqueConstraint("account_id", "template", name=op.f("prompt_override_account_id_template_key")),
    )
    op.create_table(
        "ai_call",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("template_version", sa.Text(), server_default="", nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("answer", JSONB(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('in_flight', 'succeeded', 'failed')", name=op.f("ai_call_status_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("ai_call_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("ai_call_pkey")),
        sa.UniqueConstraint("account_id", "request_id", name=op.f("ai_call_account_id_request_id_key")),
    )
    op.create_index("ai_call_of_site_idx", "ai_call", ["account_id", "site_id", "id"], unique=False)
    op.create_table(
        "content_strategy",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("author_profile_id", sa.Uuid(), nullable=True),
        sa.Column("instructions", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "author_profile_id"],
            ["author_profile.account_id", "author_profile.id"],
            name=op.f("content_strategy_account_id_author_profile_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account_ref.account_id"], name=op.f("content_strategy_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("content_strategy_pkey")),
        sa.UniqueConstraint("account_id", "name", name=op.f("content_strategy_account_id_name_key")),
    )
