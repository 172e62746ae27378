import io
from typing import Any

import pytest
from rich.console import Console

from cli.demo import check, site_root
from cli.errors import DemoFailed
from cli.remote import plan_of
from cli.screen import RunProgress, quote_table, seconds_of, stage_name, stages_table


def stage(number: int, function: str, **more: object) -> dict[str, Any]:
    zero = dict.fromkeys(("planned", "succeeded", "failed", "cancelled", "credits", "made", "left"), 0)
    times = {"start_time": "2026-11-22T08:00:00Z", "end_time": "2026-11-22T08:00:02.500000Z"}
    return {"stage": number, "function": function, "state": "closed", "skip_reason": "", **zero, **times, **more}


def run(*stages: dict[str, Any]) -> dict[str, Any]:
    times = {"create_time": "2026-11-22T08:00:00Z", "end_time": None}
    return {"name": "run_1", "status": "running", "captured_credits": 22, "stages": list(stages), **times}


def printed(*things: Any) -> str:
    console = Console(file=io.StringIO(), width=100)
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestTables:
    def test_a_quote_has_a_line_for_each_stage_and_the_sum(self) -> None:
        line = {"stage": 2, "function": "generate_ideas", "items": 40, "expected_credits": 240, "limit_credits": 288}
        text = printed(quote_table({"lines": [line], "expected_credits": 240, "limit_credits": 288}))
        assert "2 clusters to ideas" in text
        assert "288" in text

    def test_a_run_shows_what_the_caps_left(self) -> None:
        text = printed(stages_table(run(stage(4, "generate_content", succeeded=10, made=10, left=110, credits=143))))
        assert "4 tasks to content" in text
        assert "110" in text
        assert "2.5" in text

    def test_a_job_by_hand_has_no_stage_number(self) -> None:
        assert stage_name(stage(0, "import_keywords")) == "keywords from the file"

    def test_a_function_of_a_newer_gateway_is_shown_by_its_own_name(self) -> None:
        assert stage_name(stage(8, "link_contents")) == "8 link_contents"

    def test_what_has_not_ended_has_no_duration(self) -> None:
        assert seconds_of(run()) is None


class TestProgressWithoutTerminal:
    def test_says_each_stage_once_when_it_has_closed(self) -> None:
        console = Console(file=io.StringIO(), width=100)
        closed = stage(1, "cluster_keywords", planned=1, succeeded=1, credits=22)
        with RunProgress(console) as progress:
            progress.show(run(stage(1, "cluster_keywords", state="open", end_time=None)))
            progress.show(run(closed))
            progress.show(run(closed))
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue().split("\n") == ["  1 keywords to clusters: 1 of 1 in 2.5 s (22 credits)", ""]


REPORT = {
    "clusters": 1,
    "ideas": 1,
    "contents": 1,
    "publications": 1,
    "credits_quoted": 10,
    "credits_captured": 8,
    "credits_held": 0,
    "ledger_ok": True,
}


class TestDemoCheck:
    def test_a_good_end_is_let_through(self) -> None:
        check(REPORT, run(stage(1, "cluster_keywords")), [])

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"ledger_ok": False}, "balance differs"),
            ({"credits_held": 3}, "3 credits are still held"),
            ({"credits_captured": 11}, "more was captured than quoted"),
            ({"publications": 0}, "publications"),
        ],
    )
    def test_a_bad_one_says_what_is_wrong(self, change: dict[str, object], says: str) -> None:
        with pytest.raises(DemoFailed, match=says):
            check({**REPORT, **change}, run(), ["balance differs"])

    def test_failed_steps_are_a_bad_end(self) -> None:
        with pytest.raises(DemoFailed, match="2 steps of generate_image failed"):
            check(REPORT, run(stage(6, "generate_image", failed=2)), [])


@pytest.mark.parametrize(
    ("urls", "root"),
    [
        (["http://h:1/coffee/a/", "http://h:1/coffee/b/"], "http://h:1/coffee/"),
        (["http://h:1/coffee/a/x.html", "http://h:1/coffee/b/y.html"], "http://h:1/coffee/"),
        (["http://h:1/a/"], "http://h:1/"),
        ([], "http://sites"),
    ],
)
def test_the_site_is_what_its_pages_addresses_have_in_common(urls: list[str], root: str) -> None:
    assert site_root([{"external_url": url} for url in urls], "http://sites") == root


def test_a_plan_says_what_the_options_said() -> None:
    plan = plan_of("1, 2", 40, 3, 10, 3, 0, approve=True, publish=False)
    assert (plan["stages"], plan["max_clusters"], plan["auto_approve"]) == ([1, 2], 40, True)
