"""What a site's clock shows, and when scheduled runs must start by it: an oracle that shares nothing with the rule.

The rule turns local times into instants. The oracle never does: it walks through UTC, reads each zone's clock, and
notes when the clock first shows a wanted day and time, or has just gone past it.

    python -m tests.unit.orchestrator.clocks [--years 5]

holds the rule to it for every IANA zone, every frequency and many times of day (some minutes),
prints one line of JSON, and exits with 1 when a start was missed or came twice.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from services.orchestrator.domain.timetable import Frequency, Timetable

STRIDE = timedelta(hours=12)  # no zone changes its clock twice within it
ONE_S = timedelta(seconds=1)
USUAL_TIMES = (time(0, 0), time(2, 0), time(2, 30), time(12, 0), time(23, 59))
Chosen = Callable[[date], bool]


@dataclass(frozen=True)
class Stretch:
    """From one change of a clock to the next: the clock shows UTC plus the same offset."""

    begin: datetime
    end: datetime
    offset: timedelta


def stretches(zone: ZoneInfo, begin: datetime, end: datetime) -> list[Stretch]:
    """Return what a zone's clock does, found by looking at it every twelve hours and closer where it changed."""
    found = []
    instant, offset = begin, shown_offset(begin, zone)
    since = begin
    while instant < end:
        later = min(instant + STRIDE, end)
        if shown_offset(later, zone) != offset:
            change = _changed_at(zone, instant, later)
            found.append(Stretch(since, change, offset))
            since, offset = change, shown_offset(change, zone)
        instant = later
    return [*found, Stretch(since, end, offset)]


def shown_offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    """Return how far a clock is ahead of UTC."""
    return instant.astimezone(zone).replace(tzinfo=UTC) - instant


def _changed_at(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    old = shown_offset(before, zone)
    while after - before > ONE_S:
        middle = before + (after - before) // (2 * ONE_S) * ONE_S
        if shown_offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def starts(clock: Sequence[Stretch], at: time, chosen: Chosen) -> list[datetime]:
    """Return when a run must start, in order; two days whose time was skipped together have one start."""
    found: list[datetime] = []
    reached = datetime.min  # noqa: DTZ901 - what the clock has shown; local, so naive
    for stretch in clock:
        first, last = _local(stretch.begin, stretch), _local(stretch.end, stretch)
        for wanted in _wanted(max(reached, first - timedelta(days=2)), last, at, chosen):
            instant = max(stretch.begin, wanted.replace(tzinfo=UTC) - stretch.offset)
            if not (stretch is clock[0] and wanted < first):  # before the clock was looked at
                found.append(instant)
        reached = max(reached, last)
    return sorted(set(found))


def _local(instant: datetime, stretch: Stretch) -> datetime:
    return (instant + stretch.offset).replace(tzinfo=None)


def _wanted(begin: datetime, end: datetime, at: time, chosen: Chosen) -> Iterator[datetime]:
    day = begin.date()
    while day <= end.date():
        if chosen(day) and begin <= datetime.combine(day, at) < end:
            yield datetime.combine(day, at)
        day += timedelta(days=1)


def chosen_days(frequency: Frequency, number: int) -> Chosen:
    """Return which days have a start; `number` is the weekday or the day of the month."""
    if frequency == "weekly":
        return lambda day: int(day.strftime("%u")) == number
    if frequency == "monthly":
        return lambda day: day.day == number or (day.day < number and (day + timedelta(days=1)).day == 1)
    return lambda _: True


def told(table: Timetable, begin: datetime, end: datetime) -> list[datetime]:
    """Return the starts that the rule tells, each asked for at the one before it."""
    found = []
    instant = begin - ONE_S
    while (instant := table.next_after(instant)) < end:
        found.append(instant)
    return found


def times_inside_changes(clock: Sequence[Stretch]) -> list[time]:
    """Return times of day that the clock's changes skip or repeat: the first, the middle and the end of each."""
    found = set()
    for before, after in pairwise(clock):
        edges = sorted((_local(before.end, before), _local(after.begin, after)))
        for moment in (edges[0], edges[0] + (edges[1] - edges[0]) / 2, edges[1]):
            found.add(moment.time().replace(second=0, microsecond=0))
    return sorted(found)


@dataclass
class Tally:
    """What a sweep compared."""

    zones: int = 0
    changes: int = 0
    timetables: int = 0
    starts: int = 0
    missed: int = 0
    double: int = 0

    def compare(self, table: Timetable, clock: Sequence[Stretch], number: int) -> None:
        """Hold the rule to the oracle over the whole time that the clock was looked at."""
        expected = starts(clock, table.at, chosen_days(table.frequency, number))
        found = told(table, clock[0].begin, clock[-1].end)
        self.timetables += 1
        self.starts += len(expected)
        self.missed += len(set(expected) - set(found))
        self.double += len(found) - len(set(found) & set(expected))


def timetables(zone: ZoneInfo, at: time) -> Iterator[tuple[Timetable, int]]:
    """Return timetables of every frequency with the number of their day."""
    yield Timetable("daily", at, zone), 0
    for weekday in (1, 6, 7):  # clocks change on Sundays, on Fridays and Saturdays where those are the days of rest
        yield Timetable("weekly", at, zone, weekday=weekday), weekday
    for day in (1, 29, 31):
        yield Timetable("monthly", at, zone, month_day=day), day


def sweep(names: Sequence[str], begin: datetime, end: datetime) -> Tally:
    """Hold the rule to the oracle for some zones, at the usual times and inside each change of the clock."""
    tally = Tally()
    for name in names:
        zone = ZoneInfo(name)
        clock = stretches(zone, begin, end)
        tally.zones += 1
        tally.changes += len(clock) - 1
        for at in sorted({*USUAL_TIMES, *times_inside_changes(clock)}):
            for table, number in timetables(zone, at):
                tally.compare(table, clock, number)
    return tally


def main() -> int:
    """Sweep over every zone."""
    from importlib import resources  # noqa: PLC0415 - for this command only

    parser = argparse.ArgumentParser(description="Hold the timetable to its oracle for every zone.")
    parser.add_argument("--years", type=int, default=5)
    years = parser.parse_args().years
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    tally = sweep(names, begin, begin.replace(year=2026 + years))
    sys.stdout.write(json.dumps({"years": years, **tally.__dict__}) + "\n")
    return 1 if tally.missed or tally.double else 0


if __name__ == "__main__":
    sys.exit(main())
