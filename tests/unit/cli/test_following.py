from typing import Any

import pytest

from cli.api import Event, Refused
from cli.errors import Unreachable
from cli.follow import PATIENCE_S, follow
from tests.unit.cli.fakes import FakeApi


def run(status: str) -> dict[str, Any]:
    return {"status": status, "stages": []}


class Time:
    """Monotonic seconds that pass by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def statuses(api: FakeApi) -> list[str]:
    time = Time()
    return [state["status"] for state in follow(api, "run", clock=time.clock, sleep=time.sleep)]


class TestFollow:
    def test_ends_with_the_run(self) -> None:
        api = FakeApi([run("running"), run("completed")], [[Event("run_completed", "7")]])
        assert statuses(api) == ["running", "completed"]

    @pytest.mark.parametrize("status", ["paused", "cancelled", "failed"])
    def test_ends_where_a_run_goes_on_no_further_by_itself(self, status: str) -> None:
        assert statuses(FakeApi([run(status)])) == [status]

    def test_asks_again_where_the_stream_fails(self) -> None:
        api = FakeApi([run("running"), run("running"), run("completed")], [Unreachable("gone"), Unreachable("gone")])
        assert statuses(api)[-1] == "completed"

    def test_resumes_the_stream_from_the_last_event(self) -> None:
        api = FakeApi(
            [run("running"), run("running"), run("running"), run("completed")],
            [[Event("run_resumed", "7")], [Event("run_completed", "9")]],
        )
        assert statuses(api)[-1] == "completed"
        assert api.resumed_after == ["", "7"]

    def test_waits_for_a_gateway_that_restarts(self) -> None:
        api = FakeApi([Unreachable("gone"), Refused(503, {}), run("completed")])
        assert statuses(api) == ["completed"]

    def test_gives_up_after_a_minute_without_an_answer(self) -> None:
        time = Time()
        with pytest.raises(Unreachable):
            list(follow(FakeApi([Unreachable("gone")]), "run", clock=time.clock, sleep=time.sleep))
        assert time.now >= PATIENCE_S

    def test_a_run_that_is_not_there_is_said_at_once(self) -> None:
        with pytest.raises(Refused):
            statuses(FakeApi([Refused(404, {"detail": "There is no run."})]))


class TestRefused:
    def test_names_every_field(self) -> None:
        violations = [{"field": "plan.stages", "description": "must be 1 to 7"}]
        text = str(Refused(400, {"detail": "The request is wrong.", "violations": violations}))
        assert "plan.stages: must be 1 to 7" in text

    def test_says_a_field_once_when_the_detail_does_already(self) -> None:
        violations = [{"field": "page_size", "description": "must be positive"}]
        text = str(Refused(400, {"detail": "page_size: must be positive", "violations": violations}))
        assert text.count("page_size") == 1

    def test_a_fault_of_the_platform_gives_the_request_id(self) -> None:
        assert "0197" in str(Refused(500, {"detail": "Something went wrong.", "request_id": "0197"}))

    def test_an_answer_that_is_no_problem_document_gives_the_status(self) -> None:
        assert "502" in str(Refused(502, {}))
