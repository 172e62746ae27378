"""Why identity refuses, beyond the chassis's own errors.

Fault
 ├─ Unauthenticated
 │   ├─ WrongCredentials     e-mail and password do not belong together
 │   └─ InvalidCredential    an API key or token is unknown, revoked or expired
 ├─ PermissionDenied
 │   └─ AccountInactive      the account is suspended or cancelled
 ├─ ResourceExhausted
 │   └─ PlanLimit            the plan allows no more
 ├─ FailedPrecondition
 │   └─ SectorLimit          a site has one to five sectors
 └─ InvalidArgument
     └─ WrongIndustry        the sector does not belong to the site's industry
"""

from chassis.errors import (
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong; which of them is not told."""

    reason = "WRONG_CREDENTIALS"


class InvalidCredential(Unauthenticated):
    """The API key or token is unknown, revoked, used up or expired."""

    reason = "INVALID_CREDENTIAL"


class AccountInactive(PermissionDenied):
    """The account is suspended or cancelled."""

    reason = "ACCOUNT_INACTIVE"

    @classmethod
    def because(cls, status: str) -> "AccountInactive":
        """Return the error for an account's status."""
        return cls(f"The account is {status}; contact support.", metadata={"status": status})


class PlanLimit(ResourceExhausted):
    """The plan allows no more."""

    reason = "PLAN_LIMIT"


class SectorLimit(FailedPrecondition):
    """A site has one to five sectors."""

    reason = "SECTOR_LIMIT"


class WrongIndustry(InvalidArgument):
    """The sector does not belong to the site's industry."""

    reason = "WRONG_INDUSTRY"
