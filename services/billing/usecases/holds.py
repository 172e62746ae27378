"""Credits meet work: set aside before it, captured at what it was after it, or freed."""

from datetime import datetime

from chassis.errors import Fault, Internal, InvalidArgument, NotFound
from chassis.tenancy import Tenant
from services.billing import repository
from services.billing.batching import Ledger
from services.billing.domain import (
    MOST_COST,
    MOST_QUANTITY,
    DayLimit,
    Extension,
    Hold,
    Reservation,
    Use,
    known_operations,
)
from services.billing.errors import (
    CaptureAboveHold,
    DailyLimitReached,
    HoldClosed,
    InsufficientCredits,
    KeyReused,
    NoCreditAccount,
    QuoteExhausted,
    QuoteNotAccepted,
    QuoteReplaced,
    UnknownOperation,
)

_MOST_KEY = 200


def reserve(ledger: Ledger, tenant: Tenant, wanted: Reservation, now: datetime) -> Hold:
    """Set credits aside at the price of now, once for a key.

    Raises:
        InvalidArgument: the quantity, the key or the day makes no sense.
        InsufficientCredits, QuoteExhausted, DailyLimitReached: and nothing is remembered; the same key may be tried
            again.
        NotFound: there is no such quote.
        QuoteReplaced: its run has accepted another one since.
        QuoteNotAccepted: no run has it.
        KeyReused: the key was used with other parameters, or another run has the quote.
        HoldClosed: the key was released before it was reserved.
        UnknownOperation, NoCreditAccount: as they say.
    """
    _check_key(wanted.key)
    if not 1 <= wanted.quantity <= MOST_QUANTITY:
        raise InvalidArgument.field("quantity", f"must be from 1 to {MOST_QUANTITY}")
    _check_day(wanted.day_limit)
    answer = repository.reserve(ledger.turn(tenant), wanted, now)
    if answer.code == "ok":
        return _hold(wanted.key, answer)
    if answer.code == "unknown_operation":
        with ledger.database.transaction(tenant) as transaction:
            known = known_operations(repository.prices(transaction))
        raise UnknownOperation(wanted.operation, field="operation", known=known)
    raise _no_room(answer) or _closed(wanted, answer.code)


def extend(ledger: Ledger, tenant: Tenant, more: Extension, now: datetime) -> Hold:
    """Set more credits aside in an open hold at its price, once for an extension's key.

    Raises:
        InvalidArgument: the quantity, a key or the day makes no sense.
        NotFound: there is no such hold.
        HoldClosed: it has ended.
        InsufficientCredits, QuoteExhausted, DailyLimitReached: and nothing is remembered.
        QuoteReplaced: the run has accepted another quote since.
        KeyReused: the key was used with other parameters.
    """
    _check_key(more.key)
    _check_key(more.extension_key, "extension_key")
    if not 1 <= more.quantity <= MOST_QUANTITY:
        raise InvalidArgument.field("quantity", f"must be from 1 to {MOST_QUANTITY}")
    _check_day(more.day_limit)
    answer = repository.extend(ledger.turn(tenant), more, now)
    match answer.code:
        case "ok":
            return _hold(more.key, answer)
        case "hold_not_found":
            raise NotFound.row("hold", more.key)
        case "hold_closed":
            raise HoldClosed(more.key, answer.state)
        case "key_reused":
            raise KeyReused(more.extension_key, "extension")
        case "quote_replaced":
            raise QuoteReplaced
        case code:
            raise _no_room(answer) or Internal(f"ledger_extend answered {code!r}")


def capture(ledger: Ledger, tenant: Tenant, key: str, use: Use, now: datetime) -> Hold:
    """Take what was really used out of a hold and write the usage, once for a key; the last capture frees the rest.

    Raises:
        InvalidArgument: a quantity below zero, or a key that is too long.
        NotFound: there is no such hold.
        HoldClosed: it was released or has expired.
        CaptureAboveHold: the quantity costs more than is held.
        KeyReused: the hold was captured with other parameters.
    """
    _check_key(key)
    _check_key(use.capture_key, "capture_key")
    if use.cost_usd_micro is not None and not 0 <= use.cost_usd_micro <= MOST_COST:
        raise InvalidArgument.field("cost_usd_micro", f"must be from 0 to {MOST_COST}")
    for name in ("quantity", "input_tokens", "output_tokens"):
        if not 0 <= getattr(use, name) <= MOST_QUANTITY:
            raise InvalidArgument.field(name, f"must be from 0 to {MOST_QUANTITY}")
    answer = repository.capture(ledger.turn(tenant), key, use, now)
    if answer.code == "ok":
        return _hold(key, answer)
    raise _no_capture(use.capture_key or key, key, answer)


