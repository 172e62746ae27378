"""Starts of scheduled runs, held to a walk through UTC that reads the clock of every zone."""

import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import clock
from services.orchestrator.domain.timetable import Timetable, first_instant, midnight_before
from tests.unit.orchestrator import clocks

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")
AROUND = timedelta(days=3)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


Clocks = dict[str, list[clocks.Stretch]]


@pytest.fixture(scope="module")
def every_clock() -> Clocks:
    """What every zone's clock does in five years."""
    return {name: clocks.stretches(ZoneInfo(name), BEGIN, END) for name in sorted(clock._zone_names())}


def different(every_clock: Clocks) -> dict[tuple[clocks.Stretch, ...], str]:
    """Return one zone for each way that a clock can go: links and neighbours are not compared again."""
    return {tuple(found): name for name, found in every_clock.items()}


class TestExamples:
    @pytest.mark.parametrize(
        ("zone", "at", "after", "starts"),
        [
            ("UTC", "02:00", "2026-03-01T02:00", ["2026-03-02T02:00", "2026-03-03T02:00"]),
            ("Asia/Karachi", "02:00", "2026-03-01T00:00", ["2026-03-01T21:00", "2026-03-02T21:00"]),
            # 02:30 is skipped on 8 March: 03:00 local time is the first instant after the gap
            ("America/New_York", "02:30", "2026-03-07T08:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
            # 01:30 comes twice on 1 November, and its first is an hour before its second
            ("America/New_York", "01:30", "2026-10-31T06:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
            # the clock goes on by half an hour only
            ("Australia/Lord_Howe", "02:15", "2026-10-02T20:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
            # midnight itself is skipped
            ("Africa/Cairo", "00:00", "2026-04-22T23:00", ["2026-04-23T22:00", "2026-04-24T21:00"]),
            # a whole day was skipped; its start falls on the beginning of the next
            ("Pacific/Apia", "10:00", "2011-12-29T00:00", ["2011-12-29T20:00", "2011-12-30T10:00", "2011-12-30T20:00"]),
            ("Pacific/Apia", "00:00", "2011-12-29T00:00", ["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-31T10:00"]),
        ],
    )  # fmt: skip
    def test_daily(self, zone: str, at: str, after: str, starts: list[str]) -> None:
        table = Timetable("daily", time.fromisoformat(at), ZoneInfo(zone))
        instant, found = utc(after), []
        for _ in starts:
            instant = table.next_after(instant)
            found.append(instant)
        assert found == [utc(text) for text in starts]

    @pytest.mark.parametrize(
        ("weekday", "start"), [(1, "2026-11-23"), (2, "2026-11-24"), (6, "2026-11-28"), (7, "2026-11-29")]
    )
    def test_weekly(self, weekday: int, start: str) -> None:
        table = Timetable("weekly", time(0, 30), ROME, weekday=weekday)
        sunday_night = utc("2026-11-22T23:30")
        assert table.next_after(sunday_night) == utc(start) + timedelta(minutes=-30, days=7 * (weekday == 1))

    def test_monthly_on_a_day_that_months_lack(self) -> None:
        table = Timetable("monthly", time(12, 0), ZoneInfo("UTC"), month_day=31)
        instant, found = utc("2028-01-01T00:00"), []
        for _ in range(5):
            instant = table.next_after(instant)
            found.append(instant.date().isoformat())
        assert found == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]

    def test_a_start_is_after_the_instant_itself(self) -> None:
        table = Timetable("daily", time(2, 0), ROME)
        start = table.next_after(BEGIN)
        assert table.next_after(start - timedelta(microseconds=1)) == start
        assert table.next_after(start) > start

    @pytest.mark.parametrize(
        ("zone", "instant", "began"),
        [
            ("UTC", "2026-11-22T00:00", "2026-11-22T00:00"),
            ("Asia/Karachi", "2026-11-22T18:59", "2026-11-21T19:00"),
            ("Asia/Karachi", "2026-11-22T19:00", "2026-11-22T19:00"),
            ("Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00"),  # the day began at one o'clock
        ],
    )
    def test_midnight(self, zone: str, instant: str, began: str) -> None:
        assert midnight_before(utc(instant), ZoneInfo(zone)) == utc(began)


class TestEveryZone:
    """All of them over five years; `python -m tests.unit.orchestrator.clocks` compares every start of every day."""

    def test_around_every_change(self, every_clock: Clocks) -> None:
        tally = clocks.Tally()
        for found, name in different(every_clock).items():
            for change in found[1:]:
                window = clocks.stretches(ZoneInfo(name), change.begin - AROUND, change.begin + AROUND)
                for at in {time(2, 0), *clocks.times_inside_changes(window)}:
                    tally.compare(Timetable("daily", at, ZoneInfo(name)), window, 0)
        assert len(every_clock) > 550
        assert tally.timetables > 900
        assert (tally.missed, tally.double) == (0, 0)

    def test_every_week_and_month(self, every_clock: Clocks) -> None:
        tally = clocks.Tally()
        for found, name in different(every_clock).items():
            tally.compare(Timetable("monthly", time(2, 30), ZoneInfo(name), month_day=31), found, 31)
            tally.compare(Timetable("weekly", time(2, 30), ZoneInfo(name), weekday=7), found, 7)
        assert tally.starts > 20_000
        assert (tally.missed, tally.double) == (0, 0)

    def test_a_rule_that_is_wrong_at_changes_only_is_seen(self) -> None:
        class Naive(Timetable):
            def next_after(self, instant: datetime) -> datetime:
                local = datetime.combine(instant.astimezone(self.zone).date(), self.at, self.zone)
                start = local.astimezone(UTC)
                return start if start > instant else (local + timedelta(days=1)).astimezone(UTC)

        tally = clocks.Tally()
        found = clocks.stretches(ROME, BEGIN, END)
        tally.compare(Naive("daily", time(2, 30), ROME), found, 0)
        assert (tally.missed, tally.double) == (5, 5)  # each March


@given(
    zone=st.sampled_from(["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"]),
    minutes=st.integers(0, 5 * 365 * 24 * 60),
    frequency=st.sampled_from(["daily", "weekly", "monthly"]),
    at=st.times(max_value=time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_whenever_it_is_asked_it_tells_the_first_start_that_is_to_come(
    zone: str, minutes: int, frequency: str, at: time
) -> None:
    asked = BEGIN + timedelta(minutes=minutes)
    table = Timetable(frequency, at, ZoneInfo(zone), weekday=7, month_day=31)  # type: ignore[arg-type]  # one of the three
    walked = clocks.stretches(ZoneInfo(zone), asked - AROUND, asked + timedelta(days=40))
    number = 7 if frequency == "weekly" else 31
    expected = clocks.starts(walked, at, clocks.chosen_days(table.frequency, number))
    assert table.next_after(asked) == next(start for start in expected if start > asked)


@given(
    zone=st.sampled_from(["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia"]),
    minutes=st.integers(0, 20 * 365 * 24 * 60),
)
def test_a_local_time_that_is_on_the_clock_is_found_at_its_first(zone: str, minutes: int) -> None:
    instant = utc("2010-01-01T00:00") + timedelta(minutes=minutes)
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    found = first_instant(local, ZoneInfo(zone))
    assert found.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == local
    assert found <= instant


def test_a_machine_without_zones_of_its_own_has_all_of_them() -> None:
    program = (
        "from chassis import clock; names = clock._zone_names();"
        "print(len(names), all(clock.zone_named(name).key == name for name in names))"
    )
    environment = {**os.environ, "PYTHONTZPATH": ""}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [str(len(clock._zone_names())), "True"]


class TestNames:
    @pytest.mark.parametrize("name", ["UTC", "Asia/Karachi", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
    def test_zones(self, name: str) -> None:
        assert clock.zone_named(name) == ZoneInfo(name)

    @pytest.mark.parametrize(
        "name", ["", "localtime", "Factory", "Europe", "../etc/passwd", "/etc/localtime", "Moon", "utc\0"]
    )
    def test_what_is_none(self, name: str) -> None:
        assert clock.zone_named(name) is None
