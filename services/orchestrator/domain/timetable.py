"""When scheduled runs start: daily, weekly or monthly at a local time, through both changes of the clock.

A start is the first instant at which the zone's clock shows its day and time, or later. So a local time that a change
of the clock skips starts at the first instant after the gap, and one that comes twice starts at its first; every
chosen day has its start, and only one.
"""

import calendar
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Frequency = Literal["daily", "weekly", "monthly"]
_DAYS_AHEAD = 33  # two monthly starts are at most 31 days apart, and a change of the clock may skip a whole day


@dataclass(frozen=True)
class Timetable:
    """The starts of a site.

    Args:
        frequency: on every day, on one weekday, or on one day of every month.
        at: local time of day.
        zone: whose local time it is.
        weekday: for weekly starts, 1 (Monday) to 7.
        month_day: for monthly starts, 1 to 31; the last day of a month that is shorter.
    """

    frequency: Frequency
    at: time
    zone: ZoneInfo
    weekday: int = 1
    month_day: int = 1

    def next_after(self, instant: datetime) -> datetime:
        """Return the first start after an instant, in UTC."""
        day = instant.astimezone(self.zone).date() - timedelta(days=1)  # its start may lie in a day that was skipped
        for _ in range(_DAYS_AHEAD + 1):
            if self._is_chosen(day):
                start = first_instant(datetime.combine(day, self.at), self.zone)
                if start > instant:
                    return start
            day += timedelta(days=1)
        raise AssertionError(f"{self} has no start within a month after {instant}")

    def _is_chosen(self, day: date) -> bool:
        if self.frequency == "weekly":
            return day.isoweekday() == self.weekday
        if self.frequency == "monthly":
            return day.day == min(self.month_day, calendar.monthrange(day.year, day.month)[1])
        return True


def first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant, in UTC, at which a zone's clock shows a local time or a later one.

    Args:
        local: naive, in whole seconds.
        zone: whose clock it is.
    """
    shown = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _clock(shown, zone) == local:
        return shown  # of two, the first: that is what fold=0 means
    # Skipped. Read with the offset from after the change the time lies before it, and the other way round (PEP 495).
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    seconds = range(int((shown - before).total_seconds()))
    passed = bisect_left(seconds, local, key=lambda s: _clock(before + timedelta(seconds=s), zone))
    return before + timedelta(seconds=passed)


def midnight_before(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return when the local day of an instant began, in UTC."""
    day = datetime.combine(instant.astimezone(zone).date(), time())
    return first_instant(day, zone)


def midnight_after(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return when the local day after an instant's begins, in UTC."""
    return Timetable("daily", time(), zone).next_after(instant)


def _clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
