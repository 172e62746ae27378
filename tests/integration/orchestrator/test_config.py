"""A site's settings: read, changed in part, and not changed behind somebody's back."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import Fault, Kind
from tests.integration.orchestrator.conftest import Owner

Config = orchestrator_pb2.AutomationConfig
RunPlan = orchestrator_pb2.RunPlan


def read(owner: Owner) -> Config:
    request = orchestrator_service_pb2.GetAutomationConfigRequest(site_id=str(owner.site.id))
    return owner.run("GetAutomationConfig", request, Config)


def change(owner: Owner, *paths: str, **values: Any) -> Config:
    given = Config(site_id=str(owner.site.id), **values)
    mask = FieldMask(paths=paths)
    request = orchestrator_service_pb2.UpdateAutomationConfigRequest(automation_config=given, update_mask=mask)
    return owner.run("UpdateAutomationConfig", request, Config)


class TestAutomationConfig:
    def test_a_new_site_has_the_platforms_settings(self, owner: Owner) -> None:
        fresh = read(owner)
        assert (fresh.enabled, fresh.frequency, fresh.local_time) == (False, Config.FREQUENCY_DAILY, "02:00")
        assert fresh.site_id == str(owner.site.id)

    def test_what_was_read_can_be_changed_with_its_etag(self, owner: Owner) -> None:
        fresh = read(owner)
        changed = change(owner, "local_time", local_time="04:30", etag=fresh.etag)
        assert changed.local_time == "04:30"
        assert changed.etag != fresh.etag
        assert read(owner) == changed
        assert change(owner, "enabled", enabled=True, etag=changed.etag).enabled

    def test_only_what_the_mask_names_changes(self, owner: Owner) -> None:
        change(owner, "frequency", "local_time", frequency=Config.FREQUENCY_WEEKLY, local_time="05:00")
        changed = change(owner, "enabled", enabled=True, local_time="09:00")
        assert (changed.frequency, changed.local_time, changed.enabled) == (Config.FREQUENCY_WEEKLY, "05:00", True)

    def test_a_plan_comes_back_as_it_was_given(self, owner: Owner) -> None:
        plan = RunPlan(
            stages=[1, 2], max_clusters=5, max_credits=7_000_000_000, images_per_article=0, auto_approve=True
        )
        assert change(owner, "plan", plan=plan).plan == plan
        assert read(owner).plan == plan

    @pytest.mark.parametrize("etag", ["0", "7", "nonsense"])
    def test_an_old_etag_is_refused(self, owner: Owner, etag: str) -> None:
        before = change(owner, "enabled", enabled=True)
        with pytest.raises(Fault) as failed:
            change(owner, "local_time", local_time="04:30", etag=etag)
        assert failed.value.code is Kind.ABORTED
        assert read(owner) == before

    @pytest.mark.parametrize(
        ("paths", "values", "field"),
        [
            (["local_time"], {"local_time": "25:00"}, "automation_config.local_time"),
            (["local_time"], {"local_time": "2:00"}, "automation_config.local_time"),
            (["frequency"], {}, "automation_config.frequency"),
            (["next_run_time"], {}, "automation_config.next_run_time"),
            (["plan.stages"], {}, "automation_config.plan.stages"),
            (["plan"], {"plan": RunPlan(max_articles=-1)}, "plan.max_articles"),
            (["plan"], {"plan": RunPlan(stages=[8])}, "plan.stages"),
        ],
    )
    def test_what_is_wrong_is_named(self, owner: Owner, paths: list[str], values: dict[str, Any], field: str) -> None:
        with pytest.raises(Fault) as failed:
            change(owner, *paths, **values)
        assert field in [violation.field for violation in failed.value.violations]
