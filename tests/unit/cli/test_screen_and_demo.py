import io
from typing import Any

import pytest
from rich.console import Console

from cli.demo import check, site_root
from cli.errors import DemoFailed
from cli.progress import RunProgress
from cli.screen import quote_notes, quote_table, runs_table, stages_table
from cli.words import seconds_of, stage_name
from tests.unit.cli.given import run, stage


def quote_line(number: int, function: str, **more: object) -> dict[str, Any]:
    words = dict.fromkeys(("operation", "unit", "basis", "skip_reason"), "")
    numbers = dict.fromkeys(("items", "expected_credits", "limit_credits", "unit_size", "unit_credits"), 0)
    return {"stage": number, "function": function, **words, **numbers, **more}


def printed(*things: Any) -> str:
    console = Console(file=io.StringIO(), width=100)
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestTables:
    def test_a_quote_has_a_line_for_each_stage_and_the_sum(self) -> None:
        lines = [
            quote_line(2, "generate_ideas", items=40, expected_credits=240, limit_credits=288, basis="platform"),
            quote_line(
                4, "generate_content", operation="content", unit_size=100, unit="words", unit_credits=1, items=1
            ),
            quote_line(6, "generate_image", skip_reason="images_per_article is 0: this run makes no pictures"),
        ]
        quote = {"lines": lines, "expected_credits": 240, "limit_credits": 288}
        text = printed(quote_table(quote))
        assert "2 clusters to ideas" in text
        assert "288" in text
        assert "1 / 100 words" in text
        notes = quote_notes(quote)
        assert notes[0] == "6 image prompts to images: images_per_article is 0: this run makes no pictures"
        assert notes[1].startswith("platform: ")

    def test_tables_fit_a_small_terminal(self) -> None:
        numbers = {
            "planned": 450,
            "succeeded": 450,
            "made": 1350,
            "left": 1200,
            "credits": 1350,
            "waiting_at_start": 450,
        }
        whole = stages_table(run(stage(5, "generate_image_prompts", **numbers)))
        line = quote_line(
            5, "generate_image_prompts", items=450, operation="image_prompt", basis="platform", unit_size=20,
            unit="keywords", unit_credits=1, expected_credits=12345, limit_credits=12345,
        )  # fmt: skip
        quote = {"lines": [line], "expected_credits": 12345, "limit_credits": 12345}
        for table in (whole, quote_table(quote)):
            console = Console(file=io.StringIO(), width=200)
            assert console.measure(table).maximum <= 80

    def test_runs_say_why_they_are_paused_and_how_far_they_are(self) -> None:
        paused = run(status="paused", pause_reason="quote_exhausted", current_stage=4, items_done=3, items_expected=10)
        text = printed(runs_table("Runs", [paused]))
        assert "paused: quote_exhausted" in text
        assert "stage 4, 3 of 10 items, 22 of 100 credits" in text

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

    def test_says_now_and_then_how_far_it_is(self) -> None:
        console, time = Console(file=io.StringIO(), width=100), [0.0]
        with RunProgress(console, clock=lambda: time[0]) as progress:
            for at, done in ((1.0, 1), (20.0, 2), (21.0, 3), (40.0, 3), (60.0, 3)):
                time[0] = at
                progress.show(run(items_done=done, items_expected=10, remaining_s=90.0))
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue().splitlines() == [
            "  2 of 10 items, 22 of 100 credits, about 90 s left",
            "  3 of 10 items, 22 of 100 credits, about 90 s left",
        ]


class TestProgressOnATerminal:
    def test_shows_every_stage_and_how_far_all_of_it_is(self) -> None:
        console = Console(file=io.StringIO(), width=120, force_terminal=True)
        open_one = stage(
            4, "generate_content", state="open", planned=10, succeeded=3, failed=1, end_time=None, credits=9
        )
        coming = stage(5, "generate_image_prompts", state="pending", expected=10, start_time=None, end_time=None)
        with RunProgress(console) as progress:
            progress.show(run(open_one, coming, items_done=4, items_expected=20, remaining_s=300.0))
            console.print(progress.render())
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        for words in ("4 of 10", "~10", "9 credits, 1 failed", "4 of 20 items, 22 of 100 credits, about 5 min left"):
            assert words in text


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
