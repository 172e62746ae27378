"""Plans as they are asked for."""

import json
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.errors import InvalidArgument
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.service import a_site
from services.orchestrator import translate
from services.orchestrator.usecases.running import plan_from_json

RunPlan, StageCap = orchestrator_pb2.RunPlan, orchestrator_pb2.StageCap
TENANT = Tenant(new_id(), a_site())


def upload(**changes: Any) -> str:
    assert TENANT.site is not None
    sector = str(TENANT.site.sectors[0].id)
    return json.dumps({"object_key": f"imports/{TENANT.account_id}/a.csv", "sector_id": sector, **changes})


class TestPlan:
    def test_defaults_are_filled_in(self) -> None:
        made = translate.plan(RunPlan(), TENANT)
        assert (made.ideas_per_cluster, made.images_per_article, made.by_hand) == (3, 3, False)
        assert made.options["auto_approve"] is False
        assert "publish_content" not in made.functions

    def test_no_pictures_is_not_the_default(self) -> None:
        assert translate.plan(RunPlan(images_per_article=0), TENANT).images_per_article == 0

    def test_a_function_is_a_job_by_hand_whatever_stages_are_named(self) -> None:
        made = translate.plan(RunPlan(function="create_tasks", stages=[1, 2]), TENANT)
        assert (made.functions, made.by_hand) == (("create_tasks",), True)

    @pytest.mark.parametrize("function", ["approve_content", "publish_content"])
    def test_asking_for_just_that_is_consent(self, function: str) -> None:
        assert translate.plan(RunPlan(function=function), TENANT).options["auto_publish"] is True

    def test_subjects_are_named_once_each(self) -> None:
        one, two = str(uuid4()), str(uuid4())
        assert translate.plan(RunPlan(function="create_tasks", subject_ids=[one, two, one]), TENANT).subject_ids == (
            one,
            two,
        )

    def test_it_survives_being_stored(self) -> None:
        caps = [StageCap(stage=4, max_items=2), StageCap(stage=6, max_items=100_000)]
        made = translate.plan(
            RunPlan(stages=[4], max_credits=10**12, images_per_article=0, stage_caps=caps),
            TENANT,
        )
        stored = json.loads(json.dumps({**made.__dict__}))
        assert plan_from_json(stored) == made

    @pytest.mark.parametrize(
        ("caps", "fields"),
        [
            ([(0, 1)], ["plan.stage_caps[0].stage"]),
            ([(7, 1), (8, 1)], ["plan.stage_caps[1].stage"]),
            ([(1, 0), (2, -1)], ["plan.stage_caps[0].max_items", "plan.stage_caps[1].max_items"]),
            ([(1, 100_001)], ["plan.stage_caps[0].max_items"]),
            ([(4, 1), (4, 2)], ["plan.stage_caps[1].stage"]),
            ([(9, 0)], ["plan.stage_caps[0].stage", "plan.stage_caps[0].max_items"]),
        ],
    )
    def test_every_cap_that_is_wrong_is_named(self, caps: list[tuple[int, int]], fields: list[str]) -> None:
        with pytest.raises(InvalidArgument) as failed:
            translate.plan(RunPlan(stage_caps=[StageCap(stage=s, max_items=m) for s, m in caps]), TENANT)
        assert [violation.field for violation in failed.value.violations] == fields

    @pytest.mark.parametrize(
        ("field", "value", "is_fine"),
        [
            ("max_clusters", -1, False),
            ("max_clusters", 0, True),
            ("max_clusters", 100_000, True),
            ("max_clusters", 100_001, False),
            ("max_articles", -1, False),
            ("max_articles", 100_001, False),
            ("ideas_per_cluster", -1, False),
            ("ideas_per_cluster", 0, True),
            ("ideas_per_cluster", 1, False),
            ("ideas_per_cluster", 2, False),
            ("ideas_per_cluster", 3, True),
            ("ideas_per_cluster", 7, True),
            ("ideas_per_cluster", 8, False),
            ("images_per_article", -1, False),
            ("images_per_article", 0, True),
            ("images_per_article", 5, True),
            ("images_per_article", 6, False),
            ("max_credits", -1, False),
            ("max_credits", 10**12, True),
            ("max_credits", 10**12 + 1, False),
        ],
    )
    def test_bounds(self, field: str, value: int, *, is_fine: bool) -> None:
        message = RunPlan()
        setattr(message, field, value)
        if is_fine:
            translate.plan(message, TENANT)
            return
        with pytest.raises(InvalidArgument) as failed:
            translate.plan(message, TENANT)
        assert [violation.field for violation in failed.value.violations] == [f"plan.{field}"]

    def test_every_wrong_field_is_named(self) -> None:
        with pytest.raises(InvalidArgument) as failed:
            translate.plan(RunPlan(max_clusters=-1, ideas_per_cluster=9, subject_ids=["x"]), TENANT)
        fields = [violation.field for violation in failed.value.violations]
        assert fields == ["plan.max_clusters", "plan.ideas_per_cluster", "plan.subject_ids"]

    def test_more_subjects_than_a_stage_takes_are_refused(self) -> None:
        many = [str(uuid4()) for _ in range(translate.SUBJECTS_MAX + 1)]
        with pytest.raises(InvalidArgument) as failed:
            translate.plan(RunPlan(function="create_tasks", subject_ids=many), TENANT)
        assert [violation.field for violation in failed.value.violations] == ["plan.subject_ids"]


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            "[]",
            "null",
            "7",
            "{",
            '{"a": NaN}',
            '{"a": 1e999}',
            '{"a": "\\u0000"}',
            '{"a": "\\ud800"}',
            "[" * 100_000,
            '{"images_per_article": 100}',
            '{"ideas_per_cluster": "many"}',
            '{"auto_publish": true}',
        ],
    )
    def test_what_cannot_be_stored_or_is_the_plans_is_refused(self, options: str) -> None:
        with pytest.raises(InvalidArgument) as failed:
            translate.plan(RunPlan(function="create_tasks", options_json=options), TENANT)
        assert [violation.field for violation in failed.value.violations] == ["plan.options_json"]

    @given(st.text(max_size=60))
    def test_any_text_is_an_object_or_refused(self, options: str) -> None:
        with suppress(InvalidArgument):
            made = translate.plan(RunPlan(function="create_tasks", options_json=options), TENANT)
            json.dumps(made.options, allow_nan=False).encode()

    def test_a_file_of_the_account_is_taken(self) -> None:
        made = translate.plan(RunPlan(function="import_keywords", options_json=upload()), TENANT)
        run_id = new_id()
        assert translate.with_subject(made, run_id) == translate.with_subject(made, run_id)
        assert len(translate.with_subject(made, run_id).subject_ids) == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"object_key": "imports/0197a1b2-0000-7000-8000-000000000000/a.csv"}, "plan.options_json"),
            ({"object_key": None}, "plan.options_json"),
            ({"sector_id": str(new_id())}, "sector_id"),
            ({"sector_id": 7}, "sector_id"),
        ],
    )
    def test_a_file_of_somebody_else_or_another_sites_sector_is_refused(
        self, changes: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(InvalidArgument) as failed:
            translate.plan(RunPlan(function="import_keywords", options_json=upload(**changes)), TENANT)
        assert [violation.field for violation in failed.value.violations] == [field]


class TestRunId:
    def test_one_request_is_one_run(self) -> None:
        assert translate.run_id_for(TENANT, "a") == translate.run_id_for(TENANT, "a")

    def test_other_requests_sites_and_accounts_are_other_runs(self) -> None:
        other_site, other_account = Tenant(TENANT.account_id, a_site()), Tenant(new_id(), TENANT.site)
        ids = {translate.run_id_for(tenant, "a") for tenant in (TENANT, other_site, other_account)}
        assert len(ids | {translate.run_id_for(TENANT, "b")}) == 4
