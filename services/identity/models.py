"""The tables of identity. `account`, `site` and `sector` are the real rows; reference rows are filled as everywhere."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns, idempotency, outbox, tenancy
from chassis.tenancy import AccountRow, Editable, SoftDeleted, TenantBase

CATALOGUE = frozenset({"industry", "industry_sector", "app_user", "password_reset", "operator_key"})
APPEND_ONLY = frozenset({"operator_access", "outbox", "inbox"})  # the app role may neither change nor delete these rows
ROLES = ("developer", "owner", "admin", "editor", "viewer", "system_bot")
STATUSES = ("active", "suspended", "trial", "cancelled")
PLATFORMS = ("wordpress", "shopify", "sites", "custom")
SEVERITIES = ("info", "success", "warning", "error")


class Base(TenantBase):
    """Base of identity's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)


class User(Base):
    """A person. Belongs to no tenant; the app role sees the address of its own account's members, never a password."""

    __tablename__ = "app_user"
    __table_args__ = (sa.UniqueConstraint("email"),)

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    email: Mapped[str] = columns.text(default=None)
    password_hash: Mapped[str] = columns.text(default=None)
    sign_up_request_id: Mapped[str] = columns.text()
    create_time: Mapped[datetime] = columns.now_by_default()


class PasswordReset(Base):
    """A password reset that was asked for; the token is stored as its SHA-256 and works once."""

    __tablename__ = "password_reset"
    __table_args__ = (sa.UniqueConstraint("token_hash"),)

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(sa.Uuid, sa.ForeignKey("app_user.id"))
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary)
    expire_time: Mapped[datetime] = columns.instant()
    use_time: Mapped[datetime | None] = columns.instant_or_none()
    create_time: Mapped[datetime] = columns.now_by_default()


class OperatorKey(Base):
    """A key of the platform's own staff."""

    __tablename__ = "operator_key"
    __table_args__ = (sa.UniqueConstraint("key_hash"),)

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    name: Mapped[str] = columns.text(default=None)
    prefix: Mapped[str] = columns.text(default=None)
    key_hash: Mapped[bytes] = mapped_column(sa.LargeBinary)
    revoke_time: Mapped[datetime | None] = columns.instant_or_none()
    create_time: Mapped[datetime] = columns.now_by_default()


class Industry(Base):
    """An industry of the platform's catalogue."""

    __tablename__ = "industry"
    __table_args__ = (sa.UniqueConstraint("slug"),)

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    slug: Mapped[str] = columns.text(default=None)
    name: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text(default=None)


class IndustrySector(Base):
    """A sector of an industry, the template of sites' sectors."""

    __tablename__ = "industry_sector"
    __table_args__ = (
        sa.UniqueConstraint("industry_id", "slug"),
        sa.UniqueConstraint("industry_id", "id"),  # sectors point here, so that theirs is of their site's industry
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    industry_id: Mapped[UUID] = mapped_column(sa.Uuid, sa.ForeignKey("industry.id"))
    slug: Mapped[str] = columns.text(default=None)
    name: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text(default=None)


class Account(AccountRow, Editable, Base):
    """A customer: the tenant itself, so its id is its account id. The limits are those of its plan."""

    __tablename__ = "account"
    __table_args__ = (sa.CheckConstraint("id = account_id", name="id"), columns.one_of("status", *STATUSES))

    name: Mapped[str] = columns.text(default=None)
    status: Mapped[str] = mapped_column(sa.Text, server_default="active")
    plan: Mapped[str] = mapped_column(sa.Text, server_default="free")
    # Of the newest fact that was taken in: an older one changes nothing.
    plan_time: Mapped[datetime | None] = columns.instant_or_none()
    max_sites: Mapped[int] = mapped_column(sa.Integer, server_default="1")
    max_users: Mapped[int] = mapped_column(sa.Integer, server_default="1")
    max_keywords: Mapped[int] = mapped_column(sa.Integer, server_default="100")
    time_zone: Mapped[str] = mapped_column(sa.Text, server_default="UTC")
    country: Mapped[str] = columns.text()
    billing_email: Mapped[str] = columns.text()


class Membership(AccountRow, Editable, Base):
    """A person's place in an account."""

    __tablename__ = "membership"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "user_id"),
        sa.Index(None, "user_id"),
        columns.one_of("role", *ROLES),
    )

    user_id: Mapped[UUID] = mapped_column(sa.Uuid, sa.ForeignKey("app_user.id"))
    role: Mapped[str] = columns.text(default=None)


def _of_member() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id", "user_id"], ["membership.account_id", "membership.user_id"])


class Invitation(AccountRow, Base):
    """An invitation into an account; its token is stored as its SHA-256."""

    __tablename__ = "invitation"
    __table_args__ = (
        sa.Index(
            "invitation_open_key",
            "account_id",
            "email",
            unique=True,
            postgresql_where=sa.text("accept_time IS NULL AND revoke_time IS NULL"),
        ),
        sa.Index(None, "token_hash"),
        tenancy.within_account("membership", "invited_by_id"),
        columns.one_of("role", *ROLES),
    )

    email: Mapped[str] = columns.text(default=None)
    role: Mapped[str] = columns.text(default=None)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary)
    invited_by_id: Mapped[UUID] = mapped_column(sa.Uuid)
    expire_time: Mapped[datetime] = columns.instant()
    accept_time: Mapped[datetime | None] = columns.instant_or_none()
    revoke_time: Mapped[datetime | None] = columns.instant_or_none()


