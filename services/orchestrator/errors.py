"""Why a call to the orchestrator fails.

Fault
 ├─ FailedPrecondition
 │   ├─ RunActive            the site has an automation run that is not finished
 │   └─ QuoteInvalid         the quote has expired or belongs to another run
 └─ InvalidArgument
     └─ UnknownFunction      no such function or stage
"""

from chassis.errors import FailedPrecondition, InvalidArgument


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


class UnknownFunction(InvalidArgument):
    """No such function or stage."""

    reason = "UNKNOWN_FUNCTION"
