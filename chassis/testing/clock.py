"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time of day."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since the start of 1970."""
        return self._now.timestamp()

    def move(self, **by: float) -> None:
        """Go forward: `clock.move(minutes=5)`."""
        self._now += timedelta(**by)
