"""What the platform offers: tables without a tenant. Operators write them; services read them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns
from services.billing.models.base import Base

METHODS = ("stripe", "paypal", "bank_transfer", "local_wallet", "manual")


class Plan(Base):
    """What an account pays for each month, and what it may use."""

    __tablename__ = "plan"
    __table_args__ = (
        sa.UniqueConstraint("code"),
        sa.CheckConstraint("price_minor >= 0 AND credits >= 0", name="amounts"),
        sa.CheckConstraint("max_sites >= 0 AND max_users >= 0 AND max_keywords >= 0", name="limits"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    code: Mapped[str] = columns.text(default=None)
    name: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text()
    price_minor: Mapped[int] = columns.whole(default=None)
    currency: Mapped[str] = mapped_column(sa.Text, server_default="USD", nullable=False)
    credits: Mapped[int] = columns.whole(default=None)
    max_sites: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    max_users: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    max_keywords: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    stripe_price_id: Mapped[str] = columns.text()
    paypal_plan_id: Mapped[str] = columns.text()
    active: Mapped[bool] = columns.flag(default=True)
    featured: Mapped[bool] = columns.flag(default=False)
    sort_order: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    create_time: Mapped[datetime] = columns.now_by_default()


class CreditCost(Base):
    """A version of an operation's price. A version never changes; it is only replaced (a trigger sees to it)."""

    __tablename__ = "credit_cost"
    __table_args__ = (
        sa.UniqueConstraint("operation", "version"),
        sa.Index("credit_cost_key_idx", "key", unique=True),
        sa.Index("credit_cost_active_idx", "operation", unique=True, postgresql_where=sa.text("active")),
        columns.one_of("unit", "request", "100_words", "200_words", "item", "image", "20_keywords"),
        sa.CheckConstraint(
            "unit_size = CASE unit WHEN '100_words' THEN 100 WHEN '200_words' THEN 200 WHEN '20_keywords' THEN 20"
            " ELSE 1 END",
            name="unit_size",
        ),
        sa.CheckConstraint("credits BETWEEN 1 AND 1000000", name="credits"),  # keeps every product within a bigint
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    operation: Mapped[str] = columns.text(default=None)
    display_name: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text()
    unit: Mapped[str] = columns.text(default=None)
    unit_size: Mapped[int] = columns.whole(default=None)
    credits: Mapped[int] = columns.whole(default=None)
    version: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    active: Mapped[bool] = columns.flag(default=True)
    previous_credits: Mapped[int | None] = mapped_column(sa.BigInteger)
    changed_by: Mapped[str] = columns.text()
    change_reason: Mapped[str] = columns.text()
    create_time: Mapped[datetime] = columns.now_by_default()
    key: Mapped[str | None] = mapped_column(
        sa.Text
    )  # of the request that made it; none for what the product ships with
    request: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # what the key was used with


class CreditPackage(Base):
    """Credits that are bought once."""

    __tablename__ = "credit_package"
    __table_args__ = (
        sa.UniqueConstraint("code"),
        sa.CheckConstraint("credits > 0 AND price_minor >= 0", name="amounts"),
        sa.CheckConstraint("discount_percent BETWEEN 0 AND 100", name="discount_percent"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    code: Mapped[str] = columns.text(default=None)
    name: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text()
    features: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False)
    credits: Mapped[int] = columns.whole(default=None)
    price_minor: Mapped[int] = columns.whole(default=None)
    currency: Mapped[str] = mapped_column(sa.Text, server_default="USD", nullable=False)
    discount_percent: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    stripe_product_id: Mapped[str] = columns.text()
    stripe_price_id: Mapped[str] = columns.text()
    paypal_plan_id: Mapped[str] = columns.text()
    active: Mapped[bool] = columns.flag(default=True)
    featured: Mapped[bool] = columns.flag(default=False)
    sort_order: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    create_time: Mapped[datetime] = columns.now_by_default()


class PaymentMethodConfig(Base):
    """A way to pay in a country; the country "*" stands for every country without rows of its own."""

    __tablename__ = "payment_method_config"
    __table_args__ = (
        sa.UniqueConstraint("country_code", "method"),
        columns.one_of("method", *METHODS),
        sa.CheckConstraint("country_code = '*' OR country_code ~ '^[A-Z]{2}$'", name="country_code"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    country_code: Mapped[str] = columns.text(default=None)
    method: Mapped[str] = columns.text(default=None)
    display_name: Mapped[str] = columns.text(default=None)
    instructions: Mapped[str] = columns.text()
    bank_name: Mapped[str] = columns.text()
    bank_account_name: Mapped[str] = columns.text()
    bank_account_number: Mapped[str] = columns.text()
    bank_routing_code: Mapped[str] = columns.text()
    bank_swift_code: Mapped[str] = columns.text()
    wallet_kind: Mapped[str] = columns.text()
    wallet_number: Mapped[str] = columns.text()
    details: Mapped[dict[str, Any]] = columns.json_object()
    enabled: Mapped[bool] = columns.flag(default=True)
    sort_order: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    create_time: Mapped[datetime] = columns.now_by_default()


class InvoiceCounter(Base):
    """The last invoice number of a legal seller's year: taken last in the finalising transaction, so without gaps."""

    __tablename__ = "invoice_counter"
    __table_args__ = (
        columns.one_of("kind", "invoice", "credit_note"),
        sa.CheckConstraint("last_number >= 0", name="number"),
    )

    seller: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    year: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    last_number: Mapped[int] = columns.whole()


class WebhookEvent(Base):
    """What a payment provider told us, kept before anybody knows which account it is about."""

    __tablename__ = "webhook_event"
    __table_args__ = (
        sa.UniqueConstraint("provider", "external_id"),
        columns.one_of("provider", "stripe", "paypal"),
        columns.one_of("status", "received", "processed", "ignored", "failed"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    provider: Mapped[str] = columns.text(default=None)
    external_id: Mapped[str] = columns.text(default=None)
    kind: Mapped[str] = columns.text(default=None)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary, nullable=False)
    status: Mapped[str] = mapped_column(sa.Text, server_default="received", nullable=False)
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    error: Mapped[str] = columns.text()
    process_time: Mapped[datetime | None] = columns.instant_or_none()
    create_time: Mapped[datetime] = columns.now_by_default()
