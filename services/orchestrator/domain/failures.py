"""What is done about a failure, and when it is tried again."""

import random
from dataclasses import dataclass
from typing import Literal

TRANSIENT_ATTEMPTS_MAX = 5
GARBAGE_ATTEMPTS_MAX = 3
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0


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


_PROVIDER_TRANSIENT = frozenset({"PROVIDER_UNAVAILABLE", "PROVIDER_RATE_LIMITED"})
_GARBAGE = frozenset({"ANSWER_TRUNCATED", "ANSWER_MALFORMED", "UNUSABLE_ANSWER"})
_OUT_OF_BUDGET = {"INSUFFICIENT_CREDITS": "paused_insufficient_credits", "QUOTE_EXHAUSTED": "quote_exhausted"}
_INFRASTRUCTURE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})
_OUTDATED = frozenset({"CALL_IN_FLIGHT", "QUOTE_REPLACED"})  # the next try finds out how things stand by then


def judge(reason: str, kind: str, attempts: int, *, held_by_others: int = 0) -> Verdict:
    """Decide what to do when a phase failed.

    Args:
        reason: the fault's reason.
        kind: the fault's kind, a name of `google.rpc.Code`.
        attempts: calls to the model that have failed before this one.
        held_by_others: credits that other steps of the same budget hold just now; they may become free.
    """
    if reason in _OUT_OF_BUDGET:
        return Verdict("wait") if held_by_others else Verdict("pause", _OUT_OF_BUDGET[reason])
    if reason in _PROVIDER_TRANSIENT or kind == "INTERNAL":
        return Verdict("again" if attempts + 1 < TRANSIENT_ATTEMPTS_MAX else "fail")
    if reason in _GARBAGE:
        return Verdict("again" if attempts + 1 < GARBAGE_ATTEMPTS_MAX else "fail")
    if reason in _OUTDATED or kind in _INFRASTRUCTURE:
        return Verdict("retry")
    return Verdict("fail")


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


def last_words(message: str, attempts: int) -> str:
    """Return what a person reads of a step that failed for good.

    Args:
        message: why its last try failed.
        attempts: calls to the model that have failed before that one.
    """
    if not attempts:
        return message
    return f"{message} It was tried {attempts + 1} times; start it again when the cause is gone."


def backoff_s(failures: int, chance: random.Random) -> float:
    """Return seconds to wait after so many failures in a row: full jitter, doubling from 0.5 s to 30 s.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return chance.uniform(0.05, min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(failures, 10)))
