"""What the command says, and what its options mean."""

from typing import Any

import pytest
import typer

from cli.plans import PlanOptions, runs_filter
from cli.runs import failed_lines
from cli.words import about, how_far, what_now
from tests.unit.cli.given import run


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "about a second"), (40, "about 40 s"), (119, "about 119 s"), (300, "about 5 min"), (7300, "about 2 h")],
)
def test_a_length_of_time_is_said_roughly(seconds: float, said: str) -> None:
    assert about(seconds) == said


class TestHowFar:
    def test_a_run_that_costs_nothing_says_nothing_of_credits(self) -> None:
        assert how_far(run(quoted_credits=0, items_done=1, items_expected=3)) == "1 of 3 items"

    def test_only_a_running_run_has_time_left(self) -> None:
        assert "left" in how_far(run(remaining_s=30.0))
        assert "left" not in how_far(run(status="paused", remaining_s=30.0))

    def test_more_than_expected_is_not_more_than_all(self) -> None:
        assert how_far(run(items_done=5, items_expected=3)).startswith("5 of 5 items")


class TestWhatNow:
    @pytest.mark.parametrize(
        ("reason", "says"),
        [
            ("paused_by_user", "`igny8 resume run_1`"),
            ("quote_exhausted", "`igny8 resume run_1` asks for a quote for what is left"),
            ("paused_insufficient_credits", "goes on by itself when there are more"),
            ("daily_limit_reached", "goes on by itself at"),
        ],
    )
    def test_every_pause_says_what_goes_on_with_it(self, reason: str, says: str) -> None:
        assert says in what_now(run(status="paused", pause_reason=reason, resume_time="2026-11-23T00:00:00Z"))


def failed(function: str, reason: str, label: str, **more: object) -> dict[str, Any]:
    words = f"{label} failed. When that is put right, replay the step."
    step = {
        "function": function,
        "stage": 4,
        "error_reason": reason,
        "label": label,
        "error": words,
        "replay_run_id": "",
    }
    return {**step, **more}


class TestFailedLines:
    def test_steps_are_grouped_by_reason_with_an_example_and_the_command_that_helps(self) -> None:
        steps = [
            failed("generate_content", "WRONG_STATE", "One"),
            failed("generate_content", "PROVIDER_UNAVAILABLE", "Two"),
            failed("generate_content", "PROVIDER_UNAVAILABLE", "Three"),
        ]
        assert failed_lines(run(), steps) == [
            "2 failed in 4 tasks to content (PROVIDER_UNAVAILABLE), for example Two:",
            "    Two failed. When that is put right, replay the step.",
            "1 failed in 4 tasks to content (WRONG_STATE), for example One:",
            "    One failed. When that is put right, replay the step.",
            "Do them again with `igny8 replay run_1 --function generate_content`.",
        ]

    def test_what_was_done_again_is_no_longer_told(self) -> None:
        assert failed_lines(run(), [failed("generate_content", "WRONG_STATE", "One", replay_run_id="0197")]) == []

    def test_a_stage_that_could_not_be_planned_is_not_replayed(self) -> None:
        [told, _] = failed_lines(run(), [failed("plan_stage", "INVALID_ARGUMENT", "Plan generate_ideas")])
        assert "planning" in told


class TestPlan:
    def test_says_what_the_options_said(self) -> None:
        plan = PlanOptions(stages="1, 2", max_clusters=40, caps=["6=20", "4=3"], approve=True).plan()
        assert (plan["stages"], plan["max_clusters"], plan["auto_approve"]) == ([1, 2], 40, True)
        assert plan["stage_caps"] == [{"stage": 6, "max_items": 20}, {"stage": 4, "max_items": 3}]
        assert "function" not in plan

    def test_a_single_action_names_its_rows(self) -> None:
        plan = PlanOptions(function="cluster_keywords", subjects="a, b,", options='{"keyword_ids": ["k"]}').plan()
        assert (plan["function"], plan["subject_ids"]) == ("cluster_keywords", ["a", "b"])
        assert plan["options"] == {"keyword_ids": ["k"]}
        assert "stages" not in plan

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            (PlanOptions(stages="one"), "--stages"),
            (PlanOptions(caps=["6"]), "--cap"),
            (PlanOptions(caps=["6=-1"]), "--cap"),
            (PlanOptions(subjects="a"), "--function"),
            (PlanOptions(stages="4", function="generate_content"), "--stages and --function"),
            (PlanOptions(function="generate_content", options="{"), "--options"),
            (PlanOptions(function="generate_content", options="[]"), "--options"),
        ],
    )
    def test_what_is_wrong_is_said(self, options: PlanOptions, says: str) -> None:
        with pytest.raises(typer.BadParameter, match=says):
            options.plan()


class TestRunsFilter:
    def test_all_by_default(self) -> None:
        assert runs_filter("", "") == ""

    def test_of_a_state_since_a_moment(self) -> None:
        expected = 'status = "failed" AND create_time >= "2026-11-22T05:00:00+00:00"'
        assert runs_filter("failed", "2026-11-22T10:00:00+05:00") == expected

    def test_a_day_that_is_none_is_refused(self) -> None:
        with pytest.raises(typer.BadParameter, match="--since"):
            runs_filter("", "yesterday")
