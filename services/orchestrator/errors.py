"""Why a call to the orchestrator fails.

Fault
 ├─ FailedPrecondition
 │   ├─ RunActive            the site has an automation run that is not finished
 │   ├─ QuoteInvalid         the quote has expired or belongs to another run
 │   ├─ SubjectBusy          another run is at work on a row that was named
 │   └─ NothingToDo          a job by hand would find nothing
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


class UnknownFunction(InvalidArgument):
    """No such function or stage."""

    reason = "UNKNOWN_FUNCTION"
