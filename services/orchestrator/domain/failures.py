"""What is done about a failure, and when it is tried again."""

import random
from dataclasses import dataclass
from typing import Literal

TRANSIENT_ATTEMPTS_MAX = 5
GARBAGE_ATTEMPTS_MAX = 3
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0
OUTAGE_FAILURES_MAX = 125
"""Calls in a row that did not reach a service: about half an hour, since a wait with full jitter is 15 s on average
once the backoff is at its 30 s. A deployment, a restart or a bad quarter of an hour fails no step; a service that is
gone for longer is a matter for people, who replay what failed, and a run must not wait for it without an end."""
RETRY_AFTER_MAX_S = 600.0
"""The longest wait that a provider may ask for: by then it is asked again, and answers at once if it must."""
HOLD_THROUGH_S = 10.0
"""The longest wait through which credits stay reserved; for a longer one they are released and reserved anew."""

ErrorKind = Literal["transient", "permanent", "budget"]


@dataclass(frozen=True)
class Verdict:
    """What to do about a failure.

    Args:
        action: "retry" with the same attempt; "again" with a new call to the model; "wait" for other work of the run;
            "pause" the run; "fail" the step for good.
        pause_reason: why the run pauses.
    """

    action: Literal["retry", "again", "wait", "pause", "fail"]
    pause_reason: str = ""


FORWARD = Verdict("retry")
"""What is done about any failure once Apply was sent."""
_PROVIDER_TRANSIENT = frozenset({"PROVIDER_UNAVAILABLE", "PROVIDER_RATE_LIMITED"})
_GARBAGE = frozenset({"ANSWER_TRUNCATED", "ANSWER_MALFORMED", "UNUSABLE_ANSWER"})
_OUT_OF_BUDGET = {
    "INSUFFICIENT_CREDITS": "paused_insufficient_credits",
    "QUOTE_EXHAUSTED": "quote_exhausted",
    "DAILY_LIMIT_REACHED": "daily_limit_reached",
}
_INFRASTRUCTURE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})
_OUTDATED = frozenset({"CALL_IN_FLIGHT", "QUOTE_REPLACED"})  # the next try finds out how things stand by then


def judge(reason: str, kind: str, attempts: int, *, failures: int = 0, held_by_others: int = 0) -> Verdict:
    """Decide what to do when a phase failed.

    Args:
        reason: the fault's reason.
        kind: the fault's kind, a name of `google.rpc.Code`.
        attempts: calls to the model that have failed before this one.
        failures: what has failed before this in a row, calls that did not get through included.
        held_by_others: credits that other steps of the same budget hold just now; they may become free.
    """
    if reason in _OUT_OF_BUDGET:
        return Verdict("wait") if held_by_others else Verdict("pause", _OUT_OF_BUDGET[reason])
    if reason in _PROVIDER_TRANSIENT or kind == "INTERNAL":
        return Verdict("again" if attempts + 1 < TRANSIENT_ATTEMPTS_MAX else "fail")
    if reason in _GARBAGE:
        return Verdict("again" if attempts + 1 < GARBAGE_ATTEMPTS_MAX else "fail")
    if reason in _OUTDATED or kind in _INFRASTRUCTURE:
        return Verdict("retry" if failures + 1 < OUTAGE_FAILURES_MAX else "fail")
    return Verdict("fail")


def kind_of(reason: str, kind: str) -> ErrorKind:
    """Return what sort of failure it is for whoever looks at the step.

    "transient": the same may go well later. "budget": it needs credits. "permanent": something must be put right first.
    """
    if reason in _OUT_OF_BUDGET:
        return "budget"
    if reason in _PROVIDER_TRANSIENT | _GARBAGE | _OUTDATED or kind in _INFRASTRUCTURE | {"INTERNAL"}:
        return "transient"
    return "permanent"


def wait_s(failures: int, retry_after_s: float | None, chance: random.Random) -> float:
    """Return seconds to wait before the next try.

    Args:
        failures: what has failed before this in a row.
        retry_after_s: what the other side asks for.
        chance: for the jitter.
    """
    return max(backoff_s(failures, chance), min(retry_after_s or 0.0, RETRY_AFTER_MAX_S))


def is_refusal(reason: str, kind: str) -> bool:
    """Return whether a failed Apply proves that nothing was stored.

    Apply answers with what is stored before it looks at anything else: a definite refusal means that there is nothing.
    """
    return reason == "UNUSABLE_ANSWER" or kind in {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "FAILED_PRECONDITION",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
    }


def last_words(message: str, kind: ErrorKind, attempts: int, failures: int, *, plans: bool = False) -> str:
    """Return what a person reads of a step that failed for good: why, and what to do next.

    Args:
        message: why its last try failed.
        kind: what sort of failure that was.
        attempts: calls to the model that have failed before that one.
        failures: what has failed before that in a row.
        plans: whether it is a step that plans a stage; with it the run has ended.
    """
    again = "start the run again" if plans else "replay the step"
    if kind == "permanent":
        return f"{message} When that is put right, {again}."
    tries = max(attempts, failures) + 1
    tried = f" It was tried {tries} times." if tries > 1 else ""
    return f"{message}{tried} When the cause is gone, {again}."


def backoff_s(failures: int, chance: random.Random) -> float:
    """Return seconds to wait after so many failures in a row: full jitter, doubling from 0.5 s to 30 s.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return chance.uniform(0.05, min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(failures, 10)))
