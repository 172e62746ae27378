"""A site's settings: read, changed in part, and not changed behind somebody's back."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from igny8.identity.v1 import identity_pb2, identity_service_pb2
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import Fault, Kind
from tests.house import House
from tests.integration.orchestrator.conftest import Owner, new_owner

Config = orchestrator_pb2.AutomationConfig
RunPlan = orchestrator_pb2.RunPlan
Batch = orchestrator_pb2.StageBatch


def read(owner: Owner) -> Config:
    request = orchestrator_service_pb2.GetAutomationConfigRequest(site_id=str(owner.site.id))
    return owner.run("GetAutomationConfig", request, Config)


def change(owner: Owner, *paths: str, **values: Any) -> Config:
    given = Config(site_id=str(owner.site.id), **values)
    mask = FieldMask(paths=paths)
    request = orchestrator_service_pb2.UpdateAutomationConfigRequest(automation_config=given, update_mask=mask)
    return owner.run("UpdateAutomationConfig", request, Config)


def reset(owner: Owner, etag: str = "") -> Config:
    request = orchestrator_service_pb2.ResetAutomationConfigRequest(site_id=str(owner.site.id), etag=etag)
    return owner.run("ResetAutomationConfig", request, Config)


@pytest.fixture(scope="module")
def untouched(house: House) -> Owner:
    """Somebody for whom nothing that a test asks for is done."""
    return new_owner(house)


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
        ("values", "field"),
        [
            ({"local_time": "25:00"}, "local_time"),
            ({"local_time": "2:00"}, "local_time"),
            ({"frequency": 0}, "frequency"),
            ({"catch_up": 0}, "catch_up"),
            ({"time_zone": "Mars/Olympus"}, "time_zone"),
            ({"time_zone": "localtime"}, "time_zone"),
            ({"weekday": 0}, "weekday"),
            ({"weekday": 8}, "weekday"),
            ({"month_day": 0}, "month_day"),
            ({"month_day": 32}, "month_day"),
            ({"delay_within_stage_s": -1}, "delay_within_stage_s"),
            ({"delay_between_stages_s": 3601}, "delay_between_stages_s"),
            ({"daily_credits": -1}, "daily_credits"),
            ({"max_concurrent": 101}, "max_concurrent"),
            ({"batch_sizes": [Batch(stage=0, size=1)]}, "batch_sizes"),
            ({"batch_sizes": [Batch(stage=8, size=1)]}, "batch_sizes"),
            ({"batch_sizes": [Batch(stage=2)]}, "batch_sizes"),
            ({"batch_sizes": [Batch(stage=2, size=5001)]}, "batch_sizes"),
            ({"batch_sizes": [Batch(stage=2, size=1), Batch(stage=2, size=2)]}, "batch_sizes"),
            ({"next_run_time": None}, "next_run_time"),
            ({"last_outcome": "fine"}, "last_outcome"),
        ],
    )
    def test_what_is_wrong_is_named(self, untouched: Owner, values: dict[str, Any], field: str) -> None:
        with pytest.raises(Fault) as failed:
            change(untouched, *values, **values)
        assert [violation.field for violation in failed.value.violations] == [f"automation_config.{field}"]
        assert read(untouched).etag == "0"

    @pytest.mark.parametrize(
        ("plan", "field"),
        [
            (RunPlan(max_articles=-1), "plan.max_articles"),
            (RunPlan(stages=[8]), "plan.stages"),
            (RunPlan(function="publish_content"), "plan.function"),
            (RunPlan(subject_ids=["0197a1b2-0000-7000-8000-000000000000"]), "plan.subject_ids"),
        ],
    )
    def test_a_plan_that_no_schedule_can_run_is_named(self, untouched: Owner, plan: RunPlan, field: str) -> None:
        with pytest.raises(Fault) as failed:
            change(untouched, "plan", plan=plan)
        assert field in [violation.field for violation in failed.value.violations]

    def test_every_wrong_field_is_named_at_once(self, owner: Owner) -> None:
        with pytest.raises(Fault) as failed:
            change(owner, "weekday", "local_time", "plan", "etag", local_time="x", plan=RunPlan(max_credits=-1))
        assert {violation.field for violation in failed.value.violations} == {
            "automation_config.weekday",
            "automation_config.local_time",
            "automation_config.etag",
            "plan.max_credits",
        }

    def test_an_update_without_a_mask_changes_what_it_sets(self, owner: Owner) -> None:
        change(owner, local_time="05:00", daily_credits=500)
        changed = change(owner, max_concurrent=3)
        assert (changed.local_time, changed.daily_credits, changed.max_concurrent) == ("05:00", 500, 3)
        with pytest.raises(Fault):
            change(owner)

    def test_sizes_and_delays_come_back_as_they_were_given(self, owner: Owner) -> None:
        sizes = [Batch(stage=2, size=10), Batch(stage=4, size=5000)]
        given = {"batch_sizes": sizes, "delay_within_stage_s": 3600, "delay_between_stages_s": 1, "month_day": 31}
        changed = change(owner, *given, **given)
        assert list(changed.batch_sizes) == sizes
        assert read(owner) == changed
        assert (changed.delay_within_stage_s, changed.delay_between_stages_s, changed.month_day) == (3600, 1, 31)

    def test_a_reset_goes_back_to_what_a_new_site_has(self, owner: Owner) -> None:
        fresh = read(owner)
        changed = change(owner, enabled=True, time_zone="Asia/Karachi", daily_credits=9, plan=RunPlan(stages=[1]))
        with pytest.raises(Fault) as failed:
            reset(owner, etag=fresh.etag)
        assert failed.value.code is Kind.ABORTED
        back = reset(owner, etag=changed.etag)
        assert back.etag not in {fresh.etag, changed.etag}
        back.etag = fresh.etag
        back.plan.CopyFrom(fresh.plan)
        assert back == fresh


class TestNextStart:
    def test_it_is_told_when_runs_start_by_themselves(self, owner: Owner) -> None:
        assert not change(owner, local_time="04:00").HasField("next_run_time")
        enabled = change(owner, enabled=True)
        assert enabled.next_run_time.ToDatetime().strftime("%H:%M") == "04:00"
        assert 0 < enabled.next_run_time.seconds - time.time() <= 24 * 3600
        assert not change(owner, "enabled").HasField("next_run_time")

    def test_it_follows_when_the_times_change_and_only_then(self, owner: Owner) -> None:
        first = change(owner, enabled=True, local_time="04:00").next_run_time
        assert change(owner, daily_credits=7).next_run_time == first
        assert change(owner, local_time="05:00").next_run_time.ToDatetime().strftime("%H:%M") == "05:00"
        monthly = change(owner, frequency=Config.FREQUENCY_MONTHLY, month_day=31).next_run_time.ToDatetime()
        assert (monthly + timedelta(days=1)).day == 1

    def test_it_is_in_the_accounts_zone_or_the_sites_own(self, owner: Owner) -> None:
        move(owner, "Asia/Karachi")
        assert change(owner, enabled=True, local_time="04:00").next_run_time.ToDatetime().strftime("%H:%M") == "23:00"
        tokyo = change(owner, time_zone="Asia/Tokyo")
        assert tokyo.next_run_time.ToDatetime().strftime("%H:%M") == "19:00"
        assert change(owner, "time_zone").next_run_time.ToDatetime().strftime("%H:%M") == "23:00"


def move(owner: Owner, zone: str) -> None:
    """Change the account's time zone."""
    whole = replace(owner.passport, site=None)
    request = identity_service_pb2.UpdateAccountRequest(account=identity_pb2.Account(time_zone=zone))
    owner.house.call("/igny8.identity.v1.IdentityService/UpdateAccount", request, identity_pb2.Account, whole)
