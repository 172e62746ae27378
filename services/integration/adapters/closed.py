"""A destination that cannot be opened: it says why wherever it is asked, instead of failing in a new way."""

from services.integration.adapters.base import (
    Check,
    ConnectionReport,
    PermanentDestinationError,
    PublishableContent,
    Published,
)


class Closed:
    """A `Destination` that is none.

    Args:
        why: what is raised when it should be used.
    """

    def __init__(self, why: PermanentDestinationError) -> None:
        self._why = why

    def test_connection(self) -> ConnectionReport:
        """See `Destination.test_connection`; one check, which is not ok."""
        return ConnectionReport((Check("destination", ok=False, detail=self._why.reason, hint=str(self._why)),))

    def publish(self, content: PublishableContent) -> Published:
        """See `Destination.publish`; always refused."""
        del content
        raise self._why

    def find(self, content_id: str, slug: str) -> Published | None:
        """See `Destination.find`; always refused."""
        del content_id, slug
        raise self._why
