"""The ledger: what an account has, where it came from, what is set aside, and every change there ever was.

Only the functions of `migrations/sql/` write these tables; each locks the account's row first.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns
from chassis.tenancy import AccountRow, SiteRow, within_account, within_site
from services.billing.models.base import Base

KEY_LENGTH = "length(key) BETWEEN 1 AND 200"
# A capture changes its hold and its pins, none of what is indexed: with room on the page no index hears of it.
ROOM_FOR_CHANGES = {"postgresql_with": {"fillfactor": 70}}
CHANGES = ("purchase", "subscription", "refund", "deduction", "adjustment", "promotion", "expiry", "reversal")


def credit_cost_id() -> Mapped[UUID | None]:
    """Return the column of a frozen price version; NULL where the price was a constant of `domain`.

    No reference: it would have every charge of every account lock the same row, and a version never goes.
    """
    return mapped_column(sa.Uuid)


class CreditAccount(Base):
    """An account's balance, kept beside the transactions that it is the fold of."""

    __tablename__ = "credit_account"
    __table_args__ = (
        sa.CheckConstraint("posted - held >= 0", name="available"),
        sa.CheckConstraint("held >= 0", name="held"),
    )
    tenant_key = ("account_id",)

    account_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    posted: Mapped[int] = columns.whole()
    held: Mapped[int] = columns.whole()
    transaction_count: Mapped[int] = columns.whole()
    create_time: Mapped[datetime] = columns.now_by_default()
    update_time: Mapped[datetime] = columns.now_by_default()


class CreditGrant(AccountRow, Base):
    """Credits that came together and end together. `held` of what remains is pinned by open holds.

    Until `post_time`, when its effective time has come, a grant is no part of the balance and nothing remains of it.
    """

    __tablename__ = "credit_grant"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "key"),
        sa.CheckConstraint(KEY_LENGTH, name="key"),
        columns.one_of("kind", "plan", "bonus", "promotional"),
        sa.CheckConstraint("credits > 0 AND remaining BETWEEN 0 AND credits", name="remaining"),
        sa.CheckConstraint("held BETWEEN 0 AND remaining", name="held"),
        sa.CheckConstraint("expire_time > effective_time", name="expire_time"),
        columns.one_of("change_kind", "purchase", "subscription", "promotion", "refund", "adjustment", "reversal"),
        sa.CheckConstraint("post_time IS NOT NULL OR remaining = 0", name="post_time"),
        sa.Index("credit_grant_unspent_idx", "account_id", postgresql_where=sa.text("NOT spent")),
        sa.Index("credit_grant_end_idx", "expire_time", postgresql_where=sa.text("NOT spent")),
        sa.Index("credit_grant_later_idx", "effective_time", postgresql_where=sa.text("post_time IS NULL")),
    )

    key: Mapped[str] = columns.text(default=None)
    kind: Mapped[str] = columns.text(default=None)
    priority: Mapped[int] = mapped_column(sa.Integer, nullable=False)  # the smaller is used first
    credits: Mapped[int] = columns.whole(default=None)
    remaining: Mapped[int] = columns.whole(default=None)
    held: Mapped[int] = columns.whole()
    # For the indexes: one whose condition names `remaining` is written to by every capture, `spent` changes once.
    spent: Mapped[bool] = mapped_column(sa.Boolean, sa.Computed("remaining = 0", persisted=True), nullable=True)
    description: Mapped[str] = columns.text()
    effective_time: Mapped[datetime] = columns.instant()
    expire_time: Mapped[datetime | None] = columns.instant_or_none()
    change_kind: Mapped[str] = columns.text(default="promotion")  # of the transaction that posts it
    post_time: Mapped[datetime | None] = columns.instant_or_none()


class Quote(SiteRow, Base):
    """What a run will cost: likely and at the very most, and what was used of it."""

    __tablename__ = "quote"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "site_id", "id"),
        sa.UniqueConstraint("account_id", "site_id", "key"),
        sa.CheckConstraint(KEY_LENGTH, name="key"),
        sa.CheckConstraint("expected_credits >= 0 AND limit_credits >= 0 AND max_credits >= 0", name="credits"),
        sa.CheckConstraint("captured_credits >= 0 AND held_credits >= 0", name="used"),
        sa.CheckConstraint("captured_credits + held_credits <= limit_credits", name="limit"),
        sa.CheckConstraint("(run_id IS NULL) = (accept_time IS NULL)", name="accept_time"),
        sa.Index("quote_run_idx", "account_id", "run_id", postgresql_where=sa.text("run_id IS NOT NULL")),
        sa.Index("quote_holding_idx", "account_id", "site_id", postgresql_where=sa.text("holding")),
    )

    key: Mapped[str] = columns.text(default=None)
    request: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)  # what the key was used with
    expected_credits: Mapped[int] = columns.whole(default=None)
    limit_credits: Mapped[int] = columns.whole(default=None)
    max_credits: Mapped[int] = columns.whole()
    captured_credits: Mapped[int] = columns.whole()
    held_credits: Mapped[int] = columns.whole()
    # For the index, as `spent` of a grant.
    holding: Mapped[bool] = mapped_column(sa.Boolean, sa.Computed("held_credits > 0", persisted=True), nullable=True)
    run_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    accept_time: Mapped[datetime | None] = columns.instant_or_none()
    expire_time: Mapped[datetime] = columns.instant()
    replace_time: Mapped[datetime | None] = columns.instant_or_none()  # when its run accepted another one


