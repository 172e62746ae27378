"""Why a call to the orchestrator fails.

Fault
 ├─ FailedPrecondition
 │   ├─ RunActive            the site has an automation run that is not finished
 │   ├─ QuoteInvalid         the quote has expired or belongs to another run
 │   ├─ SubjectBusy          another run is at work on a row that was named
 │   ├─ NothingToDo          a job by hand would find nothing
 │   ├─ NothingToReplay      no step that was named has failed and waits to be done again
 │   └─ ReplayOpen           a run is doing a step again just now
 └─ InvalidArgument
     └─ UnknownFunction      no such function or stage
"""

from collections.abc import Sequence

from chassis.errors import FailedPrecondition, InvalidArgument

SHOWN = 5


class RunActive(FailedPrecondition):
    """The site has an automation run that is not finished."""

    reason = "RUN_ACTIVE"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The site's run {name} is not finished; wait for it, or cancel it, before starting another.",
            metadata={"run": name},
        )


class QuoteInvalid(FailedPrecondition):
    """The quote has expired or belongs to another run."""

    reason = "QUOTE_INVALID"


class SubjectBusy(FailedPrecondition):
    """Another run is at work on a row that was named."""

    reason = "SUBJECT_BUSY"

    def __init__(self, run: str, subject_ids: Sequence[str]) -> None:
        shown = ", ".join(subject_ids[:SHOWN]) + (", ..." if len(subject_ids) > SHOWN else "")
        super().__init__(
            f"{run} is at work on {shown}; wait for it or cancel it, or leave out what it does.",
            metadata={"run": run, "count": str(len(subject_ids))},
        )


class NothingToDo(FailedPrecondition):
    """A job by hand would find nothing."""

    reason = "NOTHING_TO_DO"


class NothingToReplay(FailedPrecondition):
    """No step that was named has failed and waits to be done again."""

    reason = "NOTHING_TO_REPLAY"


class ReplayOpen(FailedPrecondition):
    """A run is doing a step again just now."""

    reason = "REPLAY_OPEN"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The run {name} is doing these steps again; wait for it, or cancel it, before replaying them once more.",
            metadata={"run": name},
        )


class UnknownFunction(InvalidArgument):
    """No such function or stage."""

    reason = "UNKNOWN_FUNCTION"
