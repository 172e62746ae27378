"""What an account has, where it comes from, and whether the books are right."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.clock import Clock
from chassis.database import Database, Transaction
from chassis.errors import Internal, InvalidArgument, NotFound
from chassis.outbox import Fact, Handler
from chassis.tenancy import Tenant
from services.billing import repository
from services.billing.domain import GRANT_PRIORITY, MOST_GRANT, MOST_PRIORITY, Balance, Grant, month_after
from services.billing.errors import KeyReused, NoCreditAccount

_MOST_REASON = 500


def get_balance(database: Database, tenant: Tenant, now: datetime) -> Balance:
    """Return what the account has, after ending what is past its date.

    Raises:
        NoCreditAccount: the account was opened a moment ago.
    """
    with database.transaction(whole_account(tenant)) as transaction:
        return balance_of(transaction, now)


def check_ledger(database: Database, tenant: Tenant, now: datetime) -> tuple[list[str], Balance]:
    """Compare the account's books with each other; return each difference in words, and the balance.

    Raises:
        NoCreditAccount: there are no books yet.
    """
    with database.transaction(whole_account(tenant)) as transaction:
        balance = balance_of(transaction, now)
        rows = repository.check(transaction)
    return [f"{r.what}: booked {r.booked}, counted {r.counted}" for r in rows if r.booked != r.counted], balance


def grant_credits(database: Database, tenant: Tenant, given: Grant, now: datetime) -> Balance:
    """Give the account credits, once for a key.

    Raises:
        InvalidArgument: too few, too many, a priority that there is not, or times that are over or in the wrong order.
        KeyReused, NoCreditAccount: as they say.
    """
    if not 1 <= given.credits <= MOST_GRANT:
        raise InvalidArgument.field("credits", f"must be from 1 to {MOST_GRANT}")
    if not 1 <= given.priority <= MOST_PRIORITY:
        raise InvalidArgument.field("priority", f"must be from 1 to {MOST_PRIORITY}; 0 means {GRANT_PRIORITY}")
    check_words(given.description, given.key.partition(":")[2])
    with database.transaction(whole_account(tenant)) as transaction:
        _grant(transaction, given, now)
        return balance_of(transaction, now)


def assign_plan(
    database: Database, tenant: Tenant, *, plan: str, reason: str, request_id: str, now: datetime, max_keywords: int = 0
) -> tuple[sa.RowMapping, Balance]:
    """Put the account on a plan from now on and grant the plan's credits for a month, once for a request id.

    What is left of an earlier plan's credits ends with that plan's period. `max_keywords` is what was agreed with the
    account beyond its plan; less than the plan's own number means the plan's.

    Raises:
        NotFound: there is no such plan.
        InvalidArgument: max_keywords is negative.
        KeyReused: the request id was used for another plan.
    """
    check_words(reason, request_id)
    if max_keywords < 0:
        raise InvalidArgument.field("max_keywords", "must not be negative; 0 means the plan's own number")
    key = f"plan:{request_id}"
    with database.transaction(whole_account(tenant)) as transaction:
        row = _plan(transaction, plan)
        repository.open_account(transaction, now)
        repository.lock_account(transaction)
        known = repository.subscription(transaction, key)
        if known is None:
            repository.end_subscription(transaction, now)
            _put_on_plan(transaction, row, key, reason, now)
            limits = {name: row[name] for name in ("max_sites", "max_users", "max_keywords")}
            limits["max_keywords"] = max(max_keywords, limits["max_keywords"])
            transaction.emit("billing.plan_changed", {"plan": row["code"], **limits})
        elif (known.plan_id, known.reason) != (row["id"], reason):
            raise KeyReused(request_id, "plan or reason")
        return row, balance_of(transaction, now)


def handlers(clock: Clock) -> Mapping[str, Handler]:
    """Return what billing does when others tell it a fact, by kind."""

    def account_opened(transaction: Transaction, fact: Fact) -> None:
        open_account(transaction, fact.account_id, str(fact.payload.get("plan") or "free"), clock.now())

    return {"identity.account_opened": account_opened}


def open_account(transaction: Transaction, account_id: UUID, plan: str, now: datetime) -> None:
    """Open the credit account of a new account and grant its plan's credits, once.

    An account that was put on another plan before this arrived stays there.

    Raises:
        NotFound: there is no such plan.
    """
    row = _plan(transaction, plan)
    repository.open_account(transaction, now)
    repository.lock_account(transaction)
    key, reason = f"signup:{account_id}", f"{row['name']} plan at sign-up"
    if repository.live_subscription(transaction) is None:
        _put_on_plan(transaction, row, key, reason, now)
    else:
        _grant_plan_credits(transaction, row, key, reason, now)


def _put_on_plan(transaction: Transaction, plan: sa.RowMapping, key: str, reason: str, now: datetime) -> None:
    period = (now, month_after(now))
    repository.add_subscription(transaction, key=key, plan_id=plan["id"], reason=reason, period=period)
    _grant_plan_credits(transaction, plan, key, reason, now)


def _grant_plan_credits(transaction: Transaction, plan: sa.RowMapping, key: str, reason: str, now: datetime) -> None:
    if plan["credits"] > 0:
        given = Grant(key, "plan", "subscription", plan["credits"], reason, month_after(now), False)
        _grant(transaction, given, now)


def _grant(transaction: Transaction, given: Grant, now: datetime) -> None:
    answer = repository.grant(transaction, given, now)
    match answer.code:
        case "ok":
            return
        case "no_credit_account":
            raise NoCreditAccount
        case "key_reused":
            raise KeyReused(given.key.partition(":")[2], "grant")
        case "expired":
            raise InvalidArgument.field("expire_time", "must lie in the future, and after the effective_time")
        case code:
            raise Internal(f"ledger_grant answered {code!r}")


def _plan(transaction: Transaction, code: str) -> sa.RowMapping:
    row = repository.plan(transaction, code)
    if row is None:
        raise NotFound.row("plan", code[:60])
    return row


def balance_of(transaction: Transaction, now: datetime) -> Balance:
    """Return what the account has, after what the time has done to it.

    Raises:
        NoCreditAccount: the account was opened a moment ago.
    """
    row = repository.balance(transaction, now)
    if row is not None and row.due:
        repository.keep_time(transaction, now)
        row = repository.balance(transaction, now)
    if row is None:
        raise NoCreditAccount
    return Balance(row.posted, row.held, row.expiring_soon, row.plan, row.effective_later, row.next_effective_time)


def whole_account(tenant: Tenant) -> Tenant:
    """Return the whole account: credits are the account's, also for a passport that sees one site only."""
    return Tenant(tenant.account_id)


def check_words(reason: str, request_id: str) -> None:
    """Check what an operator says of a change.

    Raises:
        InvalidArgument: a text is too long.
    """
    if len(reason) > _MOST_REASON:
        raise InvalidArgument.field("reason", f"must be at most {_MOST_REASON} characters")
    if len(request_id) > 100:  # noqa: PLR2004 - with its prefix it fits a key
        raise InvalidArgument.field("request_id", "must be at most 100 characters")
