"""What is said of a schedule on the command line, and what that changes."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli import schedule
from cli.api import Api, Json
from cli.errors import CommandError

SETTINGS: Json = {
    "enabled": True,
    "frequency": "weekly",
    "weekday": 1,
    "month_day": 31,
    "local_time": "02:00",
    "time_zone": "Asia/Karachi",
    "next_run_time": "2026-11-22T21:00:00Z",
    "last_run_time": None,
    "last_outcome": "",
    "catch_up": "once",
    "daily_credits": 0,
}


class Gateway(Api):
    """Notes what it is asked."""

    def __init__(self) -> None:
        super().__init__("http://gateway.test")
        self.asked: list[tuple[Any, ...]] = []

    def get(self, path: str, **query: object) -> Json:
        self.asked.append(("GET", path, *query))
        return SETTINGS

    def post(self, path: str, body: Json | None = None) -> Json:
        self.asked.append(("POST", path, body))
        return SETTINGS

    def patch(self, path: str, body: Json) -> Json:
        self.asked.append(("PATCH", path, body))
        return SETTINGS


def shown(**changes: Any) -> str:
    output = StringIO()
    schedule.show({**SETTINGS, **changes}, Console(file=output, width=120))
    return output.getvalue()


class TestShown:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "every Monday at 02:00, Asia/Karachi"),
            ({"frequency": "daily", "time_zone": ""}, "every day at 02:00, the account's time zone"),
            ({"frequency": "monthly"}, "every month on day 31, or its last at 02:00"),
            ({}, "2026-11-22 21:00:00"),
            ({"enabled": False, "next_run_time": None}, "no; switch it on with --on"),
            ({"last_outcome": "skipped: run_1 is paused"}, "skipped: run_1 is paused"),
            ({"catch_up": "skip"}, "are left out"),
            ({"daily_credits": 200}, "200"),
        ],
    )
    def test_says_when_and_what_became_of_it(self, changes: dict[str, Any], words: str) -> None:
        assert words in shown(**changes)


class TestAsked:
    @pytest.mark.parametrize(
        ("every", "changes"),
        [
            ("", {}),
            ("day", {"frequency": "daily"}),
            ("Sunday", {"frequency": "weekly", "weekday": 7}),
            ("31", {"frequency": "monthly", "month_day": 31}),
        ],
    )
    def test_days_are_said_in_one_word(self, every: str, changes: Json) -> None:
        assert schedule.asked(every, "", {}) == changes

    def test_what_was_not_said_is_not_changed(self) -> None:
        said = {"local_time": "", "daily_credits": 0, "enabled": None, "plan": {"max_articles": 3}}
        assert schedule.asked("", "", said) == {"daily_credits": 0, "plan": {"max_articles": 3}}

    @pytest.mark.parametrize(("zone", "stored"), [("Asia/Karachi", "Asia/Karachi"), ("account", "")])
    def test_a_zone_of_its_own_or_the_accounts(self, zone: str, stored: str) -> None:
        assert schedule.asked("", zone, {}) == {"time_zone": stored}

    def test_what_is_no_day_says_what_is(self) -> None:
        with pytest.raises(CommandError, match="a weekday such as monday"):
            schedule.asked("someday", "", {})

    @pytest.mark.parametrize("text", ["{", "[]", "7"])
    def test_a_plan_is_an_object(self, text: str) -> None:
        with pytest.raises(CommandError, match="--plan"):
            schedule._plan(text)

    def test_only_what_was_said_is_changed(self) -> None:
        gateway = Gateway()
        schedule.apply(gateway, "/v1/sites/s/automation", {"enabled": True}, reset=False)
        assert gateway.asked == [("PATCH", "/v1/sites/s/automation", {"enabled": True})]

    def test_nothing_said_changes_nothing(self) -> None:
        gateway = Gateway()
        schedule.apply(gateway, "/v1/sites/s/automation", {}, reset=False)
        assert gateway.asked == [("GET", "/v1/sites/s/automation")]

    def test_a_reset_comes_before_what_is_changed(self) -> None:
        gateway = Gateway()
        schedule.apply(gateway, "/v1/sites/s/automation", {"local_time": "03:00"}, reset=True)
        assert [method for method, *_ in gateway.asked] == ["POST", "PATCH"]
