"""Every query of billing. The ledger is changed by its functions only, each one round trip."""

from services.billing.repository.accounts import (
    add_subscription,
    balance,
    cost,
    end_subscription,
    live_subscription,
    lock_account,
    plan,
    prices,
    set_cost,
    subscription,
)
from services.billing.repository.functions import Answer
from services.billing.repository.ledger import (
    adjust,
    capture,
    check,
    credit_transaction,
    expire_hold,
    extend,
    grant,
    keep_time,
    open_account,
    refund,
    release,
    reserve,
    reverse,
)
from services.billing.repository.quotes import (
    accept_quote,
    create_quote,
    quote,
)
from services.billing.repository.rounds import (
    account_page,
    accounts_due,
    step_captures,
)

__all__ = [
    "Answer",
    "accept_quote",
    "account_page",
    "accounts_due",
    "add_subscription",
    "adjust",
    "balance",
    "capture",
    "check",
    "cost",
    "create_quote",
    "credit_transaction",
    "end_subscription",
    "expire_hold",
    "extend",
    "grant",
    "keep_time",
    "live_subscription",
    "lock_account",
    "open_account",
    "plan",
    "prices",
    "quote",
    "refund",
    "release",
    "reserve",
    "reverse",
    "set_cost",
    "step_captures",
    "subscription",
]
