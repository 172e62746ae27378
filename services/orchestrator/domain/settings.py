"""A site's settings for runs: the platform's own, when a run starts by them, and what a run is told of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from chassis.clock import zone_named
from services.orchestrator.domain.timetable import Timetable

PLATFORM: Mapping[str, Any] = MappingProxyType(
    {
        "enabled": False,
        "frequency": "daily",
        "local_time": "02:00",
        "time_zone": "",
        "weekday": 1,
        "month_day": 1,
        "catch_up": "once",
        "plan": {},
        "batch_sizes": {},
        "delay_within_stage_s": 0,
        "delay_between_stages_s": 0,
        "daily_credits": 0,
        "max_concurrent": 0,
    }
)
"""What a site has that has set nothing, and what a reset goes back to."""
WHEN = frozenset({"enabled", "frequency", "local_time", "time_zone", "weekday", "month_day"})
"""What the next start follows from."""


def zone_of(settings: Mapping[str, Any]) -> ZoneInfo:
    """Return whose local time a site's settings mean: its own zone, or its account's, or UTC."""
    return zone_or_utc(settings["time_zone"] or settings["account_zone"])


def zone_or_utc(name: str) -> ZoneInfo:
    """Return a zone by its name; UTC when there is none of that name, for an account that has not said where it is."""
    return zone_named(name) or ZoneInfo("UTC")


def next_start(settings: Mapping[str, Any], after: datetime) -> datetime | None:
    """Return the first start after an instant, in UTC; None when runs do not start by themselves.

    Args:
        settings: a row of `automation_config`.
        after: an instant.
    """
    if not settings["enabled"]:
        return None
    table = Timetable(
        frequency=settings["frequency"],
        at=time.fromisoformat(settings["local_time"]),
        zone=zone_of(settings),
        weekday=settings["weekday"],
        month_day=settings["month_day"],
    )
    return table.next_after(after.astimezone(UTC))


def settings_options(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what an automation run's plan is told of its site's settings, as `options`.

    `batch_sizes` is items a batch by stage, the stage's number as text ({"4": 10}), for the stages that the site has
    set; the others have the platform's. The delays are in seconds.

    Args:
        settings: a row of `automation_config`; None for a site that has set nothing.
    """
    names = ("batch_sizes", "delay_within_stage_s", "delay_between_stages_s")
    return {name: (settings or PLATFORM)[name] for name in names}
