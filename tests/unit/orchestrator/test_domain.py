"""The stage table, plans, what is done about failures, and how long to wait."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Kind
from services.orchestrator.domain.failures import (
    BACKOFF_MAX_S,
    GARBAGE_ATTEMPTS_MAX,
    TRANSIENT_ATTEMPTS_MAX,
    ErrorKind,
    Verdict,
    backoff_s,
    is_refusal,
    judge,
    kind_of,
    last_words,
    wait_s,
)
from services.orchestrator.domain.plan import Plan, run_name
from services.orchestrator.domain.stages import (
    FUNCTIONS,
    LANES,
    RENEWALS,
    STAGE_TABLE,
    function_named,
    functions_of,
)
from services.orchestrator.errors import UnknownFunction

KINDS = [kind.name for kind in Kind]
AUTOMATION = (
    "cluster_keywords", "generate_ideas", "create_tasks", "generate_content", "generate_image_prompts",
    "generate_image", "approve_content", "publish_content",
)  # fmt: skip


class TestJudge:
    @pytest.mark.parametrize(
        ("reason", "kind", "attempts", "held_by_others", "verdict"),
        [
            ("INSUFFICIENT_CREDITS", "RESOURCE_EXHAUSTED", 0, 0, Verdict("pause", "paused_insufficient_credits")),
            ("INSUFFICIENT_CREDITS", "RESOURCE_EXHAUSTED", 0, 5, Verdict("wait")),
            ("QUOTE_EXHAUSTED", "FAILED_PRECONDITION", 0, 0, Verdict("pause", "quote_exhausted")),
            ("QUOTE_EXHAUSTED", "FAILED_PRECONDITION", 99, 1, Verdict("wait")),
            ("PROVIDER_UNAVAILABLE", "UNAVAILABLE", 0, 0, Verdict("again")),
            ("PROVIDER_UNAVAILABLE", "UNAVAILABLE", TRANSIENT_ATTEMPTS_MAX - 2, 0, Verdict("again")),
            ("PROVIDER_UNAVAILABLE", "UNAVAILABLE", TRANSIENT_ATTEMPTS_MAX - 1, 0, Verdict("fail")),
            ("PROVIDER_RATE_LIMITED", "RESOURCE_EXHAUSTED", 0, 0, Verdict("again")),
            ("INTERNAL", "INTERNAL", 0, 0, Verdict("again")),
            ("INTERNAL", "INTERNAL", TRANSIENT_ATTEMPTS_MAX - 1, 0, Verdict("fail")),
            ("ANSWER_TRUNCATED", "FAILED_PRECONDITION", 0, 0, Verdict("again")),
            ("ANSWER_MALFORMED", "FAILED_PRECONDITION", GARBAGE_ATTEMPTS_MAX - 2, 0, Verdict("again")),
            ("UNUSABLE_ANSWER", "FAILED_PRECONDITION", GARBAGE_ATTEMPTS_MAX - 1, 0, Verdict("fail")),
            ("CALL_IN_FLIGHT", "ABORTED", 50, 0, Verdict("retry")),
            ("QUOTE_REPLACED", "ABORTED", 50, 0, Verdict("retry")),
            ("UNAVAILABLE", "UNAVAILABLE", 50, 0, Verdict("retry")),
            ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", 50, 0, Verdict("retry")),
            ("WRONG_STATE", "FAILED_PRECONDITION", 0, 0, Verdict("fail")),
            ("NOT_FOUND", "NOT_FOUND", 0, 0, Verdict("fail")),
            ("INVALID_ARGUMENT", "INVALID_ARGUMENT", 0, 0, Verdict("fail")),
        ],
    )
    def test_table(self, reason: str, kind: str, attempts: int, held_by_others: int, verdict: Verdict) -> None:
        assert judge(reason, kind, attempts, held_by_others=held_by_others) == verdict

    @given(st.text(), st.sampled_from(KINDS), st.integers(0, 1000))
    def test_only_a_lack_of_credits_pauses(self, reason: str, kind: str, attempts: int) -> None:
        assert judge(reason, kind, attempts).action in {"retry", "again", "fail"}

    @given(st.sampled_from(["PROVIDER_UNAVAILABLE", "UNUSABLE_ANSWER", "INTERNAL"]), st.sampled_from(KINDS))
    def test_a_model_is_not_asked_for_ever(self, reason: str, kind: str) -> None:
        assert judge(reason, kind, TRANSIENT_ATTEMPTS_MAX).action != "again"

    @pytest.mark.parametrize("reason", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CALL_IN_FLIGHT"])
    def test_an_outage_is_waited_out_for_about_half_an_hour(self, reason: str) -> None:
        chance, waited, failures = random.Random(5), 0.0, 0  # noqa: S311 - spreads retries
        while judge(reason, "UNAVAILABLE", 0, failures=failures).action == "retry":
            waited, failures = waited + wait_s(failures, None, chance), failures + 1
        assert 20 * 60 < waited < 40 * 60

    @given(st.integers(0, 10**6), st.floats(0, 10**9), st.integers())
    def test_nobody_is_made_to_wait_for_longer_than_ten_minutes(self, failures: int, asked: float, seed: int) -> None:
        waited = wait_s(failures, asked, random.Random(seed))  # noqa: S311 - spreads retries
        assert min(asked, 600) <= waited <= 600


class TestKindOf:
    @pytest.mark.parametrize(
        ("reason", "code", "kind"),
        [
            ("INSUFFICIENT_CREDITS", "FAILED_PRECONDITION", "budget"),
            ("QUOTE_EXHAUSTED", "FAILED_PRECONDITION", "budget"),
            ("PROVIDER_RATE_LIMITED", "RESOURCE_EXHAUSTED", "transient"),
            ("UNUSABLE_ANSWER", "FAILED_PRECONDITION", "transient"),
            ("UNAVAILABLE", "UNAVAILABLE", "transient"),
            ("INTERNAL", "INTERNAL", "transient"),
            ("NOT_FOUND", "NOT_FOUND", "permanent"),
            ("PROVIDER_REFUSED", "FAILED_PRECONDITION", "permanent"),
        ],
    )
    def test_table(self, reason: str, code: str, kind: str) -> None:
        assert kind_of(reason, code) == kind

    @given(st.text(), st.sampled_from(KINDS), st.integers(0, 10), st.integers(0, 200))
    def test_what_is_tried_again_is_not_permanent(self, reason: str, code: str, attempts: int, failures: int) -> None:
        if judge(reason, code, attempts, failures=failures).action in {"retry", "again"}:
            assert kind_of(reason, code) == "transient"


class TestLastWords:
    @pytest.mark.parametrize(
        ("kind", "attempts", "failures", "plans", "words"),
        [
            ("permanent", 0, 0, False, "Gone. When that is put right, replay the step."),
            ("permanent", 0, 0, True, "Gone. When that is put right, start the run again."),
            ("transient", 0, 0, False, "Gone. When the cause is gone, replay the step."),
            ("transient", 2, 2, False, "Gone. It was tried 3 times. When the cause is gone, replay the step."),
            ("transient", 0, 124, True, "Gone. It was tried 125 times. When the cause is gone, start the run again."),
        ],
    )
    def test_they_say_why_and_what_to_do(
        self, kind: ErrorKind, attempts: int, failures: int, *, plans: bool, words: str
    ) -> None:
        assert last_words("Gone.", kind, attempts, failures, plans=plans) == words


class TestIsRefusal:
    @pytest.mark.parametrize(
        ("reason", "kind", "refused"),
        [
            ("UNUSABLE_ANSWER", "FAILED_PRECONDITION", True),
            ("INVALID_ARGUMENT", "INVALID_ARGUMENT", True),
            ("NOT_FOUND", "NOT_FOUND", True),
            ("UNAVAILABLE", "UNAVAILABLE", False),
            ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", False),
            ("INTERNAL", "INTERNAL", False),
            ("ETAG_MISMATCH", "ABORTED", False),
            ("UNAUTHENTICATED", "UNAUTHENTICATED", False),
        ],
    )
    def test_only_a_definite_no_says_that_nothing_was_stored(self, reason: str, kind: str, *, refused: bool) -> None:
        assert is_refusal(reason, kind) is refused


class TestBackoff:
    @given(st.integers(0, 10**9), st.integers())
    def test_it_waits_at_least_a_moment_and_at_most_half_a_minute(self, failures: int, seed: int) -> None:
        assert 0 < backoff_s(failures, random.Random(seed)) <= BACKOFF_MAX_S  # noqa: S311 - spreads retries

    @pytest.mark.parametrize(("failures", "ceiling"), [(0, 0.5), (1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0), (60, 30.0)])
    def test_the_ceiling_doubles(self, failures: int, ceiling: float) -> None:
        chance = random.Random(7)  # noqa: S311 - spreads retries
        waits = [backoff_s(failures, chance) for _ in range(2000)]
        assert ceiling * 0.95 < max(waits) <= ceiling


class TestStageTable:
    def test_every_function_has_a_lane_and_only_models_are_asked_by_priced_work(self) -> None:
        assert {function.lane for function in STAGE_TABLE} <= set(LANES)
        assert all(function.operation for function in STAGE_TABLE if function.model)

    def test_stages_are_in_order(self) -> None:
        assert [function.stage for function in STAGE_TABLE] == sorted(function.stage for function in STAGE_TABLE)

    def test_a_lease_outlives_two_renewals_that_were_missed(self) -> None:
        assert RENEWALS >= 3

    def test_an_unknown_function_is_told_which_there_are(self) -> None:
        with pytest.raises(UnknownFunction) as failed:
            function_named("write_poem")
        assert all(name in failed.value.message for name in FUNCTIONS)


class TestFunctionsOf:
    @pytest.mark.parametrize(
        ("stages", "publish", "functions"),
        [
            ([], True, AUTOMATION),
            ([], False, AUTOMATION[:-1]),
            ([4], False, ("generate_content",)),
            ([7], True, ("approve_content", "publish_content")),
            ([7], False, ("approve_content",)),
            ([3, 1, 3], False, ("cluster_keywords", "create_tasks")),
        ],
    )
    def test_table(self, stages: list[int], *, publish: bool, functions: tuple[str, ...]) -> None:
        assert functions_of(stages, publish=publish) == functions

    @pytest.mark.parametrize("stage", [-1, 0, 8, 2**31 - 1])
    def test_what_is_no_stage_is_refused(self, stage: int) -> None:
        with pytest.raises(UnknownFunction) as failed:
            functions_of([1, stage], publish=False)
        assert [violation.field for violation in failed.value.violations] == ["plan.stages"]


def a_plan(*functions: str, max_articles: int = 0, images: int = 3, **more: Any) -> Plan:
    options = {"ideas_per_cluster": 3, "images_per_article": images}
    return Plan(functions or AUTOMATION, options=options, max_articles=max_articles, **more)


class TestPlan:
    @pytest.mark.parametrize(
        ("function", "cap"),
        [
            ("cluster_keywords", 0),
            ("generate_ideas", 5),
            ("create_tasks", 0),
            ("generate_content", 4),
            ("generate_image_prompts", 4),
            ("generate_image", 8),
            ("publish_content", 0),
        ],
    )
    def test_caps(self, function: str, cap: int) -> None:
        assert a_plan(max_clusters=5, max_articles=4, images=2).cap(function) == cap

    @pytest.mark.parametrize(
        ("function", "cap"),
        [
            ("cluster_keywords", 2),
            ("create_tasks", 0),
            ("generate_content", 4),
            ("generate_image", 6),
            ("approve_content", 7),
            ("publish_content", 7),
        ],
    )
    def test_of_several_caps_the_smallest_counts(self, function: str, cap: int) -> None:
        plan = a_plan(max_articles=4, images=2, stage_caps={"1": 2, "4": 9, "6": 6, "7": 7})
        assert plan.cap(function) == cap

    @pytest.mark.parametrize("function", AUTOMATION)
    def test_without_caps_everything_is_done(self, function: str) -> None:
        assert a_plan().cap(function) == 0

    @pytest.mark.parametrize(
        ("functions", "is_free"),
        [
            (("create_tasks",), True),
            (("approve_content", "publish_content"), True),
            (("import_keywords",), True),
            (("create_tasks", "generate_content"), False),
            (("cluster_keywords",), False),
        ],
    )
    def test_free_is_what_has_no_price(self, functions: tuple[str, ...], *, is_free: bool) -> None:
        assert a_plan(*functions).is_free is is_free


def test_a_run_is_named_after_its_second_in_utc() -> None:
    assert run_name(datetime(2026, 11, 22, 6, 41, 0, 999_999, UTC), "manual") == "run_20261122_064100_manual"
