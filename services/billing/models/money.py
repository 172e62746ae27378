"""Money: subscriptions, invoices, payments, credit notes and saved ways to pay. Minor units, never floats."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns
from chassis.tenancy import AccountRow, Editable, within_account
from services.billing.models.base import Base
from services.billing.models.catalogue import METHODS


class Subscription(AccountRow, Editable, Base):
    """An account on a plan for a period; at most one of an account's is live."""

    __tablename__ = "subscription"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "key"),
        columns.one_of("status", "trialing", "active", "past_due", "cancelled", "expired"),
        sa.CheckConstraint("period_end_time > period_start_time", name="period"),
        sa.Index(
            "subscription_live_idx",
            "account_id",
            unique=True,
            postgresql_where=sa.text("status IN ('trialing', 'active', 'past_due')"),
        ),
    )

    key: Mapped[str] = columns.text(default=None)
    plan_id: Mapped[UUID] = mapped_column(sa.Uuid, sa.ForeignKey("plan.id"), nullable=False)
    next_plan_id: Mapped[UUID | None] = mapped_column(sa.Uuid, sa.ForeignKey("plan.id"))
    status: Mapped[str] = columns.text(default=None)
    reason: Mapped[str] = columns.text()
    period_start_time: Mapped[datetime] = columns.instant()
    period_end_time: Mapped[datetime] = columns.instant()
    grace_end_time: Mapped[datetime | None] = columns.instant_or_none()
    cancel_at_period_end: Mapped[bool] = columns.flag(default=False)
    end_time: Mapped[datetime | None] = columns.instant_or_none()
    method: Mapped[str | None] = mapped_column(sa.Text)
    external_id: Mapped[str] = columns.text()
    details: Mapped[dict[str, Any]] = columns.json_object()


class Invoice(AccountRow, Editable, Base):
    """What an account owes. Its number is given when it is finalised; from then on it does not change."""

    __tablename__ = "invoice"
    __table_args__ = (
        within_account("subscription", "subscription_id"),
        sa.UniqueConstraint("account_id", "account_number"),
        sa.UniqueConstraint("account_id", "seller", "year", "number"),
        columns.one_of("kind", "subscription", "package", "addon", "custom"),
        columns.one_of("status", "draft", "pending", "paid", "void", "uncollectible"),
        sa.CheckConstraint("total_minor = subtotal_minor - discount_minor + tax_minor", name="total"),
        sa.CheckConstraint("subtotal_minor >= 0 AND discount_minor >= 0 AND tax_minor >= 0", name="amounts"),
        sa.CheckConstraint("(finalise_time IS NULL) = (number IS NULL)", name="finalise_time"),
        sa.CheckConstraint("status NOT IN ('pending', 'paid') OR number IS NOT NULL", name="number"),
    )

    kind: Mapped[str] = columns.text(default=None)
    status: Mapped[str] = mapped_column(sa.Text, server_default="draft", nullable=False)
    account_number: Mapped[int] = columns.whole(default=None)
    seller: Mapped[str] = columns.text(default=None)
    year: Mapped[int | None] = mapped_column(sa.Integer)
    number: Mapped[int | None] = mapped_column(sa.BigInteger)
    display_number: Mapped[str] = columns.text()
    subscription_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    credit_package_id: Mapped[UUID | None] = mapped_column(sa.Uuid, sa.ForeignKey("credit_package.id"))
    currency: Mapped[str] = columns.text(default=None)
    subtotal_minor: Mapped[int] = columns.whole()
    discount_minor: Mapped[int] = columns.whole()
    tax_minor: Mapped[int] = columns.whole()
    total_minor: Mapped[int] = columns.whole()
    billing_name: Mapped[str] = columns.text()
    billing_email: Mapped[str] = columns.text()
    billing_address: Mapped[dict[str, Any]] = columns.json_object()
    invoice_date: Mapped[date | None] = mapped_column(sa.Date)
    due_date: Mapped[date | None] = mapped_column(sa.Date)
    period_start_time: Mapped[datetime | None] = columns.instant_or_none()
    period_end_time: Mapped[datetime | None] = columns.instant_or_none()
    finalise_time: Mapped[datetime | None] = columns.instant_or_none()
    paid_time: Mapped[datetime | None] = columns.instant_or_none()
    void_time: Mapped[datetime | None] = columns.instant_or_none()
    expire_time: Mapped[datetime | None] = columns.instant_or_none()
    cancel_reason: Mapped[str] = columns.text()
    method: Mapped[str | None] = mapped_column(sa.Text)
    external_id: Mapped[str] = columns.text()
    pdf_object_key: Mapped[str] = columns.text()
    pdf_sha256: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    notes: Mapped[str] = columns.text()
    details: Mapped[dict[str, Any]] = columns.json_object()


