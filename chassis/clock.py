"""Time, injected: one seed replays one history in a test, and nobody calls `datetime.now()` in a rule."""

import time
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Protocol
from zoneinfo import ZoneInfo


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


def zone_named(name: str) -> ZoneInfo | None:
    """Return a time zone of the IANA database, None when it has none of that name.

    The names are those of the `tzdata` package, the same on every machine (a system's folder also has things like
    `localtime`); the rules are the system's where it has the zone, and the package's on a slim image.
    """
    return ZoneInfo(name) if name in _zone_names() else None


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}  # means "unset"
