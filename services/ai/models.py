"""Tables of the ai service."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Integer, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns, idempotency, outbox, tenancy
from chassis.tenancy import AccountRow, Editable, SiteRow, TenantBase

CATALOGUE = frozenset({"ai_model", "platform_setting", "provider_credential"})
"""Tables that belong to the platform."""


class Base(TenantBase):
    """Base of the ai service's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)


class AiModel(Base):
    """A model that may be used."""

    __tablename__ = "ai_model"
    __table_args__ = (
        UniqueConstraint("provider", "name", "kind"),
        columns.one_of("kind", "text", "image", "embedding"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    provider: Mapped[str] = columns.text(default=None)
    name: Mapped[str] = columns.text(default=None)
    kind: Mapped[str] = columns.text(default=None)
    max_output_tokens: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    input_cost_micros: Mapped[int] = columns.whole()
    output_cost_micros: Mapped[int] = columns.whole()
    sizes: Mapped[dict[str, Any]] = columns.json_object()
    capabilities: Mapped[dict[str, Any]] = columns.json_object()
    is_default: Mapped[bool] = columns.flag(default=False)
    active: Mapped[bool] = columns.flag(default=True)


class ProviderCredential(Base):
    """A key of the platform for a provider, sealed."""

    __tablename__ = "provider_credential"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    provider: Mapped[str] = mapped_column(Text, nullable=False, unique=True)
    sealed: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    create_time: Mapped[datetime] = columns.now_by_default()


class PlatformSetting(Base):
    """A setting of the platform, below which an account's and a user's stand."""

    __tablename__ = "platform_setting"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB, nullable=False)


class AccountSetting(AccountRow, Editable, Base):
    """A setting of an account, or of one of its users."""

    __tablename__ = "account_setting"
    __table_args__ = (
        UniqueConstraint("account_id", "name", "user_id"),
        # the account's own, which has no user: a unique that counts NULLs as equal would need PostgreSQL 15
        Index(
            "account_setting_of_account_idx",
            "account_id",
            "name",
            unique=True,
            postgresql_where=text("user_id IS NULL"),
        ),
    )

    name: Mapped[str] = columns.text(default=None)
    user_id: Mapped[UUID | None] = mapped_column(Uuid)
    value: Mapped[Any] = mapped_column(JSONB, nullable=False)


class PromptOverride(AccountRow, Editable, Base):
    """An account's own text of a prompt template; without one the platform's is used."""

    __tablename__ = "prompt_override"
    __table_args__ = (UniqueConstraint("account_id", "template"),)

    template: Mapped[str] = columns.text(default=None)
    body: Mapped[str] = columns.text(default=None)


class AuthorProfile(AccountRow, Editable, Base):
    """Who content is written as."""

    __tablename__ = "author_profile"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    name: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text()
    tone: Mapped[str] = columns.text()
    language: Mapped[str] = mapped_column(Text, server_default="en", nullable=False)
    active: Mapped[bool] = columns.flag(default=True)


class ContentStrategy(AccountRow, Editable, Base):
    """What content is written for: which author, which template, which structure."""

    __tablename__ = "content_strategy"
    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        tenancy.within_account("author_profile", "author_profile_id"),
    )

    name: Mapped[str] = columns.text(default=None)
    author_profile_id: Mapped[UUID | None] = mapped_column(Uuid)
    instructions: Mapped[str] = columns.text()
    active: Mapped[bool] = columns.flag(default=True)


class AiCall(SiteRow, Base):
    """The record of one call: what was asked, what was answered, what it took."""

    __tablename__ = "ai_call"
    __table_args__ = (
        UniqueConstraint("account_id", "request_id"),
        columns.one_of("status", "in_flight", "succeeded", "failed"),
        Index("ai_call_of_site_idx", "account_id", "site_id", "id"),
    )

    request_id: Mapped[str] = columns.text(default=None)
    digest: Mapped[str] = columns.text(default=None)
    template: Mapped[str] = columns.text(default=None)
    template_version: Mapped[str] = columns.text()
    provider: Mapped[str] = columns.text()
    model: Mapped[str] = columns.text()
    status: Mapped[str] = columns.text(default=None)
    lease_until: Mapped[datetime] = columns.instant()
    request: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    input_tokens: Mapped[int] = columns.whole()
    output_tokens: Mapped[int] = columns.whole()
    cost_micros: Mapped[int] = columns.whole()
    duration_ms: Mapped[int] = columns.whole()
    error_reason: Mapped[str] = columns.text()
    error: Mapped[str] = columns.text()
