"""Changes of the ledger, and the comparison of its books."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.tenancy import table_of
from services.billing.domain import FALLBACK_PRICES as FALLBACK
from services.billing.domain import Correction, Extension, Grant, Reservation, Use
from services.billing.models import CreditTransaction
from services.billing.repository.functions import Answer, Turn, call

_CHANGE = table_of(CreditTransaction)


def open_account(transaction: Transaction, now: datetime) -> Answer:
    """Make the credit account, unless it is there."""
    return call(transaction, "ledger_open", now=now)


def grant(transaction: Transaction, given: Grant, now: datetime) -> Answer:
    """Give credits. Codes: ok, no_credit_account, key_reused, expired."""
    return call(transaction, "ledger_grant", id=new_id(), now=now, **asdict(given))


def keep_time(transaction: Transaction, now: datetime) -> Answer:
    """Begin grants whose time has come (`credits`) and end what is free of those past their date (`taken_credits`).

    Codes: ok, no_credit_account.
    """
    return call(transaction, "ledger_keep_time", now=now)


def refund(transaction: Transaction, target: UUID, credits_: int, why: Correction, now: datetime) -> Answer:
    """Give back what a capture took.

    Codes: ok, key_reused, transaction_not_found, not_refundable, refund_above_capture.
    """
    values = {"target": target, "credits": credits_, **asdict(why)}
    return call(transaction, "ledger_refund", id=new_id(), now=now, **values)


def adjust(transaction: Transaction, credits_: int, why: Correction, now: datetime) -> Answer:
    """Set the balance right. Codes: ok, no_credit_account, key_reused, insufficient_credits."""
    return call(transaction, "ledger_adjust", id=new_id(), credits=credits_, now=now, **asdict(why))


def reverse(transaction: Transaction, target: UUID, why: Correction, now: datetime) -> Answer:
    """Undo a transaction.

    Codes: ok, key_reused, transaction_not_found, not_reversible, already_reversed, insufficient_credits.
    """
    return call(transaction, "ledger_reverse", id=new_id(), target=target, now=now, **asdict(why))


def credit_transaction(transaction: Transaction, row_id: UUID) -> sa.RowMapping:
    """Return a transaction of the account that is there, as it is shown."""
    statement = sa.select(_CHANGE, _CHANGE.c.reversal_of.label("reversal_of_id")).where(_CHANGE.c.id == row_id)
    return transaction.execute(statement).mappings().one()


def reserve(where: Transaction | Turn, wanted: Reservation, now: datetime) -> Answer:
    """Set credits aside.

    Codes: ok, no_credit_account, key_reused, hold_closed, quote_not_found, quote_not_accepted, quote_of_another_run,
    quote_replaced, unknown_operation, quote_exhausted, daily_limit_reached, insufficient_credits.
    """
    fallback = FALLBACK.get(wanted.operation)
    return call(
        where,
        "ledger_reserve",
        site=where.tenant.site_id,
        id=new_id(),
        key=wanted.key,
        quote=wanted.quote_id,
        run=wanted.run_id,
        step=wanted.step_id,
        operation=wanted.operation,
        quantity=wanted.quantity,
        fallback_unit_size=fallback.unit_size if fallback else None,
        fallback_unit_credits=fallback.unit_credits if fallback else None,
        day_limit=wanted.day_limit.credits,
        day_start=wanted.day_limit.start_time,
        now=now,
    )


def extend(where: Transaction | Turn, more: Extension, now: datetime) -> Answer:
    """Set more credits aside in a hold.

    Codes: ok, hold_not_found, key_reused, hold_closed, quote_replaced, quote_exhausted, daily_limit_reached,
    insufficient_credits.
    """
    return call(
        where,
        "ledger_extend",
        site=where.tenant.site_id,
        id=new_id(),
        key=more.key,
        extension_key=more.extension_key,
        quantity=more.quantity,
        day_limit=more.day_limit.credits,
        day_start=more.day_limit.start_time,
        now=now,
    )


def capture(where: Transaction | Turn, key: str, use: Use, now: datetime) -> Answer:
    """Take what was used. Codes: ok, hold_not_found, hold_closed, key_reused, capture_above_hold."""
    site = where.tenant.site_id
    return call(where, "ledger_capture", site=site, id=new_id(), key=key, now=now, **vars(use))


def release(where: Transaction | Turn, key: str, now: datetime) -> Answer:
    """Free a hold. Codes: ok, no_credit_account, hold_closed."""
    return call(where, "ledger_release", site=where.tenant.site_id, id=new_id(), key=key, now=now)


def expire_hold(where: Transaction | Turn, key: str, now: datetime) -> Answer:
    """End the hold of a step that is terminal. Codes as of `release`."""
    return call(where, "ledger_expire_hold", site=where.tenant.site_id, id=new_id(), key=key, now=now)


def check(transaction: Transaction) -> Sequence[sa.Row[Any]]:
    """Return what the books say and what is counted: rows of (what, booked, counted)."""
    return transaction.all(_CHECK, {"account": transaction.tenant.account_id})


_CHECK = sa.text("SELECT what, booked, counted FROM ledger_check(p_account => :account)")
