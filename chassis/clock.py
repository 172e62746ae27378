"""Time, injected: one seed replays one history in a test, and nobody calls `datetime.now()` in a rule."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for measuring how long something took."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()
