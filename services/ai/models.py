"""Tables of the ai service."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import idempotency, outbox, tenancy
from chassis.tenancy import AccountRow, Editable, SiteRow, TenantBase

CATALOGUE = frozenset({"ai_model", "platform_setting", "provider_credential"})
"""Tables that belong to the platform."""


class Base(TenantBase):
    """Base of the ai service's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)


def _one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


class AiModel(Base):
    """A model that may be used."""

    __tablename__ = "ai_model"
    __table_args__ = (UniqueConstraint("provider", "name", "kind"), _one_of("kind", "text", "image", "embedding"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    provider: Mapped[str] = mapped_column(Text, nullable=False)
    name: Mapped[str] = mapped_column(Text, nullable=False)
    kind: Mapped[str] = mapped_column(Text, nullable=False)
    max_output_tokens: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    input_cost_micros: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    output_cost_micros: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    sizes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"), nullable=False)
    capabilities: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"), nullable=False)
    is_default: Mapped[bool] = mapped_column(Boolean, server_default=sa.false(), nullable=False)
    active: Mapped[bool] = mapped_column(Boolean, server_default=sa.true(), nullable=False)


class ProviderCredential(Base):
    """A key of the platform for a provider, sealed."""

    __tablename__ = "provider_credential"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    provider: Mapped[str] = mapped_column(Text, nullable=False, unique=True)
    sealed: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    create_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=False)


class PlatformSetting(Base):
    """A setting of the platform, below which an account's and a user's stand."""

    __tablename__ = "platform_setting"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB, nullable=False)


class AccountSetting(AccountRow, Editable, Base):
    """A setting of an account, or of one of its users."""

    __tablename__ = "account_setting"
    __table_args__ = (UniqueConstraint("account_id", "name", "user_id", postgresql_nulls_not_distinct=True),)

    name: Mapped[str] = mapped_column(Text, nullable=False)
    user_id: Mapped[UUID | None] = mapped_column(Uuid)
    value: Mapped[Any] = mapped_column(JSONB, nullable=False)


class PromptOverride(AccountRow, Editable, Base):
    """An account's own text of a prompt template; without one the platform's is used."""

    __tablename__ = "prompt_override"
    __table_args__ = (UniqueConstraint("account_id", "template"),)

    template: Mapped[str] = mapped_column(Text, nullable=False)
    body: Mapped[str] = mapped_column(Text, nullable=False)


class AuthorProfile(AccountRow, Editable, Base):
    """Who content is written as."""

    __tablename__ = "author_profile"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    name: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    tone: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    language: Mapped[str] = mapped_column(Text, server_default="en", nullable=False)
    active: Mapped[bool] = mapped_column(Boolean, server_default=sa.true(), nullable=False)


class ContentStrategy(AccountRow, Editable, Base):
    """What content is written for: which author, which template, which structure."""

    __tablename__ = "content_strategy"
    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        tenancy.within_account("author_profile", "author_profile_id"),
    )

    name: Mapped[str] = mapped_column(Text, nullable=False)
    author_profile_id: Mapped[UUID | None] = mapped_column(Uuid)
    instructions: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    active: Mapped[bool] = mapped_column(Boolean, server_default=sa.true(), nullable=False)


class AiCall(SiteRow, Base):
    """The record of one call: what was asked, what was answered, what it took."""

    __tablename__ = "ai_call"
    __table_args__ = (
        UniqueConstraint("account_id", "request_id"),
        _one_of("status", "in_flight", "succeeded", "failed"),
        Index("ai_call_of_site_idx", "account_id", "site_id", "id"),
    )

    request_id: Mapped[str] = mapped_column(Text, nullable=False)
    digest: Mapped[str] = mapped_column(Text, nullable=False)
    template: Mapped[str] = mapped_column(Text, nullable=False)
    template_version: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    provider: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    model: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    status: Mapped[str] = mapped_column(Text, nullable=False)
    lease_until: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=False)
    request: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    input_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    output_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    cost_micros: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    duration_ms: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    error_reason: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    error: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
