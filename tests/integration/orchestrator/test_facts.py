"""What the orchestrator does by itself when something becomes true elsewhere."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from igny8.identity.v1 import identity_pb2, identity_service_pb2
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.database import Database
from chassis.errors import Kind, RemoteFault
from chassis.ids import new_id
from services.orchestrator.clients import Event
from services.orchestrator.relay import take_in
from tests.house import at_site
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.test_config import change, move, read
from tests.integration.orchestrator.test_scheduler import execute, runs, spend_all
from tests.integration.orchestrator.workers import Worker

Config = orchestrator_pb2.AutomationConfig
Run = orchestrator_pb2.Run
RunPlan = orchestrator_pb2.RunPlan


def kinds(owner: Owner, run_id: str) -> list[str]:
    request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run_id, page_size=1000)
    page = owner.run("ListRunEvents", request, orchestrator_service_pb2.ListRunEventsResponse)
    return [event.kind for event in page.run_events]


class TestSiteDeleted:
    def delete(self, owner: Owner) -> None:
        request = identity_service_pb2.DeleteSiteRequest(site_id=str(owner.site.id))
        path = "/igny8.identity.v1.IdentityService/DeleteSite"
        owner.house.call(path, request, identity_pb2.Site, at_site(owner.passport, None))

    def test_its_runs_are_cancelled_and_no_more_start(self, owner: Owner) -> None:
        owner.add_keywords()
        change(owner, "enabled", enabled=True)
        automation, by_hand = (
            owner.start(owner.quote(stages=[1]).id),
            owner.start(plan=RunPlan(function="create_tasks")),
        )
        owner.change("Pause", by_hand.id)
        self.delete(owner)
        owner.house.relay()
        assert {run.status for run in runs(owner)} == {Run.STATUS_CANCELLED}
        assert "run_cancelled" in kinds(owner, automation.id)
        settings = read(owner)
        assert not settings.enabled
        assert not settings.HasField("next_run_time")
        assert settings.last_outcome == "switched off: the site was deleted"
        owner.house.work()
        assert owner.balance().held == 0

    def test_a_run_that_has_ended_stays_as_it_is(self, owner: Owner) -> None:
        run = owner.start(plan=RunPlan(function="create_tasks"))
        owner.house.work()
        before = owner.read(run.id)
        self.delete(owner)
        owner.house.relay()
        assert owner.read(run.id) == before


class TestCreditsGranted:
    @pytest.fixture
    def dry(self, owner: Owner) -> Run:
        """A run that found no credits any more."""
        owner.add_keywords()
        owner.house.relay()  # the owner's own first credits are no news
        run = owner.start(owner.quote(stages=[1]).id)
        spend_all(owner)
        owner.house.work()
        stopped = owner.read(run.id)
        assert (stopped.status, stopped.pause_reason) == (Run.STATUS_PAUSED, "paused_insufficient_credits")
        return stopped

    def test_a_run_that_waits_for_credits_goes_on_to_its_end(self, owner: Owner, dry: Run) -> None:
        owner.house.relay()
        assert owner.read(dry.id).status == Run.STATUS_PAUSED
        owner.grant(500, f"more:{dry.id}")
        owner.house.relay()
        assert (owner.read(dry.id).status, owner.read(dry.id).pause_reason) == (Run.STATUS_RUNNING, "")
        owner.house.work()
        assert owner.read(dry.id).status == Run.STATUS_COMPLETED
        assert kinds(owner, dry.id).count("run_resumed") == 1

    def test_credits_that_come_while_a_step_is_told_that_there_are_none_are_not_missed(self, owner: Owner) -> None:
        owner.add_keywords()
        run = owner.start(owner.quote(stages=[1]).id)

        def refused_and_then_granted() -> None:
            owner.grant(500, f"at that moment:{run.id}")
            owner.house.relay()
            raise RemoteFault(Kind.RESOURCE_EXHAUSTED, "INSUFFICIENT_CREDITS", "1 credit is needed.")

        Worker(owner.house).round()  # plans
        Worker(owner.house, before={"Reserve": refused_and_then_granted}).round()
        assert owner.read(run.id).status == Run.STATUS_RUNNING
        owner.house.work()
        assert owner.read(run.id).status == Run.STATUS_COMPLETED
        assert "run_paused" not in kinds(owner, run.id)

    def test_one_that_a_person_stopped_meanwhile_stays_so(self, owner: Owner, dry: Run) -> None:
        assert owner.change("Pause", dry.id).pause_reason == "paused_by_user"
        owner.grant(500, f"more:{dry.id}")
        owner.house.relay()
        assert owner.read(dry.id).status == Run.STATUS_PAUSED
        owner.change("Cancel", dry.id)

    def test_the_same_fact_twice_is_once(self, owner: Owner, dry: Run) -> None:
        fact = Event(id=str(new_id()), kind="billing.credits_granted", account_id=str(owner.passport.account_id))
        own = Database(owner.house.databases["orchestrator"].app, pool_size=2)
        take_in(own, fact)
        assert owner.read(dry.id).status == Run.STATUS_RUNNING
        owner.house.work()  # without credits it stops again
        assert owner.read(dry.id).status == Run.STATUS_PAUSED
        take_in(own, fact)
        own.close()
        assert owner.read(dry.id).status == Run.STATUS_PAUSED
        owner.change("Cancel", dry.id)


class TestAccountChanged:
    def test_starts_by_the_accounts_clock_move_with_it(self, owner: Owner) -> None:
        assert change(owner, enabled=True, local_time="04:00").next_run_time.ToDatetime().strftime("%H:%M") == "04:00"
        move(owner, "Asia/Tokyo")
        owner.house.relay()
        assert read(owner).next_run_time.ToDatetime().strftime("%H:%M") == "19:00"
        assert read(owner).next_run_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC)

    def test_starts_by_the_sites_own_clock_and_those_that_are_due_stay(self, owner: Owner) -> None:
        own = change(owner, enabled=True, time_zone="Europe/Rome")
        move(owner, "Asia/Tokyo")
        owner.house.relay()
        assert read(owner).next_run_time == own.next_run_time
        change(owner, "time_zone")
        due = datetime.now(UTC) - timedelta(hours=1)
        execute(owner, "UPDATE automation_config SET next_run_time = :due WHERE site_id = :site", due=due)
        move(owner, "Asia/Karachi")
        owner.house.relay()
        assert read(owner).next_run_time.ToDatetime(tzinfo=UTC) == due
        change(owner, "enabled")

    def test_accounts_do_not_meet(self, owner: Owner) -> None:
        enabled = change(owner, enabled=True)
        stranger = replace(owner, passport=replace(owner.passport, account_id=UUID(int=7)))
        fact = Event(
            id=str(new_id()),
            kind="identity.account_changed",
            account_id=str(stranger.passport.account_id),
            payload_json='{"time_zone": "Asia/Tokyo"}',
        )
        own = Database(owner.house.databases["orchestrator"].app, pool_size=2)
        take_in(own, fact)
        own.close()
        assert read(owner) == enabled
