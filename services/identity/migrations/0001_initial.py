"""People, accounts and sessions, who may see which of their rows, and the look-ups before a tenant is known."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from chassis import baseline, migrate, tenancy

revision = "0001"
down_revision = None

_NOW = sa.text("now()")
_SQL = Path(__file__).with_name("sql") / "0001_look_ups.sql"
_LOOK_UPS = (
    "find_login(text)",
    "add_user(uuid, text, text, text)",
    "find_refresh_token(bytea)",
    "find_operator_key(bytea)",
    "account_status(uuid)",
)


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    baseline.create(op, app, sweep)
    _platform_tables()
    _account_tables()
    _session_tables()
    _protect(app)
    _look_up(app)


def downgrade() -> None:
    raise NotImplementedError("There is no way back; restore a backup from before the upgrade.")


def _protect(app: str) -> None:
    """What a site's passport need not see, it does not; what never changes cannot be updated."""
    changed = "name, plan, plan_time, max_sites, max_users, max_keywords, time_zone, country, billing_email"
    grants = f"SELECT, INSERT, UPDATE ({changed}, update_time, revision)"
    tenancy.protect(op, "account", app, "account", grants=grants)
    tenancy.protect(op, "membership", app, "whole_account")
    tenancy.protect(op, "invitation", app, "whole_account")
    tenancy.protect(op, "session", app, "whole_account", grants="SELECT, INSERT, UPDATE (revoke_time)")
    tenancy.protect(op, "refresh_token", app, "whole_account", grants="SELECT, INSERT, UPDATE (use_time)")
    tenancy.protect(op, "operator_access", app, "whole_account", grants="SELECT, INSERT")
    op.execute(f"GRANT SELECT ON industry, industry_sector TO {app}")


def _look_up(app: str) -> None:
    """Let the owner's functions, and nobody else, look across tenants; and let members be shown by address."""
    for table in ("account", "membership", "refresh_token"):
        op.execute(f"CREATE POLICY look_up ON {table} FOR SELECT TO CURRENT_USER USING (true)")
    op.execute(_SQL.read_text())
    for function in _LOOK_UPS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {app}")
    # Through its own memberships, which are under row level security themselves, and never the password's hash.
    op.execute("ALTER TABLE app_user ENABLE ROW LEVEL SECURITY")
    members = "EXISTS (SELECT 1 FROM membership m WHERE m.user_id = app_user.id)"
    op.execute(f"CREATE POLICY member ON app_user FOR SELECT TO {app} USING ({members})")
    op.execute(f"GRANT SELECT (id, email) ON app_user TO {app}")


def _platform_tables() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("sign_up_request_id", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="app_user_pkey"),
        sa.UniqueConstraint("email", name="app_user_email_key"),
    )
    op.create_table(
        "password_reset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("use_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name="password_reset_user_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="password_reset_pkey"),
        sa.UniqueConstraint("token_hash", name="password_reset_token_hash_key"),
    )
    op.create_table(
        "operator_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="operator_key_pkey"),
        sa.UniqueConstraint("key_hash", name="operator_key_key_hash_key"),
    )
    op.create_table(
        "industry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="industry_pkey"),
        sa.UniqueConstraint("slug", name="industry_slug_key"),
    )
    op.create_table(
        "industry_sector",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("industry_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["industry_id"], ["industry.id"], name="industry_sector_industry_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="industry_sector_pkey"),
        sa.UniqueConstraint("industry_id", "id", name="industry_sector_industry_id_id_key"),
        sa.UniqueConstraint("industry_id", "slug", name="industry_sector_industry_id_slug_key"),
    )


def _account_tables() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("plan", sa.Text(), server_default="free", nullable=False),
        sa.Column("plan_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_sites", sa.Integer(), server_default="1", nullable=False),
        sa.Column("max_users", sa.Integer(), server_default="1", nullable=False),
        sa.Column("max_keywords", sa.Integer(), server_default="100", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("billing_email", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended', 'trial', 'cancelled')", name="account_status_check"),
        sa.CheckConstraint("id = account_id", name="account_id_check"),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="account_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="account_pkey"),
    )
    op.create_table(
        "membership",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "role IN ('developer', 'owner', 'admin', 'editor', 'viewer', 'system_bot')", name="membership_role_check"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="membership_account_id_fkey"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name="membership_user_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="membership_pkey"),
        sa.UniqueConstraint("account_id", "user_id", name="membership_account_id_user_id_key"),
    )
    op.create_index("membership_user_id_idx", "membership", ["user_id"])
    op.create_table(
        "operator_access",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("operator_key_id", sa.Uuid(), nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="operator_access_account_id_fkey"),
        sa.ForeignKeyConstraint(["operator_key_id"], ["operator_key.id"], name="operator_access_operator_key_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="operator_access_pkey"),
    )
    op.create_table(
        "invitation",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by_id", sa.Uuid(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accept_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "role IN ('developer', 'owner', 'admin', 'editor', 'viewer', 'system_bot')", name="invitation_role_check"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "invited_by_id"],
            ["membership.account_id", "membership.id"],
            name="invitation_account_id_invited_by_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="invitation_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="invitation_pkey"),
    )
    op.create_index(
        "invitation_open_key",
        "invitation",
        ["account_id", "email"],
        unique=True,
        postgresql_where=sa.text("accept_time IS NULL AND revoke_time IS NULL"),
    )
    op.create_index("invitation_token_hash_idx", "invitation", ["token_hash"])


def _session_tables() -> None:
    op.create_table(
        "session",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["membership.account_id", "membership.user_id"],
            name="session_account_id_user_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="session_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="session_pkey"),
    )
    op.create_table(
        "refresh_token",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("use_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "session_id"],
            ["session.account_id", "session.id"],
            name="refresh_token_account_id_session_id_fkey",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="refresh_token_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="refresh_token_pkey"),
    )
    op.create_index("refresh_token_token_hash_idx", "refresh_token", ["token_hash"])
