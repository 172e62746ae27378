"""What integration refuses, beyond the chassis's own errors.

Fault
 ├─ InvalidArgument
 │   ├─ AddressRefused           the address is not one this system calls
 │   └─ CredentialsMissing       the destination needs credentials, or needs them again
 ├─ FailedPrecondition
 │   ├─ NoDestination            nothing is connected to the site
 │   ├─ SectorGone               the content's sector is not the site's any more
 │   └─ PublishingRefused        a person must act before it can be published; the reason is the destination's
 └─ Unavailable
     ├─ DestinationUnavailable   worth another try
     └─ PublicationBusy          another worker is publishing the same content there
"""

from collections.abc import Mapping
from uuid import UUID

from chassis.errors import FailedPrecondition, InvalidArgument, Unavailable, Violation


class AddressRefused(InvalidArgument):
    """The address of the destination is not one this system calls."""

    reason = "ADDRESS_REFUSED"

    def __init__(self, problem: str) -> None:
        super().__init__(problem, violations=[Violation("site_integration.base_url", problem)])


class CredentialsMissing(InvalidArgument):
    """The destination needs credentials, or needs them again."""

    reason = "CREDENTIALS_MISSING"

    def __init__(self, problem: str) -> None:
        super().__init__(problem, violations=[Violation("site_integration.credentials_json", problem)])


class NoDestination(FailedPrecondition):
    """Nothing is connected to the site."""

    reason = "NO_DESTINATION"

    def __init__(self) -> None:
        super().__init__("No destination is connected to this site; connect one under Integrations, then publish.")


class SectorGone(FailedPrecondition):
    """The content's sector is not one of the site's any more."""

    def __init__(self, sector_id: UUID) -> None:
        super().__init__(f"The sector {sector_id} of this content is not on the site any more; bring it back first.")


class PublishingRefused(FailedPrecondition):
    """A person must act before it can be published.

    Args:
        reason: a name of `IntegrationErrorReason` without its prefix.
        message: what happened at which destination, and what to do.
        metadata: facts for programs.
    """

    def __init__(self, reason: str, message: str, metadata: Mapping[str, str]) -> None:
        super().__init__(message, metadata=metadata)
        self.reason = reason


class DestinationUnavailable(Unavailable):
    """The destination cannot be reached, or asks to come back later."""

    reason = "DESTINATION_UNAVAILABLE"


class PublicationBusy(Unavailable):
    """Another worker is publishing the same content to the same destination, or took this publication over."""
