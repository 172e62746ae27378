"""Watching and steering runs, against a gateway that answers from a script."""

import io

import pytest
from rich.console import Console

from cli import look, work
from cli.api import Event
from cli.connection import Connection
from cli.errors import CommandError
from cli.follow import follow, is_over_here
from cli.runs import ACTIVE, find_run
from tests.unit.cli.fakes import FakeApi
from tests.unit.cli.given import run, stage

RUN = "0197a1b2-0000-7000-8000-000000000000"
QUOTE = {
    "id": "quote",
    "lines": [],
    "expected_credits": 12,
    "limit_credits": 14,
    "available_credits": 20,
    "expire_time": "2026-11-23T08:00:00Z",
}
USED_UP = run(status="paused", pause_reason="quote_exhausted")


def a_console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=200, force_terminal=terminal)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestFollow:
    def test_somebody_at_a_terminal_waits_through_a_pause_of_others(self) -> None:
        api = FakeApi(
            [run(), run(status="paused", pause_reason="paused_by_user"), run(), run(status="completed")],
            [[Event("run_paused", "4"), Event("run_resumed", "5"), Event("run_completed", "6")]],
        )
        states = [state["status"] for state in follow(api, RUN, until=is_over_here, sleep=lambda _: None)]
        assert states == ["running", "paused", "running", "completed"]

    def test_a_stage_that_closes_is_seen_at_once(self) -> None:
        api = FakeApi([run(), run(items_done=1), run(status="completed")], [[Event("stage_closed", "2")], []])
        states = [state["items_done"] for state in follow(api, RUN, clock=lambda: 0.0, sleep=lambda _: None)]
        assert states == [0, 1, 0]


class TestWatch:
    def test_elsewhere_a_pause_ends_it_with_what_to_do(self) -> None:
        console = a_console(terminal=False)
        with pytest.raises(CommandError, match="run_1 is not finished"):
            work.watch(FakeApi([USED_UP]), RUN, console, lambda: True)
        assert "`igny8 resume run_1` asks for a quote" in printed(console)

    @pytest.mark.parametrize(("held", "said"), [(2, True), (0, False)])
    def test_ideas_that_wait_for_a_person_are_told_after_a_run(self, held: int, said: bool) -> None:
        ended = run(stage(2, "generate_ideas"), status="completed")
        api, console = FakeApi([ended], pages={"/ideas": {"total_size": held}}), a_console(terminal=False)
        work.watch(api, RUN, console)
        assert (f"{held} ideas are held back" in printed(console)) is said
        assert work.HELD_BACK in [query.get("filter") for query in api.queries]

    def test_on_a_terminal_what_is_left_is_offered_and_goes_on_when_agreed_to(self) -> None:
        api = FakeApi([USED_UP, run(status="completed")], posted={"runs:quote": QUOTE})
        console = a_console(terminal=True)
        assert work.watch(api, RUN, console, lambda: True)["status"] == "completed"
        assert api.posts == [
            ("/v1/sites/site/runs:quote", {"run_id": RUN}),
            (f"/v1/runs/{RUN}:resume", {"quote_id": "quote"}),
        ]

    def test_what_is_not_agreed_to_leaves_the_run_paused(self) -> None:
        api = FakeApi([USED_UP], posted={"runs:quote": QUOTE})
        with pytest.raises(CommandError, match="not finished"):
            work.watch(api, RUN, a_console(terminal=True), lambda: False)
        assert [path for path, _ in api.posts] == ["/v1/sites/site/runs:quote"]

    def test_a_cancelled_run_is_told_when_what_was_under_way_has_ended(self) -> None:
        api = FakeApi(
            [run(status="cancelled", captured_credits=3), run(status="cancelled", captured_credits=9)],
            pages={"/steps": {"total_size": 0, "steps": []}},
        )
        console = a_console(terminal=False)
        with pytest.raises(CommandError, match="was cancelled"):
            work.watch(api, RUN, console)
        assert " 9 " in printed(console)

    def test_failed_steps_are_told_with_the_command_that_helps(self) -> None:
        step = {
            "function": "generate_content", "stage": 4, "error_reason": "AWAY", "label": "Burr grinders",
            "error": "The provider is away.", "replay_run_id": "",
        }  # fmt: skip
        done = run(stage(4, "generate_content", failed=1), status="completed")
        api = FakeApi([done], pages={"/steps": {"steps": [step]}})
        console = a_console(terminal=False)
        work.watch(api, RUN, console)
        assert "1 failed in 4 tasks to content (AWAY), for example Burr grinders:" in printed(console)
        assert "igny8 replay run_1 --function generate_content" in printed(console)