class QuoteLine(SiteRow, Base):
    """One kind of work in a quote, at the price of then."""

    __tablename__ = "quote_line"
    __table_args__ = (
        within_site("quote", "quote_id"),
        sa.UniqueConstraint("account_id", "quote_id", "position"),
        sa.CheckConstraint("pieces >= 0 AND expected_quantity BETWEEN 0 AND limit_quantity", name="quantity"),
    )

    quote_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    position: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    stage: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    operation: Mapped[str] = columns.text(default=None)
    expected_quantity: Mapped[int] = columns.whole(default=None)
    limit_quantity: Mapped[int] = columns.whole(default=None)
    pieces: Mapped[int] = columns.whole(default=None)
    expected_credits: Mapped[int] = columns.whole(default=None)
    limit_credits: Mapped[int] = columns.whole(default=None)
    credit_cost_id: Mapped[UUID | None] = mapped_column(sa.Uuid, sa.ForeignKey("credit_cost.id"))
    unit: Mapped[str] = columns.text()
    unit_credits: Mapped[int] = columns.whole()


class Hold(SiteRow, Base):
    """Credits set aside for one piece of work at a frozen price.

    A hold without a quote is a release that came before its reservation: it keeps a late reservation from being made.
    What it has set aside is `credits` less `captured_credits` while it is open.
    """

    __tablename__ = "hold"
    __table_args__ = (
        within_site("quote", "quote_id"),
        sa.UniqueConstraint("account_id", "site_id", "id"),
        sa.UniqueConstraint("account_id", "site_id", "key"),
        sa.CheckConstraint(KEY_LENGTH, name="key"),
        columns.one_of("state", "open", "captured", "released", "expired"),
        sa.CheckConstraint("quote_id IS NOT NULL OR (state IN ('released', 'expired') AND credits = 0)", name="quote"),
        sa.CheckConstraint("captured_credits BETWEEN 0 AND credits", name="captured_credits"),
        sa.CheckConstraint("(state = 'open') = (close_time IS NULL)", name="close_time"),
        sa.CheckConstraint("captured_quantity >= 0 AND extended_quantity >= 0", name="quantities"),
        sa.Index("hold_step_idx", "account_id", "run_id", "step_id"),
        ROOM_FOR_CHANGES,
    )
    tenant_through = "quote_id"

    key: Mapped[str] = columns.text(default=None)
    state: Mapped[str] = columns.text(default=None)
    quote_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    run_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    operation: Mapped[str] = columns.text()
    quantity: Mapped[int] = columns.whole()
    credit_cost_id: Mapped[UUID | None] = credit_cost_id()
    unit_size: Mapped[int] = columns.whole(default=1)
    unit_credits: Mapped[int] = columns.whole()
    credits: Mapped[int] = columns.whole()
    captured_credits: Mapped[int] = columns.whole()
    close_time: Mapped[datetime | None] = columns.instant_or_none()
    extended_quantity: Mapped[int] = (
        columns.whole()
    )  # asked for beyond `quantity`, which stays what its key was used with
    captured_quantity: Mapped[int] = columns.whole()


class HoldExtension(SiteRow, Base):
    """A hold asked for more."""

    __tablename__ = "hold_extension"
    __table_args__ = (
        within_site("hold", "hold_id"),
        sa.UniqueConstraint("account_id", "site_id", "key"),
        sa.CheckConstraint(KEY_LENGTH, name="key"),
        sa.CheckConstraint("quantity > 0 AND credits >= 0", name="quantity"),
        sa.Index("hold_extension_hold_idx", "account_id", "hold_id"),
    )

    hold_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    key: Mapped[str] = columns.text(default=None)
    quantity: Mapped[int] = columns.whole(default=None)
    credits: Mapped[int] = columns.whole(default=None)


class HoldGrant(Base):
    """How much of which grant a hold pins, in the order they are used."""

    __tablename__ = "hold_grant"
    __table_args__ = (
        within_account("hold", "hold_id"),
        within_account("credit_grant", "grant_id"),
        sa.CheckConstraint("credits > 0 AND captured_credits BETWEEN 0 AND credits", name="credits"),
        ROOM_FOR_CHANGES,
    )
    tenant_key = ("account_id",)
    tenant_through = "hold_id"

    account_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    hold_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    credits: Mapped[int] = columns.whole(default=None)
    captured_credits: Mapped[int] = columns.whole()