class Session(AccountRow, Base):
    """A sign-in: the family of its refresh tokens. Revoked when it is left, or when a used token comes again."""

    __tablename__ = "session"
    __table_args__ = (_of_member(),)

    user_id: Mapped[UUID] = mapped_column(sa.Uuid)
    revoke_time: Mapped[datetime | None] = columns.instant_or_none()


class RefreshToken(AccountRow, Base):
    """One use of a session; stored as its SHA-256."""

    __tablename__ = "refresh_token"
    __table_args__ = (tenancy.within_account("session", "session_id"), sa.Index(None, "token_hash"))

    session_id: Mapped[UUID] = mapped_column(sa.Uuid)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary)
    expire_time: Mapped[datetime] = columns.instant()
    use_time: Mapped[datetime | None] = columns.instant_or_none()


class Site(AccountRow, Editable, SoftDeleted, Base):
    """A website. Its account and industry never change: the app role may not update them."""

    __tablename__ = "site"
    __table_args__ = (
        sa.Index(
            "site_domain_key", "account_id", "domain", unique=True, postgresql_where=sa.text("delete_time IS NULL")
        ),
        sa.UniqueConstraint("account_id", "id", "industry_id"),
        columns.one_of("platform", *PLATFORMS),
    )

    name: Mapped[str] = columns.text(default=None)
    domain: Mapped[str] = columns.text(default=None)
    industry_id: Mapped[UUID] = mapped_column(sa.Uuid, sa.ForeignKey("industry.id"))
    platform: Mapped[str] = mapped_column(sa.Text, server_default="custom")
    language: Mapped[str] = mapped_column(sa.Text, server_default="en")
    active: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.text("true"))


class Sector(AccountRow, Editable, SoftDeleted, Base):
    """A part of a site's field. Its keys hold it inside its site, and its template inside the site's industry."""

    __tablename__ = "sector"
    __table_args__ = (
        sa.Index(
            "sector_template_key",
            "account_id",
            "site_id",
            "industry_sector_id",
            unique=True,
            postgresql_where=sa.text("delete_time IS NULL"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "industry_id"], ["site.account_id", "site.id", "site.industry_id"]
        ),
        sa.ForeignKeyConstraint(
            ["industry_id", "industry_sector_id"], ["industry_sector.industry_id", "industry_sector.id"]
        ),
    )

    site_id: Mapped[UUID] = mapped_column(sa.Uuid)
    industry_id: Mapped[UUID] = mapped_column(sa.Uuid)
    industry_sector_id: Mapped[UUID] = mapped_column(sa.Uuid)
    name: Mapped[str] = columns.text(default=None)
    active: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.text("true"))


class ApiKey(AccountRow, Base):
    """A machine's key: stored as its SHA-256, recognised by its prefix. With a site it sees that site only."""

    __tablename__ = "api_key"
    __table_args__ = (tenancy.within_account("site", "site_id"), sa.Index(None, "key_hash"))

    name: Mapped[str] = columns.text(default=None)
    site_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    prefix: Mapped[str] = columns.text(default=None)
    key_hash: Mapped[bytes] = mapped_column(sa.LargeBinary)
    expire_time: Mapped[datetime | None] = columns.instant_or_none()
    revoke_time: Mapped[datetime | None] = columns.instant_or_none()


class SiteAccess(AccountRow, Base):
    """A site that a member who is no admin may work on."""

    __tablename__ = "site_access"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "membership_id", "site_id"),
        tenancy.within_account("membership", "membership_id"),
        tenancy.within_account("site", "site_id"),
    )

    membership_id: Mapped[UUID] = mapped_column(sa.Uuid)
    site_id: Mapped[UUID] = mapped_column(sa.Uuid)


class Notification(AccountRow, Base):
    """Something a person should know: everybody of the account when it names no user."""

    __tablename__ = "notification"
    __table_args__ = (
        _of_member(),
        tenancy.within_account("site", "site_id"),
        sa.Index(None, "account_id", "user_id", "create_time"),
        columns.one_of("severity", *SEVERITIES),
    )

    user_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    site_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    kind: Mapped[str] = columns.text(default=None)
    title: Mapped[str] = columns.text(default=None)
    message: Mapped[str] = columns.text()
    severity: Mapped[str] = mapped_column(sa.Text, server_default="info")
    action_url: Mapped[str] = columns.text()
    read_time: Mapped[datetime | None] = columns.instant_or_none()


class NotificationPreference(AccountRow, Base):
    """Whether a person wants notices of a kind, by a channel."""

    __tablename__ = "notification_preference"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "user_id", "kind", "channel"),
        _of_member(),
        columns.one_of("channel", "in_app", "email"),
    )

    user_id: Mapped[UUID] = mapped_column(sa.Uuid)
    kind: Mapped[str] = columns.text(default=None)
    channel: Mapped[str] = columns.text(default=None)
    enabled: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.text("true"))


class OperatorAccess(AccountRow, Base):
    """The audit log: a member of the platform's staff acted for this account. Never changed, never deleted."""

    __tablename__ = "operator_access"

    operator_key_id: Mapped[UUID] = mapped_column(sa.Uuid, sa.ForeignKey("operator_key.id"))
    operator_name: Mapped[str] = columns.text(default=None)
