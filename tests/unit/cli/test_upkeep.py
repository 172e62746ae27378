"""What operators see of the platform's periodic work."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli import upkeep
from cli.api import Api
from cli.errors import CommandError

OLD, ASKED = "2026-11-22T08:00:00.000001Z", "2026-11-22T09:00:00.5Z"
AFTER, END = "2026-11-22T09:00:01Z", "2026-11-22T09:00:02Z"


def task(start: str | None, end: str | None, **values: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    return {
        "name": "reconcile",
        "last_start_time": start,
        "last_end_time": end,
        "next_time": ASKED,
        "last_result": result,
        "last_error": "",
        **values,
    }


class Platform(Api):
    """Answers with one state of the task after the other."""

    def __init__(self, *states: dict[str, Any]) -> None:
        super().__init__("http://127.0.0.1:1")
        self._states: Iterator[dict[str, Any]] = iter(states)
        self._last = states[-1]

    def get(self, path: str, **query: object) -> dict[str, Any]:
        del path, query
        return {"maintenance_tasks": [next(self._states, self._last)]}

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        del body
        assert path == "/v1/maintenance-tasks/reconcile:run"
        return task(OLD, OLD)


def done(**result: Any) -> dict[str, Any]:
    compared = [{"what": "captures = done steps", "count": 1200, "differences": len(result.get("differences", []))}]
    default = {"compared": compared, "differences": [], "difference_count": 0, "ended_credits": 0}
    return task(AFTER, END, last_result={**default, **result})


def reconcile(api: Api) -> tuple[bool, str]:
    console = Console(file=StringIO(), width=160)
    agrees = upkeep.reconcile(api, console, 5.0)
    output = console.file
    assert isinstance(output, StringIO)
    return agrees, output.getvalue()


class TestReconcile:
    def test_says_what_was_compared_and_that_nothing_differs(self) -> None:
        agrees, output = reconcile(Platform(done()))
        assert agrees
        assert "captures = done steps" in output
        assert "1,200" in output
        assert "Nothing differs." in output

    def test_names_every_difference(self) -> None:
        difference = {
            "what": "captures = done steps",
            "subject": "step 7",
            "booked": 6,
            "counted": 7,
            "account_id": "a1",
        }
        agrees, output = reconcile(Platform(done(differences=[difference], difference_count=105, ended_credits=3)))
        assert not agrees
        assert "captures = done steps: step 7: booked 6, counted 7 (account a1)" in output
        assert "... and 104 more" in output
        assert "3 credits that ended steps still held are free now." in output
        assert "105 differences." in output

    def test_waits_for_the_end_of_the_one_that_was_asked_for(self) -> None:
        before, at_work = task(OLD, OLD), task(AFTER, OLD)
        assert reconcile(Platform(before, at_work, done()))[0]

    def test_what_could_not_be_compared_is_not_called_equal(self) -> None:
        with pytest.raises(CommandError, match="Billing is away"):
            reconcile(Platform(task(AFTER, END, last_error="Billing is away.")))

    def test_gives_up_in_time_and_says_where_to_look(self) -> None:
        seconds = iter(range(100))
        with pytest.raises(CommandError, match="igny8 admin tasks"):
            upkeep.run(Platform(task(OLD, OLD)), "reconcile", 5.0, clock=lambda: next(seconds), sleep=lambda _: None)


class TestOperator:
    def test_needs_a_gateway_and_a_key(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="igny8 up"):
            upkeep.operator(tmp_path, "", "")
        with pytest.raises(CommandError, match="--operator-key"):
            upkeep.operator(tmp_path, "http://elsewhere.example", "")

    def test_the_local_key_is_not_sent_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "operator.key").write_text("secret")
        with pytest.raises(CommandError, match="--operator-key"):
            upkeep.operator(tmp_path, "http://elsewhere.example", "")
