"""Every query of billing. The ledger is changed by its functions only, each one round trip."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis import paging
from chassis.database import Transaction
from chassis.ids import new_id
from chassis.tenancy import table_of
from services.billing.domain import EXPIRING_SOON, Grant, Price, PricedWork, Reservation, Use
from services.billing.domain import FALLBACK_PRICES as FALLBACK
from services.billing.models import CreditAccount, CreditCost, Hold, Plan, Subscription

Answer = sa.Row[Any]
"""A `ledger_answer`: code, fresh, id, state, credits, ... as `migrations/sql/1_foundation.sql` declares it."""

_LIVE = ("trialing", "active", "past_due")
_PLAN, _COST, _SUBSCRIPTION = table_of(Plan), table_of(CreditCost), table_of(Subscription)
_ACCOUNT, _HOLD = table_of(CreditAccount), table_of(Hold)


# ── the ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────
def open_account(transaction: Transaction, now: datetime) -> Answer:
    """Make the credit account, unless it is there."""
    return _call(transaction, "ledger_open", now=now)


def grant(transaction: Transaction, given: Grant, now: datetime) -> Answer:
    """Give credits. Codes: ok, no_credit_account, key_reused, expired."""
    return _call(transaction, "ledger_grant", id=new_id(), now=now, **asdict(given))


def keep_time(transaction: Transaction, now: datetime) -> Answer:
    """Begin grants whose time has come (`credits`) and end what is free of those past their date (`taken_credits`).

    Codes: ok, no_credit_account.
    """
    return _call(transaction, "ledger_keep_time", now=now)


def reserve(transaction: Transaction, wanted: Reservation, now: datetime) -> Answer:
    """Set credits aside.

    Codes: ok, no_credit_account, key_reused, hold_closed, quote_not_found, quote_not_accepted, quote_of_another_run,
    quote_replaced, unknown_operation, quote_exhausted, daily_limit_reached, insufficient_credits.
    """
    fallback = FALLBACK.get(wanted.operation)
    return _call(
        transaction,
        "ledger_reserve",
        site=transaction.tenant.site_id,
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


def capture(transaction: Transaction, key: str, use: Use, now: datetime) -> Answer:
    """Take what was used. Codes: ok, hold_not_found, hold_closed, key_reused, capture_above_hold."""
    site = transaction.tenant.site_id
    return _call(transaction, "ledger_capture", site=site, id=new_id(), key=key, now=now, **asdict(use))


def release(transaction: Transaction, key: str, now: datetime) -> Answer:
    """Free a hold. Codes: ok, no_credit_account, hold_closed."""
    return _call(transaction, "ledger_release", site=transaction.tenant.site_id, id=new_id(), key=key, now=now)


def expire_hold(transaction: Transaction, key: str, now: datetime) -> Answer:
    """End the hold of a step that is terminal. Codes as of `release`."""
    return _call(transaction, "ledger_expire_hold", site=transaction.tenant.site_id, id=new_id(), key=key, now=now)


def check(transaction: Transaction) -> Sequence[sa.Row[Any]]:
    """Return what the books say and what is counted: rows of (what, booked, counted)."""
    return transaction.all(_CHECK, {"account": transaction.tenant.account_id})


_CHECK = sa.text("SELECT what, booked, counted FROM ledger_check(p_account => :account)")


# ── quotes ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def create_quote(
    transaction: Transaction,
    *,
    key: str,
    request: Mapping[str, Any],
    lines: Sequence[PricedWork],
    totals: tuple[int, int],
    max_credits: int,
    expire_time: datetime,
    now: datetime,
) -> Answer:
    """Keep a quote. Codes: ok, no_credit_account, key_reused."""
    return _call(
        transaction,
        "quote_create",
        site=transaction.tenant.site_id,
        id=new_id(),
        key=key,
        request=json.dumps(request),
        lines=json.dumps([_line(position, line) for position, line in enumerate(lines)]),
        expected=totals[0],
        limit=totals[1],
        max=max_credits,
        expire_time=expire_time,
        now=now,
    )


def _line(position: int, line: PricedWork) -> dict[str, Any]:
    return {
        **asdict(line.work),
        "id": str(new_id()),
        "position": position,
        "expected_credits": line.expected_credits,
        "limit_credits": line.limit_credits,
        "credit_cost_id": str(line.price.id) if line.price.id else None,
        "unit": line.price.unit,
        "unit_credits": line.price.unit_credits,
    }


def accept_quote(transaction: Transaction, quote_id: UUID, run_id: UUID, now: datetime) -> Answer:
    """Bind a quote to a run. Codes: ok, quote_not_found, quote_of_another_run, quote_expired, insufficient_credits."""
    site = transaction.tenant.site_id
    return _call(transaction, "quote_accept", site=site, quote=quote_id, run=run_id, now=now)


def quote(transaction: Transaction, quote_id: UUID) -> sa.RowMapping | None:
    """Return a quote of the tenant's site, with its lines as a list of objects."""
    parameters = {"id": quote_id, "site": transaction.tenant.site_id}
    return transaction.execute(_QUOTE, parameters).mappings().first()