class TestStart:
    def test_nothing_to_do_starts_nothing(self) -> None:
        api = FakeApi([{}], posted={"runs:quote": QUOTE})
        assert work.start(Connection(api, "site"), {}, "", a_console(terminal=False), lambda: True) is None
        assert [path for path, _ in api.posts] == ["/v1/sites/site/runs:quote"]

    def test_work_without_a_price_needs_no_quote(self) -> None:
        api = FakeApi([{}])
        plan = {"function": "create_tasks"}
        work.start(Connection(api, "site"), plan, "", a_console(terminal=False), lambda: False)
        assert api.posts == [("/v1/sites/site/runs", {"plan": plan})]

    def test_too_few_credits_are_said_before_anybody_is_asked(self) -> None:
        line = {
            "stage": 4, "function": "generate_content", "items": 1, "basis": "queue", "operation": "content",
            "expected_credits": 12, "limit_credits": 14, "unit_size": 100, "unit": "words", "unit_credits": 1,
            "skip_reason": "",
        }  # fmt: skip
        api = FakeApi([{}], posted={"runs:quote": {**QUOTE, "lines": [line], "available_credits": 3}})
        console = a_console(terminal=False)
        with pytest.raises(CommandError, match="too few credits"):
            work.start(Connection(api, "site"), {}, "", console, lambda: pytest.fail("asked"))
        assert "may need 11 more" in printed(console)


class TestResume:
    def test_a_used_up_quote_is_followed_by_one_for_what_is_left(self) -> None:
        api = FakeApi([USED_UP], posted={"runs:quote": QUOTE})
        work.resume(api, RUN, "", a_console(terminal=False), lambda: True)
        assert api.posts[-1] == (f"/v1/runs/{RUN}:resume", {"quote_id": "quote"})

    def test_anything_else_just_goes_on(self) -> None:
        api = FakeApi([run(status="paused", pause_reason="daily_limit_reached")])
        work.resume(api, RUN, "", a_console(terminal=False), lambda: pytest.fail("asked"))
        assert api.posts == [(f"/v1/runs/{RUN}:resume", {"quote_id": ""})]


class TestReplay:
    def test_what_failed_is_quoted_and_done_again(self) -> None:
        api = FakeApi([], posted={"steps:quoteReplay": QUOTE, "/runs": run()})
        started = work.replay(Connection(api, "site"), RUN, "generate_ideas", a_console(terminal=False), lambda: True)
        assert started == run()
        assert api.posts == [
            ("/v1/sites/site/steps:quoteReplay", {"run_id": RUN, "function": "generate_ideas"}),
            ("/v1/sites/site/runs", {"quote_id": "quote"}),
        ]

    def test_nothing_starts_that_was_not_agreed_to(self) -> None:
        api = FakeApi([], posted={"steps:quoteReplay": QUOTE})
        assert work.replay(Connection(api, "site"), RUN, "", a_console(terminal=False), lambda: False) is None
        assert len(api.posts) == 1


class TestFindRun:
    def test_an_id_is_taken_as_it_is(self) -> None:
        assert find_run(Connection(FakeApi([]), ""), RUN) == RUN

    def test_a_name_is_looked_up_at_the_site(self) -> None:
        api = FakeApi([], pages={"/runs": {"runs": [run()]}})
        assert find_run(Connection(api, "site"), "run_1") == RUN
        assert api.queries[-1]["filter"] == 'name = "run_1"'

    def test_the_only_one_that_can_be_meant_needs_no_name(self) -> None:
        api = FakeApi([], pages={"/runs": {"runs": [run()]}})
        assert find_run(Connection(api, "site"), "", ACTIVE) == RUN
        assert api.queries[-1]["filter"] == 'status = "running" OR status = "paused"'

    @pytest.mark.parametrize(
        ("named", "statuses", "found", "says"),
        [
            ("", ("paused",), [], "No run of the site is paused"),
            ("run_9", (), [], "called 'run_9'"),
            ("", (), [], "was ever started"),
            ("run_1", (), [run(), run()], "by its id"),
        ],
    )
    def test_none_or_several_are_said(
        self, named: str, statuses: tuple[str, ...], found: list[dict[str, object]], says: str
    ) -> None:
        with pytest.raises(CommandError, match=says):
            find_run(Connection(FakeApi([], pages={"/runs": {"runs": found}}), "site"), named, statuses)


class TestLook:
    def test_a_log_is_printed_as_it_stands(self) -> None:
        api = FakeApi(
            [], pages={"/log": {"lines": ["2026-11-22 08:00:00 run_started: [bold] started."], "position": 1}}
        )
        console = a_console(terminal=False)
        look.show_log(api, RUN, 10, console, on=False)
        assert printed(console) == "2026-11-22 08:00:00 run_started: [bold] started.\n"

    def test_a_pipeline_says_what_waits_is_not_known(self) -> None:
        first = {
            "stage": 1, "function": "cluster_keywords", "waiting": 1, "waiting_quantity": 59, "skip_reason": "",
            "queued": 0, "running": 0, "failed": 0, "done": 2,
        }  # fmt: skip
        away = {**first, "stage": 2, "function": "generate_ideas", "waiting": None, "waiting_quantity": None}
        api = FakeApi([], pages={"/pipeline": {"stages": [first, away]}, "/processing": {"runs": [], "steps": []}})
        console = a_console(terminal=False)
        look.show_pipeline(Connection(api, "site"), console)
        assert "59 keywords" in printed(console)
        assert "not known" in printed(console)
