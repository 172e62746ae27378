"""Rules of runs without any IO: the stage table, what a plan means, how failures are treated, when to try again."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from services.orchestrator.errors import UnknownFunction

LEASE_S = 15  # a worker that says nothing for so long has died; its steps are claimed again
RENEW_S = 5
TRANSIENT_ATTEMPTS_MAX = 5
GARBAGE_ATTEMPTS_MAX = 3
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0

Lane = Literal["local", "text", "image", "publish", "sync", "maintenance"]
LANES: tuple[Lane, ...] = ("local", "text", "image", "publish", "sync", "maintenance")
ACTIVE = ("running", "paused")
ENDED = ("cancelled", "completed", "failed")


@dataclass(frozen=True)
class Function:
    """One row of the stage table.

    Args:
        name: the function.
        stage: 1 to 7; 0 for work that is only done by hand.
        owner: the service that prepares and applies.
        lane: which workers carry it.
        operation: what it is priced as; "" for free work.
        model: "text", "image" or "" when it needs none.
        deadline_s: seconds that one Apply may take.
    """

    name: str
    stage: int
    owner: str
    lane: Lane
    operation: str = ""
    model: str = ""
    deadline_s: float = 15.0


STAGE_TABLE: tuple[Function, ...] = (
    Function("import_keywords", 0, "planner", "local", deadline_s=900),
    Function("cluster_keywords", 1, "planner", "local", operation="clustering", deadline_s=900),
    Function("generate_ideas", 2, "planner", "text", operation="idea", model="text"),
    Function("create_tasks", 3, "writer", "local"),
    Function("generate_content", 4, "writer", "text", operation="content", model="text"),
    Function("generate_image_prompts", 5, "writer", "text", operation="image_prompt", model="text"),
    Function("generate_image", 6, "writer", "image", operation="image", model="image"),
    Function("approve_content", 7, "writer", "local"),
    Function("publish_content", 7, "integration", "publish", deadline_s=180),
)
FUNCTIONS: Mapping[str, Function] = {function.name: function for function in STAGE_TABLE}
PLAN_STAGE = "plan_stage"  # the step that plans a stage; it has a lane of its own kind and no owner


def function_named(name: str) -> Function:
    """Return a row of the stage table.

    Raises:
        UnknownFunction: there is none of that name.
    """
    if name not in FUNCTIONS:
        known = ", ".join(FUNCTIONS)
        raise UnknownFunction.field("plan.function", f"{name!r} is unknown; use one of {known}")
    return FUNCTIONS[name]


@dataclass(frozen=True)
class Plan:
    """What a run does, with every default filled in.

    Args:
        functions: in order.
        subject_ids: only these rows, for a job by hand.
        options: what the functions are told.
        max_clusters: at most this many clusters get ideas; 0 for all.
        max_articles: at most this many articles are written; 0 for all.
        max_credits: the run may not cost more; 0 for no such cap.
        by_hand: whether it is one function that somebody asked for, and not an automation run.
        shown: the plan as it was asked for, for whoever looks at the run.
    """

    functions: tuple[str, ...]
    subject_ids: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    max_clusters: int = 0
    max_articles: int = 0
    max_credits: int = 0
    by_hand: bool = False
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ideas_per_cluster(self) -> int:
        """Ideas a cluster."""
        return int(self.options["ideas_per_cluster"])

    @property
    def images_per_article(self) -> int:
        """Pictures an article."""
        return int(self.options["images_per_article"])

    @property
    def is_free(self) -> bool:
        """Whether nothing in it has a price."""
        return not any(FUNCTIONS[name].operation for name in self.functions)

    def skip_reason(self, function: str) -> str:
        """Return why a function is passed over without asking for work; "" when it is not.

        A cap of 0 means "all", so that no pictures must be said in another way.
        """
        if function == "generate_image" and not self.by_hand and self.images_per_article == 0:
            return "images_per_article is 0: this run makes no pictures"
        return ""

    def cap(self, function: str) -> int:
        """Return how many items a function may be run on at most; 0 for all."""
        if function == "generate_ideas":
            return self.max_clusters
        if function == "generate_content":
            return self.max_articles
        if function == "generate_image_prompts":
            return self.max_articles
        if function == "generate_image":
            return self.max_articles * self.images_per_article
        return 0


def functions_of(stages: Sequence[int], *, publish: bool) -> tuple[str, ...]:
    """Return the functions of some stages in their order; all stages when none are named.

    Raises:
        UnknownFunction: a stage is not from 1 to 7.
    """
    wrong = [stage for stage in stages if not 1 <= stage <= 7]  # noqa: PLR2004 - the seven stages
    if wrong:
        raise UnknownFunction.field("plan.stages", f"{wrong[0]} is not a stage; stages are 1 to 7")
    chosen = set(stages) or set(range(1, 8))
    return tuple(f.name for f in STAGE_TABLE if f.stage in chosen and (publish or f.name != "publish_content"))


def run_name(started: datetime, trigger: str) -> str:
    """Return a run's name for people: run_20261122_064100_manual."""
    return f"run_{started:%Y%m%d_%H%M%S}_{trigger}"


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
    if reason == "CALL_IN_FLIGHT" or kind in _INFRASTRUCTURE:
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
