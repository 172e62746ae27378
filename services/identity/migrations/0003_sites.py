"""Sites, their sectors and keys, and notices; who may see which of their rows."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import migrate, tenancy

revision = "0003"
down_revision = "0002"

_NOW = sa.text("now()")
_SQL = Path(__file__).with_name("sql") / "0003_find_api_key.sql"


def upgrade() -> None:
    _site_tables()
    _key_tables()
    _notice_tables()
    app, _ = migrate.roles(op)
    _protect(app)
    op.execute("CREATE POLICY look_up ON api_key FOR SELECT TO CURRENT_USER USING (true)")
    op.execute(_SQL.read_text())
    op.execute("REVOKE ALL ON FUNCTION find_api_key(bytea) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION find_api_key(bytea) TO {app}")


def downgrade() -> None:
    raise NotImplementedError("There is no way back; restore a backup from before the upgrade.")


def _protect(app: str) -> None:
    """A site's own row is known by its id. What never changes cannot be updated."""
    changed = "name, domain, platform, language, active, delete_time, update_time, revision"
    tenancy.protect(op, "site", app, "site", site_column="id", grants=f"SELECT, INSERT, UPDATE ({changed})")
    changed = "name, active, delete_time, update_time, revision"
    tenancy.protect(op, "sector", app, "site", grants=f"SELECT, INSERT, UPDATE ({changed})")
    tenancy.protect(op, "api_key", app, "site", grants="SELECT, INSERT, UPDATE (revoke_time)")
    tenancy.protect(op, "site_access", app, "site")
    tenancy.protect(op, "notification", app, "site")
    tenancy.protect(op, "notification_preference", app, "whole_account")


def _site_tables() -> None:
    op.create_table(
        "site",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("industry_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), server_default="custom", nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("platform IN ('wordpress', 'shopify', 'sites', 'custom')", name="site_platform_check"),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="site_account_id_fkey"),
        sa.ForeignKeyConstraint(["industry_id"], ["industry.id"], name="site_industry_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="site_pkey"),
        sa.UniqueConstraint("account_id", "id", "industry_id", name="site_account_id_id_industry_id_key"),
    )
    op.create_index(
        "site_domain_key",
        "site",
        ["account_id", "domain"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_table(
        "sector",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("industry_id", sa.Uuid(), nullable=False),
        sa.Column("industry_sector_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "industry_id"],
            ["site.account_id", "site.id", "site.industry_id"],
            name="sector_account_id_site_id_industry_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="sector_account_id_fkey"),
        sa.ForeignKeyConstraint(
            ["industry_id", "industry_sector_id"],
            ["industry_sector.industry_id", "industry_sector.id"],
            name="sector_industry_id_industry_sector_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="sector_pkey"),
    )
    op.create_index(
        "sector_template_key",
        "sector",
        ["account_id", "site_id", "industry_sector_id"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )


def _key_tables() -> None:
    op.create_table(
        "api_key",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"], ["site.account_id", "site.id"], name="api_key_account_id_site_id_fkey"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="api_key_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="api_key_pkey"),
    )
    op.create_index("api_key_key_hash_idx", "api_key", ["key_hash"])
    op.create_table(
        "site_access",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("membership_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "membership_id"],
            ["membership.account_id", "membership.id"],
            name="site_access_account_id_membership_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"], ["site.account_id", "site.id"], name="site_access_account_id_site_id_fkey"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="site_access_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="site_access_pkey"),
        sa.UniqueConstraint(
            "account_id", "membership_id", "site_id", name="site_access_account_id_membership_id_site_id_key"
        ),
    )


def _notice_tables() -> None:
    op.create_table(
        "notification",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.Text(), server_default="info", nullable=False),
        sa.Column("action_url", sa.Text(), server_default="", nullable=False),
        sa.Column("read_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint("severity IN ('info', 'success', 'warning', 'error')", name="notification_severity_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"], ["site.account_id", "site.id"], name="notification_account_id_site_id_fkey"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["membership.account_id", "membership.user_id"],
            name="notification_account_id_user_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="notification_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="notification_pkey"),
    )
    op.create_index(
        "notification_account_id_user_id_create_time_idx", "notification", ["account_id", "user_id", "create_time"]
    )
    op.create_table(
        "notification_preference",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint("channel IN ('in_app', 'email')", name="notification_preference_channel_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["membership.account_id", "membership.user_id"],
            name="notification_preference_account_id_user_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account_ref.account_id"], name="notification_preference_account_id_fkey"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="notification_preference_pkey"),
        sa.UniqueConstraint(
            "account_id",
            "user_id",
            "kind",
            "channel",
            name="notification_preference_account_id_user_id_kind_channel_key",
        ),
    )
