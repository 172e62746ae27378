"""Why billing refuses. Each reason stands in `BillingErrorReason`.

    Fault
     ├─ ResourceExhausted
     │   ├─ InsufficientCredits    fewer credits are available than needed
     │   ├─ QuoteExhausted         the run's quote allows no more
     │   └─ DailyLimitReached      the site's day allows no more
     ├─ Aborted
     │   └─ QuoteReplaced          the run has accepted another quote since
     ├─ FailedPrecondition
     │   ├─ NoCreditAccount        the account has none yet
     │   ├─ QuoteExpired           no run was started with the quote in time
     │   ├─ HoldClosed             the hold is captured, released or expired
     │   ├─ CaptureAboveHold       more would be captured than is held
     │   ├─ RefundAboveCapture     more would be given back than was taken
     │   ├─ AlreadyReversed        the transaction was undone before
     │   └─ NotReversible          the transaction cannot be given back or undone
     ├─ InvalidArgument
     │   └─ UnknownOperation       the operation has no price
     └─ AlreadyExists
         └─ KeyReused              the key was used with other parameters

The first three carry `held_by_others`: credits that other work has set aside and may give back. Above zero, waiting for
that work may help; at zero only more credits, another quote or another day do.
"""

from chassis.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, ResourceExhausted, Violation


class InsufficientCredits(ResourceExhausted):
    """Fewer credits are available than needed.

    Args:
        needed: credits.
        available: credits that nothing has set aside.
        held: credits that work under way has set aside.
    """

    reason = "INSUFFICIENT_CREDITS"

    def __init__(self, *, needed: int, available: int, held: int) -> None:
        waiting = f", and {held} are set aside for work under way" if held else ""
        super().__init__(
            f"{needed} credits are needed and {available} are available{waiting}. Buy credits or change to a larger "
            "plan, then try again.",
            metadata=_texts(
                needed=needed,
                available=available,
                held=held,
                held_by_others=held if needed <= available + held else 0,
            ),
        )


class QuoteExhausted(ResourceExhausted):
    """The run's quote allows no more.

    Args:
        needed: credits.
        limit: what the quote allows in all.
        captured: what the run has used of it.
        held: what other work of the run has set aside of it.
    """

    reason = "QUOTE_EXHAUSTED"

    def __init__(self, *, needed: int, limit: int, captured: int, held: int) -> None:
        waiting = held if captured + needed <= limit else 0
        advice = "Wait for the work under way" if waiting else "Accept another quote to go on"
        super().__init__(
            f"The quote allows {limit} credits; {captured} are used and {held} are set aside, so {needed} more are "
            f"too many. {advice}.",
            metadata=_texts(needed=needed, limit=limit, captured=captured, held=held, held_by_others=waiting),
        )


class DailyLimitReached(ResourceExhausted):
    """The site's day allows no more.

    Args:
        needed: credits.
        limit: what the site may use in a day.
        captured: what it has used since the day began.
        held: what its work under way has set aside.
    """

    reason = "DAILY_LIMIT_REACHED"

    def __init__(self, *, needed: int, limit: int, captured: int, held: int) -> None:
        waiting = held if captured + needed <= limit else 0
        advice = "Wait for the work under way" if waiting else "Wait for tomorrow, or raise the site's daily limit"
        super().__init__(
            f"The site may use {limit} credits a day; {captured} are used and {held} are set aside, so {needed} more "
            f"are too many. {advice}.",
            metadata=_texts(needed=needed, limit=limit, captured=captured, held=held, held_by_others=waiting),
        )


class QuoteReplaced(Aborted):
    """The run has accepted another quote since."""

    reason = "QUOTE_REPLACED"

    def __init__(self) -> None:
        super().__init__("The run has accepted another quote since. Read the run again and reserve on that one.")


class NoCreditAccount(FailedPrecondition):
    """The account has no credit account yet."""

    reason = "NO_CREDIT_ACCOUNT"

    def __init__(self) -> None:
        super().__init__(
            "The account has no credits yet: they arrive within a second of sign-up; try again.", retry_after_s=1.0
        )


class QuoteExpired(FailedPrecondition):
    """No run was started with the quote in time."""

    reason = "QUOTE_EXPIRED"

    def __init__(self) -> None:
        super().__init__("The quote has expired. Ask for another quote.")


class QuoteNotAccepted(FailedPrecondition):
    """Work is reserved on a quote that no run has accepted."""

    def __init__(self) -> None:
        super().__init__("No run has accepted the quote yet. Accept it for the run, then reserve.")


class HoldClosed(FailedPrecondition):
    """The hold is captured, released or expired.

    Args:
        key: the reservation's key.
        state: how it ended; empty when it was released before it was made.
    """

    reason = "HOLD_CLOSED"

    def __init__(self, key: str, state: str | None) -> None:
        how = state or "released before it was made"
        super().__init__(f"The hold {key!r} is {how}. Reserve again under a new key.", metadata={"state": state or ""})


class CaptureAboveHold(FailedPrecondition):
    """More would be captured than is held.

    Args:
        needed: credits that the quantity costs at the hold's price.
        held: credits of the hold.
    """

    reason = "CAPTURE_ABOVE_HOLD"

    def __init__(self, *, needed: int, held: int) -> None:
        super().__init__(
            f"The quantity costs {needed} credits and the hold has {held}. Capture at most the quantity reserved.",
            metadata=_texts(needed=needed, held=held),
        )


class RefundAboveCapture(FailedPrecondition):
    """More would be given back than was taken.

    Args:
        credits_: that were to be given back.
        left: what was taken and not given back yet.
    """

    reason = "REFUND_ABOVE_CAPTURE"

    def __init__(self, *, credits_: int, left: int) -> None:
        advice = f"Give back at most {left}" if left else "All that it took was given back already"
        super().__init__(f"{credits_} credits are too many. {advice}.", metadata=_texts(credits=credits_, left=left))


class AlreadyReversed(FailedPrecondition):
    """The transaction was undone before, or given back in part."""

    reason = "ALREADY_REVERSED"

    def __init__(self) -> None:
        super().__init__(
            "The transaction was undone before, or given back in part. Give back the rest, or adjust the balance."
        )


class NotReversible(FailedPrecondition):
    """The transaction is not of a kind that can be given back or undone.

    Args:
        advice: what to do instead.
    """

    reason = "NOT_REVERSIBLE"

    def __init__(self, advice: str) -> None:
        super().__init__(f"This transaction cannot be given back or undone. {advice}.")


class UnknownOperation(InvalidArgument):
    """The operation has no price.

    Args:
        operation: what was asked for.
        field: where in the request.
        known: operations that have one.
    """

    reason = "UNKNOWN_OPERATION"

    def __init__(self, operation: str, *, field: str, known: list[str]) -> None:
        text = f"The operation {operation[:60]!r} has no price; use one of {', '.join(known)}."
        super().__init__(text, violations=[Violation(field, text)], metadata={"operation": operation[:60]})


class KeyReused(AlreadyExists):
    """The key was used with other parameters.

    Args:
        key: the key.
        what: what it was used for, as people say it.
    """

    reason = "KEY_REUSED"

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"The key {key!r} was used for another {what}. Send a new one.", metadata={"key": key})


def _texts(**numbers: int) -> dict[str, str]:
    return {name: str(number) for name, number in numbers.items()}