class InvoiceLine(AccountRow, Base):
    """One item of an invoice."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        within_account("invoice", "invoice_id"),
        sa.UniqueConstraint("account_id", "invoice_id", "position"),
        sa.CheckConstraint("amount_minor = quantity * unit_price_minor", name="amount"),
    )

    invoice_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    position: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    description: Mapped[str] = columns.text(default=None)
    quantity: Mapped[int] = columns.whole(default=1)
    unit_price_minor: Mapped[int] = columns.whole(default=None)
    amount_minor: Mapped[int] = columns.whole(default=None)
    details: Mapped[dict[str, Any]] = columns.json_object()


class Payment(AccountRow, Editable, Base):
    """An attempt to pay an invoice."""

    __tablename__ = "payment"
    __table_args__ = (
        within_account("invoice", "invoice_id"),
        columns.one_of("method", *METHODS),
        columns.one_of("status", "pending", "processing", "succeeded", "completed", "failed", "refunded", "cancelled"),
        sa.CheckConstraint("amount_minor > 0 AND refunded_minor BETWEEN 0 AND amount_minor", name="amount"),
        sa.Index(
            "payment_external_idx",
            "account_id",
            "method",
            "external_id",
            unique=True,
            postgresql_where=sa.text("external_id <> ''"),
        ),
    )

    invoice_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    method: Mapped[str] = columns.text(default=None)
    status: Mapped[str] = mapped_column(sa.Text, server_default="pending", nullable=False)
    amount_minor: Mapped[int] = columns.whole(default=None)
    refunded_minor: Mapped[int] = columns.whole()
    currency: Mapped[str] = columns.text(default=None)
    external_id: Mapped[str] = columns.text()
    manual_reference: Mapped[str] = columns.text()
    manual_notes: Mapped[str] = columns.text()
    approved_by: Mapped[str] = columns.text()
    approve_time: Mapped[datetime | None] = columns.instant_or_none()
    reject_reason: Mapped[str] = columns.text()
    failure_reason: Mapped[str] = columns.text()
    process_time: Mapped[datetime | None] = columns.instant_or_none()
    fail_time: Mapped[datetime | None] = columns.instant_or_none()
    refund_time: Mapped[datetime | None] = columns.instant_or_none()
    details: Mapped[dict[str, Any]] = columns.json_object()


class CreditNote(AccountRow, Base):
    """A correction of a finalised invoice; together they never exceed it."""

    __tablename__ = "credit_note"
    __table_args__ = (
        within_account("invoice", "invoice_id"),
        within_account("payment", "payment_id"),
        sa.UniqueConstraint("account_id", "seller", "year", "number"),
        sa.CheckConstraint("amount_minor > 0 AND tax_minor >= 0", name="amount"),
    )

    invoice_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    payment_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    seller: Mapped[str] = columns.text(default=None)
    year: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    number: Mapped[int] = columns.whole(default=None)
    display_number: Mapped[str] = columns.text()
    amount_minor: Mapped[int] = columns.whole(default=None)
    tax_minor: Mapped[int] = columns.whole()
    currency: Mapped[str] = columns.text(default=None)
    reason: Mapped[str] = columns.text(default=None)
    pdf_object_key: Mapped[str] = columns.text()
    pdf_sha256: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    details: Mapped[dict[str, Any]] = columns.json_object()


class AccountPaymentMethod(AccountRow, Editable, Base):
    """A way to pay that an account has saved: nothing secret, the provider has that."""

    __tablename__ = "account_payment_method"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "display_name"),
        columns.one_of("method", *METHODS),
        sa.Index(
            "account_payment_method_default_idx", "account_id", unique=True, postgresql_where=sa.text("is_default")
        ),
    )

    method: Mapped[str] = columns.text(default=None)
    display_name: Mapped[str] = columns.text(default=None)
    is_default: Mapped[bool] = columns.flag(default=False)
    enabled: Mapped[bool] = columns.flag(default=True)
    verified: Mapped[bool] = columns.flag(default=False)
    country_code: Mapped[str] = columns.text()
    instructions: Mapped[str] = columns.text()
    external_id: Mapped[str] = columns.text()
    details: Mapped[dict[str, Any]] = columns.json_object()