class CreditTransaction(AccountRow, Base):
    """A change of the balance. Never changed itself: a trigger refuses it to everybody."""

    __tablename__ = "credit_transaction"
    __table_args__ = (
        sa.ForeignKeyConstraint(["account_id", "site_id"], ["site_ref.account_id", "site_ref.site_id"]),
        within_account("hold", "hold_id"),
        within_account("credit_grant", "grant_id"),
        within_account("credit_transaction", "reversal_of"),
        sa.UniqueConstraint("account_id", "number"),
        sa.Index(
            "credit_transaction_correction_idx",
            "account_id",
            "key",
            unique=True,
            postgresql_where=sa.text("key IS NOT NULL"),
        ),
        sa.Index(
            "credit_transaction_reversal_idx",
            "account_id",
            "reversal_of",
            unique=True,
            postgresql_where=sa.text("kind = 'reversal'"),
        ),
        columns.one_of("kind", *CHANGES),
        sa.CheckConstraint("amount <> 0 AND balance_after >= 0", name="amount"),
        sa.CheckConstraint("kind NOT IN ('deduction', 'expiry') OR amount < 0", name="sign"),
        sa.Index("credit_transaction_hold_idx", "account_id", "hold_id"),
        sa.Index(
            "credit_transaction_refund_idx",
            "account_id",
            "reversal_of",
            postgresql_where=sa.text("reversal_of IS NOT NULL"),
        ),
    )
    tenant_through = "site_id"

    number: Mapped[int] = columns.whole(default=None)
    kind: Mapped[str] = columns.text(default=None)
    amount: Mapped[int] = columns.whole(default=None)
    balance_after: Mapped[int] = mapped_column(sa.BigInteger, nullable=False)
    operation: Mapped[str] = columns.text()
    description: Mapped[str] = columns.text()
    site_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    run_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    hold_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    grant_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    credit_cost_id: Mapped[UUID | None] = credit_cost_id()
    reversal_of: Mapped[UUID | None] = mapped_column(sa.Uuid)
    details: Mapped[dict[str, Any]] = columns.json_object()
    key: Mapped[str | None] = mapped_column(sa.Text)  # of a refund, an adjustment or a reversal


class TransactionGrant(Base):
    """How much a transaction without a hold took back of which grant: what a capture took stands in `hold_grant`."""

    __tablename__ = "transaction_grant"
    __table_args__ = (
        within_account("credit_transaction", "transaction_id"),
        within_account("credit_grant", "grant_id"),
        sa.CheckConstraint("credits > 0", name="credits"),
        sa.Index("transaction_grant_grant_idx", "account_id", "grant_id"),
    )
    tenant_key = ("account_id",)

    account_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    credits: Mapped[int] = columns.whole(default=None)


class CreditUsage(SiteRow, Base):
    """What some work used, written with its capture, whose key it has."""

    __tablename__ = "credit_usage"
    __table_args__ = (
        within_site("hold", "hold_id"),
        within_account("credit_transaction", "transaction_id"),
        sa.Index("credit_usage_key_idx", "account_id", "site_id", "key", unique=True),
        sa.CheckConstraint("quantity >= 0 AND credits >= 0", name="credits"),
        sa.CheckConstraint("input_tokens >= 0 AND output_tokens >= 0", name="tokens"),
        sa.Index("credit_usage_run_idx", "account_id", "run_id"),
        sa.Index("credit_usage_day_idx", "account_id", "site_id", "create_time", postgresql_include=["credits"]),
    )
    tenant_through = "hold_id"

    hold_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    operation: Mapped[str] = columns.text(default=None)
    quantity: Mapped[int] = columns.whole(default=None)
    credits: Mapped[int] = columns.whole(default=None)
    credit_cost_id: Mapped[UUID | None] = credit_cost_id()
    run_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    object_kind: Mapped[str] = columns.text()
    object_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    provider: Mapped[str] = columns.text()
    model: Mapped[str] = columns.text()
    input_tokens: Mapped[int] = columns.whole()
    output_tokens: Mapped[int] = columns.whole()
    cost_usd_micro: Mapped[int | None] = mapped_column(sa.BigInteger)  # what the provider charges us
    details: Mapped[dict[str, Any]] = columns.json_object()
    key: Mapped[str] = columns.text(default=None)
    final: Mapped[bool] = columns.flag(default=True)  # whether its caller said that it is the hold's last
    transaction_id: Mapped[UUID | None] = mapped_column(sa.Uuid)  # the deduction; none where nothing was taken
