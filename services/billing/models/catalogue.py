"""What the platform offers: tables without a tenant. Operators write them; services read them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.models.base import (
    Base,
    facts,
    flag,
    instant_or_none,
    now_by_default,
    one_of,
    whole,
    words,
)

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
    code: Mapped[str] = mapped_column(sa.Text, nullable=False)
    name: Mapped[str] = mapped_column(sa.Text, nullable=False)
    description: Mapped[str] = words()
    price_minor: Mapped[int] = whole(default=None)
    currency: Mapped[str] = mapped_column(sa.Text, server_default="USD", nullable=False)
    credits: Mapped[int] = whole(default=None)
    max_sites: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    max_users: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    max_keywords: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    stripe_price_id: Mapped[str] = words()
    paypal_plan_id: Mapped[str] = words()
    active: Mapped[bool] = flag(default=True)
    featured: Mapped[bool] = flag(default=False)
    sort_order: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    create_time: Mapped[datetime] = now_by_default()


class CreditCost(Base):
    """A version of an operation's price. A version never changes; it is only replaced (a trigger sees to it)."""

    __tablename__ = "credit_cost"
    __table_args__ = (
        sa.UniqueConstraint("operation", "version"),
        sa.Index("credit_cost_active_idx", "operation", unique=True, postgresql_where=sa.text("active")),
        one_of("unit", "request", "100_words", "200_words", "item", "image", "20_keywords"),
        sa.CheckConstraint(
            "unit_size = CASE unit WHEN '100_words' THEN 100 WHEN '200_words' THEN 200 WHEN '20_keywords' THEN 20"
            " ELSE 1 END",
            name="unit_size",
        ),
        sa.CheckConstraint("credits BETWEEN 1 AND 1000000", name="credits"),  # keeps every product within a bigint
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    operation: Mapped[str] = mapped_column(sa.Text, nullable=False)
    display_name: Mapped[str] = mapped_column(sa.Text, nullable=False)
    description: Mapped[str] = words()
    unit: Mapped[str] = mapped_column(sa.Text, nullable=False)
    unit_size: Mapped[int] = whole(default=None)
    credits: Mapped[int] = whole(default=None)
    version: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    active: Mapped[bool] = flag(default=True)
    previous_credits: Mapped[int | None] = mapped_column(sa.BigInteger)
    changed_by: Mapped[str] = words()
    change_reason: Mapped[str] = words()
    create_time: Mapped[datetime] = now_by_default()


class CreditPackage(Base):
    """Credits that are bought once."""

    __tablename__ = "credit_package"
    __table_args__ = (
        sa.UniqueConstraint("code"),
        sa.CheckConstraint("credits > 0 AND price_minor >= 0", name="amounts"),
        sa.CheckConstraint("discount_percent BETWEEN 0 AND 100", name="discount_percent"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    code: Mapped[str] = mapped_column(sa.Text, nullable=False)
    name: Mapped[str] = mapped_column(sa.Text, nullable=False)
    description: Mapped[str] = words()
    features: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False)
    credits: Mapped[int] = whole(default=None)
    price_minor: Mapped[int] = whole(default=None)
    currency: Mapped[str] = mapped_column(sa.Text, server_default="USD", nullable=False)
    discount_percent: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    stripe_product_id: Mapped[str] = words()
    stripe_price_id: Mapped[str] = words()
    paypal_plan_id: Mapped[str] = words()
    active: Mapped[bool] = flag(default=True)
    featured: Mapped[bool] = flag(default=False)
    sort_order: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    create_time: Mapped[datetime] = now_by_default()


class PaymentMethodConfig(Base):
    """A way to pay in a country; the country "*" stands for every country without rows of its own."""

    __tablename__ = "payment_method_config"
    __table_args__ = (
        sa.UniqueConstraint("country_code", "method"),
        one_of("method", *METHODS),
        sa.CheckConstraint("country_code = '*' OR country_code ~ '^[A-Z]{2}$'", name="country_code"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    country_code: Mapped[str] = mapped_column(sa.Text, nullable=False)
    method: Mapped[str] = mapped_column(sa.Text, nullable=False)
    display_name: Mapped[str] = mapped_column(sa.Text, nullable=False)
    instructions: Mapped[str] = words()
    bank_name: Mapped[str] = words()
    bank_account_name: Mapped[str] = words()
    bank_account_number: Mapped[str] = words()
    bank_routing_code: Mapped[str] = words()
    bank_swift_code: Mapped[str] = words()
    wallet_kind: Mapped[str] = words()
    wallet_number: Mapped[str] = words()
    details: Mapped[dict[str, Any]] = facts()
    enabled: Mapped[bool] = flag(default=True)
    sort_order: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    create_time: Mapped[datetime] = now_by_default()


class InvoiceCounter(Base):
    """The last invoice number of a legal seller's year: taken last in the finalising transaction, so without gaps."""

    __tablename__ = "invoice_counter"
    __table_args__ = (one_of("kind", "invoice", "credit_note"), sa.CheckConstraint("last_number >= 0", name="number"))

    seller: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    year: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    last_number: Mapped[int] = whole()


class WebhookEvent(Base):
    """What a payment provider told us, kept before anybody knows which account it is about."""

    __tablename__ = "webhook_event"
    __table_args__ = (
        sa.UniqueConstraint("provider", "external_id"),
        one_of("provider", "stripe", "paypal"),
        one_of("status", "received", "processed", "ignored", "failed"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    provider: Mapped[str] = mapped_column(sa.Text, nullable=False)
    external_id: Mapped[str] = mapped_column(sa.Text, nullable=False)
    kind: Mapped[str] = mapped_column(sa.Text, nullable=False)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary, nullable=False)
    status: Mapped[str] = mapped_column(sa.Text, server_default="received", nullable=False)
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default="0", nullable=False)
    error: Mapped[str] = words()
    process_time: Mapped[datetime | None] = instant_or_none()
    create_time: Mapped[datetime] = now_by_default()