_QUOTE = sa.text(
    "SELECT q.id, q.site_id, q.expected_credits, q.limit_credits, q.captured_credits, q.held_credits, q.expire_time,"
    " q.run_id, q.replace_time, earlier.captured_credits AS earlier_captured_credits,"
    " earlier.held_credits AS earlier_held_credits,"
    " (SELECT jsonb_agg(jsonb_build_object('stage', l.stage, 'operation', l.operation,"
    " 'expected_quantity', l.expected_quantity, 'limit_quantity', l.limit_quantity, 'pieces', l.pieces,"
    " 'expected_credits', l.expected_credits, 'limit_credits', l.limit_credits,"
    " 'credit_cost_id', l.credit_cost_id, 'unit', nullif('UNIT_' || upper(l.unit), 'UNIT_'),"
    " 'unit_credits', l.unit_credits) ORDER BY l.position)"
    " FROM quote_line l WHERE l.account_id = q.account_id AND l.quote_id = q.id) AS lines"
    " FROM quote q CROSS JOIN LATERAL ("
    "  SELECT coalesce(sum(e.captured_credits), 0)::bigint AS captured_credits,"
    "  coalesce(sum(e.held_credits), 0)::bigint AS held_credits"
    "  FROM quote e WHERE e.account_id = q.account_id AND e.run_id = q.run_id"
    "  AND (e.accept_time, e.id) < (q.accept_time, q.id)"
    " ) AS earlier WHERE q.id = :id AND q.site_id = :site"
)


# ── accounts, prices, plans ─────────────────────────────────────────────────────────────────────────────────────────
def balance(transaction: Transaction, now: datetime) -> sa.Row[Any] | None:
    """Return (posted, held, expiring_soon, effective_later, next_effective_time, due, plan).

    `due` says that a grant's time has come or gone and the books do not show it yet: `keep_time` sees to it.
    """
    parameters = {"account": transaction.tenant.account_id, "now": now, "soon": now + EXPIRING_SOON, "live": [*_LIVE]}
    return transaction.one(_BALANCE, parameters)


_BALANCE = sa.text(
    "SELECT a.posted, a.held,"
    " coalesce(sum(g.remaining - g.held) FILTER (WHERE g.expire_time <= :soon), 0)::bigint AS expiring_soon,"
    " coalesce(sum(g.credits) FILTER (WHERE g.post_time IS NULL), 0)::bigint AS effective_later,"
    " min(g.effective_time) FILTER (WHERE g.post_time IS NULL) AS next_effective_time,"
    " coalesce(bool_or(g.post_time IS NULL AND g.effective_time <= :now"
    " OR g.remaining > g.held AND g.expire_time <= :now), false) AS due,"
    " coalesce((SELECT p.code FROM subscription s JOIN plan p ON p.id = s.plan_id"
    " WHERE s.account_id = a.account_id AND s.status = ANY(:live)), '') AS plan"
    " FROM credit_account a LEFT JOIN credit_grant g"
    " ON g.account_id = a.account_id AND (g.remaining > 0 AND g.expire_time <= :soon OR g.post_time IS NULL)"
    " WHERE a.account_id = :account GROUP BY a.account_id"
)


def lock_account(transaction: Transaction) -> None:
    """Make everything else about the account's credits wait for this transaction."""
    transaction.execute(
        sa.text("SELECT 1 FROM credit_account WHERE account_id = :account FOR UPDATE"),
        {"account": transaction.tenant.account_id},
    )


def prices(transaction: Transaction) -> dict[str, Price]:
    """Return the active prices of the catalogue by operation."""
    rows = transaction.all(sa.select(_COST).where(_COST.c.active))
    return {row.operation: Price(row.unit, row.credits, row.id) for row in rows}


def plan(transaction: Transaction, code: str) -> sa.RowMapping | None:
    """Return a plan that can be had."""
    return transaction.execute(sa.select(_PLAN).where(_PLAN.c.code == code, _PLAN.c.active)).mappings().first()


def subscription(transaction: Transaction, key: str) -> sa.Row[Any] | None:
    """Return the subscription that a key made."""
    return transaction.one(sa.select(_SUBSCRIPTION).where(_SUBSCRIPTION.c.key == key))


def live_subscription(transaction: Transaction) -> sa.Row[Any] | None:
    """Return the account's subscription that is not over."""
    return transaction.one(sa.select(_SUBSCRIPTION).where(_SUBSCRIPTION.c.status.in_(_LIVE)))