def release(ledger: Ledger, tenant: Tenant, key: str, now: datetime) -> int:
    """Free what is left of a hold and return the credits that this call freed; one never made counts as freed.

    Raises:
        HoldClosed: it was captured.
    """
    _check_key(key)
    return _freed(key, repository.release(ledger.turn(tenant), key, now))


def expire(ledger: Ledger, tenant: Tenant, key: str, now: datetime) -> int:
    """End the hold of a step that is over and return the credits that this call freed.

    Raises:
        HoldClosed: it was captured.
    """
    _check_key(key)
    return _freed(key, repository.expire_hold(ledger.turn(tenant), key, now))


def _freed(key: str, answer: repository.Answer) -> int:
    match answer.code:
        case "ok":
            return int(answer.credits)
        case "no_credit_account":
            return 0
        case "hold_closed":
            raise HoldClosed(key, answer.state)
        case code:
            raise Internal(f"ledger_free answered {code!r}")


def _no_room(answer: repository.Answer) -> Fault | None:
    """Return why so many credits do not fit; None when that is not why."""
    match answer.code:
        case "insufficient_credits":
            return InsufficientCredits(needed=answer.needed, available=answer.available, held=answer.held)
        case "quote_exhausted":
            return QuoteExhausted(
                needed=answer.needed,
                limit=answer.limit_credits,
                captured=answer.quote_captured,
                held=answer.quote_held,
            )
        case "daily_limit_reached":
            return DailyLimitReached(
                needed=answer.needed,
                limit=answer.limit_credits,
                captured=answer.day_captured,
                held=answer.day_held,
            )
    return None


def _closed(wanted: Reservation, code: str) -> Fault:
    """Return why a quote or key cannot be reserved on."""
    reasons: dict[str, Fault] = {
        "quote_not_found": NotFound.row("quote", wanted.quote_id),
        "quote_not_accepted": QuoteNotAccepted(),
        "quote_of_another_run": KeyReused(str(wanted.quote_id), "run"),
        "quote_replaced": QuoteReplaced(),
        "key_reused": KeyReused(wanted.key, "reservation"),
        "hold_closed": HoldClosed(wanted.key, None),
        "no_credit_account": NoCreditAccount(),
    }
    return reasons.get(code) or Internal(f"ledger_reserve answered {code!r}")


def _no_capture(capture_key: str, key: str, answer: repository.Answer) -> Fault:
    match answer.code:
        case "hold_not_found":
            return NotFound.row("hold", key)
        case "hold_closed":
            return HoldClosed(key, answer.state)
        case "capture_above_hold":
            return CaptureAboveHold(needed=answer.needed, held=answer.credits - answer.captured_credits)
        case "key_reused":
            return KeyReused(capture_key, "capture")
        case code:
            return Internal(f"ledger_capture answered {code!r}")


def _hold(key: str, answer: repository.Answer) -> Hold:
    return Hold(
        answer.id,
        key,
        answer.state,
        answer.credits,
        answer.captured_credits,
        answer.credit_cost_id,
        answer.taken_credits or 0,
    )


def _check_day(limit: DayLimit) -> None:
    if limit.credits < 0:
        raise InvalidArgument.field("day_limit_credits", "must not be negative; 0 means no limit")
    if limit.credits and limit.start_time is None:
        raise InvalidArgument.field("day_start_time", "is required with a day_limit_credits")


def _check_key(key: str, field: str = "key") -> None:
    if len(key) > _MOST_KEY:
        raise InvalidArgument.field(field, f"must be at most {_MOST_KEY} characters")
