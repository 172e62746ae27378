"""What an account has, what it is on, and what things cost."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.tenancy import table_of
from services.billing.domain import EXPIRING_SOON, CostChange, Price
from services.billing.models import CreditCost, Plan, Subscription
from services.billing.repository.functions import Answer, statement

_LIVE = ("trialing", "active", "past_due")
_PLAN, _COST, _SUBSCRIPTION = table_of(Plan), table_of(CreditCost), table_of(Subscription)


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


def set_cost(transaction: Transaction, change: CostChange, by: str, now: datetime) -> Answer:
    """Write the next version of an operation's price. Codes: ok, key_reused, no_price_before."""
    request = {name: value for name, value in asdict(change).items() if name != "key"}
    values = {"id": new_id(), "request": json.dumps(request), "changed_by": by, "now": now, **asdict(change)}
    return Answer._make(transaction.execute(statement("ledger_set_cost", tuple(values)), values).one())


def cost(transaction: Transaction, row_id: UUID) -> sa.RowMapping:
    """Return a price version that is there."""
    return transaction.execute(sa.select(_COST).where(_COST.c.id == row_id)).mappings().one()


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