def end_subscription(transaction: Transaction, now: datetime) -> None:
    """End the live subscription, if there is one."""
    transaction.execute(
        sa.update(_SUBSCRIPTION)
        .where(_SUBSCRIPTION.c.status.in_(_LIVE))
        .values(status="cancelled", end_time=now, update_time=now, revision=_SUBSCRIPTION.c.revision + 1)
    )


def add_subscription(
    transaction: Transaction, *, key: str, plan_id: UUID, reason: str, period: tuple[datetime, datetime]
) -> None:
    """Put the account on a plan for a period."""
    transaction.execute(
        sa.insert(_SUBSCRIPTION).values(
            account_id=transaction.tenant.account_id,
            id=new_id(),
            key=key,
            plan_id=plan_id,
            status="active",
            reason=reason,
            period_start_time=period[0],
            period_end_time=period[1],
        )
    )


# ── over all accounts, and what others compare ──────────────────────────────────────────────────────────────────────
def accounts_due(connection: sa.Connection, limit: int, now: datetime) -> list[UUID]:
    """Return accounts in which a grant's time has come or gone and the books do not show it, under the sweep role.

    In no order, so that accounts that fail cannot keep all others waiting.
    """
    return list(connection.execute(_DUE, {"now": now, "limit": limit}).scalars())


_DUE = sa.text(
    "SELECT due.account_id FROM ("
    " SELECT g.account_id FROM credit_grant g WHERE g.remaining > 0 AND g.remaining > g.held AND g.expire_time <= :now"
    " UNION SELECT g.account_id FROM credit_grant g WHERE g.post_time IS NULL AND g.effective_time <= :now"
    ") AS due ORDER BY random() LIMIT :limit"
)


def accounts(connection: sa.Connection, size: int, token: str) -> tuple[list[UUID], str]:
    """Return a page of all accounts under the sweep role, and the next page's token.

    Raises:
        InvalidArgument: the token is not one of this list.
    """
    keys = [paging.Key("account_id", _ACCOUNT.c.account_id)]
    statement = sa.select(_ACCOUNT.c.account_id).order_by(*paging.ordering(keys)).limit(size + 1)
    if token:
        statement = statement.where(paging.after(keys, token, "accounts"))
    found = list(connection.execute(statement).scalars())
    return found[:size], paging.encode(keys, found[size - 1 : size], "accounts") if len(found) > size else ""


def step_captures(
    transaction: Transaction, run_ids: Sequence[UUID], size: int, token: str
) -> tuple[Sequence[sa.RowMapping], str]:
    """Return a page of what steps have captured and hold, and the next page's token.

    Raises:
        InvalidArgument: the token is not one of this list.
    """
    keys = [paging.Key("run_id", _HOLD.c.run_id), paging.Key("step_id", _HOLD.c.step_id)]
    query = paging.fingerprint("step_captures", *run_ids)
    is_open = _HOLD.c.state == "open"
    held = sa.func.coalesce(sa.func.sum(_HOLD.c.credits - _HOLD.c.captured_credits).filter(is_open), 0)
    statement = (
        sa.select(
            _HOLD.c.run_id,
            _HOLD.c.step_id,
            sa.cast(sa.func.sum(_HOLD.c.captured_credits), sa.BigInteger).label("captured_credits"),
            sa.func.count().filter(is_open).label("open_holds"),
            sa.cast(held, sa.BigInteger).label("held_credits"),
        )
        .where(_HOLD.c.run_id.is_not(None), _HOLD.c.step_id.is_not(None))
        .group_by(_HOLD.c.run_id, _HOLD.c.step_id)
        .order_by(_HOLD.c.run_id, _HOLD.c.step_id)
        .limit(size + 1)
    )
    if run_ids:
        statement = statement.where(_HOLD.c.run_id.in_(run_ids))
    if token:
        statement = statement.where(paging.after(keys, token, query))
    rows = transaction.execute(statement).mappings().all()
    last = [rows[size - 1]["run_id"], rows[size - 1]["step_id"]] if len(rows) > size else None
    return rows[:size], paging.encode(keys, last, query) if last else ""


def _call(transaction: Transaction, function: str, **parameters: Any) -> Answer:
    values = {"account": transaction.tenant.account_id, **parameters}
    return transaction.execute(_statement(function, tuple(values)), values).one()


@cache
def _statement(function: str, names: tuple[str, ...]) -> sa.TextClause:
    # Each column by its name: a statement that was prepared before the answer was given another one still holds.
    arguments = ", ".join(f"p_{name} => :{name}" for name in names)
    return sa.text(f"SELECT {_ANSWER} FROM {function}({arguments})")  # noqa: S608 - the names are those of our functions


_ANSWER = (
    "code, fresh, id, state, credits, captured_credits, credit_cost_id, needed, available, held, limit_credits,"
    " quote_captured, quote_held, day_captured, day_held, taken_credits, transaction_id"
)
