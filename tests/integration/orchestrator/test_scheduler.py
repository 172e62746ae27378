"""Scheduled starts: one run for each, whoever makes it and wherever it dies."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from igny8.identity.v1 import identity_pb2, identity_service_pb2
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.database import Database
from chassis.errors import Unavailable
from chassis.passport import Issuer, Passport
from services.orchestrator.bells import Bells, celery_app
from services.orchestrator.clients import Call, Peers
from services.orchestrator.scheduler import PUT_OFF_S, Scheduler
from tests.house import House, at_site
from tests.integration.orchestrator.conftest import TOPICS, Owner
from tests.integration.orchestrator.workers import Act, failing, sweeping

Config = orchestrator_pb2.AutomationConfig
Run = orchestrator_pb2.Run
HOUR = timedelta(hours=1)


class Died(Exception):
    """The replica was killed here."""


class Replica(Peers):
    """A replica of the orchestrator; what happens around its calls is told by method name."""

    def __init__(self, house: House, before: dict[str, Act], after: dict[str, Act]) -> None:
        super().__init__(house.peer_addresses, Issuer("orchestrator", house.key))
        self._before, self._after = before, after

    def send(self, call: Call[Any], passport: Passport, *, repeatable: bool = True) -> Any:
        method = call.path.rpartition("/")[2]
        self._before.get(method, lambda: None)()
        answer = super().send(call, passport, repeatable=repeatable)
        self._after.get(method, lambda: None)()
        return answer


class Muffled(Bells):
    """Bells that nobody hears, so that a test need not wait for a Redis that is not there."""

    def __init__(self, database: Database, act: Act) -> None:
        super().__init__(database, celery_app("redis://127.0.0.1:1/0"))
        self._act = act

    def ring(self, lane: str) -> bool:
        del lane
        self._act()
        return False


@contextmanager
def replica(
    house: House, *, before: dict[str, Act] | None = None, after: dict[str, Act] | None = None, ringing: Act = bool
) -> Iterator[Scheduler]:
    """Open a replica's scheduler."""
    database, peers = Database(house.databases["orchestrator"].app), Replica(house, before or {}, after or {})
    try:
        with sweeping(house) as rounds:
            yield Scheduler(rounds, database, peers, Muffled(rounds, ringing))
    finally:
        peers.close()
        database.close()


def change(owner: Owner, **values: Any) -> Config:
    given = Config(site_id=str(owner.site.id), **values)
    return owner.run(
        "UpdateAutomationConfig",
        orchestrator_service_pb2.UpdateAutomationConfigRequest(automation_config=given),
        Config,
    )


def settings(owner: Owner) -> Config:
    request = orchestrator_service_pb2.GetAutomationConfigRequest(site_id=str(owner.site.id))
    return owner.run("GetAutomationConfig", request, Config)


def execute(owner: Owner, statement: str, **values: Any) -> list[Any]:
    """Run a statement over the rows of every site; :site is the owner's."""
    with sweeping(owner.house) as database, database.untenanted() as connection:
        result = connection.execute(sa.text(statement), {"site": owner.site.id, **values})
        return list(result.all()) if result.returns_rows else []


def make_due(owner: Owner, ago: timedelta = timedelta(seconds=1)) -> datetime:
    """Let the site's next start have been some time ago."""
    statement = "UPDATE automation_config SET next_run_time = :due WHERE site_id = :site"
    due = datetime.now(UTC) - ago
    execute(owner, statement, due=due)
    return due


def lose_claim(owner: Owner) -> None:
    """Let the claim of whoever has the site's start run out."""
    execute(owner, "UPDATE automation_config SET starting_until = now() WHERE site_id = :site")


def claim_left(owner: Owner) -> timedelta:
    """Return how long nobody else makes the site's start."""
    ((left,),) = execute(owner, "SELECT starting_until - now() FROM automation_config WHERE site_id = :site")
    assert isinstance(left, timedelta)
    return left


def runs(owner: Owner) -> list[Run]:
    request = orchestrator_service_pb2.ListRunsRequest(site_id=str(owner.site.id))
    return list(owner.run("ListRuns", request, orchestrator_service_pb2.ListRunsResponse).runs)


def tick(owner: Owner) -> Config:
    with replica(owner.house) as scheduler:
        scheduler.round()
    return settings(owner)


@pytest.fixture
def daily(owner: Owner) -> Iterator[Owner]:
    """Somebody whose site has keywords and a daily run of its first stage."""
    owner.add_keywords(TOPICS[:5])
    change(owner, enabled=True, plan=orchestrator_pb2.RunPlan(stages=[1]))
    yield owner
    for run in runs(owner):
        if run.status in {Run.STATUS_RUNNING, Run.STATUS_PAUSED}:
            owner.change("Cancel", run.id)
    execute(owner, "UPDATE automation_config SET enabled = false WHERE site_id = :site")
    owner.house.work()


class TestStart:
    def test_a_due_start_is_a_run_and_the_next_start_is_told(self, daily: Owner) -> None:
        before = settings(daily)
        due = make_due(daily)
        after = tick(daily)
        (run,) = runs(daily)
        assert (run.trigger, run.status) == (Run.TRIGGER_SCHEDULED, Run.STATUS_RUNNING)
        assert run.name.endswith("_scheduled")
        assert run.schedule_time.ToDatetime(tzinfo=UTC) == due == after.last_run_time.ToDatetime(tzinfo=UTC)
        assert after.last_outcome == f"started {run.name}"
        assert after.next_run_time == before.next_run_time
        assert after.etag == before.etag
        daily.house.work()
        assert daily.read(run.id).status == Run.STATUS_COMPLETED

    def test_it_is_made_once(self, daily: Owner) -> None:
        make_due(daily)
        for _ in range(3):
            tick(daily)
        assert len(runs(daily)) == 1

    def test_what_is_not_due_or_is_switched_off_is_left_alone(self, daily: Owner) -> None:
        tick(daily)
        make_due(daily)
        execute(daily, "UPDATE automation_config SET enabled = false WHERE site_id = :site")
        assert tick(daily).last_outcome == ""
        assert not runs(daily)

    def test_switching_off_and_on_again_leaves_the_missed_start_out(self, daily: Owner) -> None:
        make_due(daily)
        off = daily.run(
            "ResetAutomationConfig",
            orchestrator_service_pb2.ResetAutomationConfigRequest(site_id=str(daily.site.id)),
            Config,
        )
        assert not off.HasField("next_run_time")
        change(daily, enabled=True)
        tick(daily)
        assert not runs(daily)

    def test_a_run_is_told_the_sites_batches_and_delays(self, daily: Owner) -> None:
        change(daily, batch_sizes=[orchestrator_pb2.StageBatch(stage=1, size=7)], delay_between_stages_s=2)
        make_due(daily)
        tick(daily)
        ((options,),) = execute(daily, "SELECT plan -> 'options' FROM run WHERE site_id = :site")
        assert options["batch_sizes"] == {"1": 7}
        assert (options["delay_within_stage_s"], options["delay_between_stages_s"]) == (0, 2)

    def test_many_sites_are_started_in_one_round(self, daily: Owner) -> None:
        make_due(daily)
        statement = "SELECT count(*) FROM automation_config WHERE enabled AND next_run_time <= now()"
        with replica(daily.house) as scheduler:
            claimed = scheduler.claim(100)
            assert len(claimed) >= 1
            assert not scheduler.claim(100)
            for start in claimed:
                scheduler.make(start)
        assert execute(daily, statement + " AND :site = :site")[0][0] == 0


class TestReplicas:
    def test_racing_for_a_start_they_make_one_run(self, daily: Owner) -> None:
        make_due(daily)
        errors: list[BaseException] = []
        together = threading.Barrier(4)

        def race() -> None:
            try:
                with replica(daily.house) as scheduler:
                    together.wait(timeout=20)
                    scheduler.round()
            except BaseException as error:  # noqa: BLE001 - shown by the assert below
                errors.append(error)

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not errors
        assert [run.name for run in runs(daily)] == [settings(daily).last_outcome.removeprefix("started ")]

    @pytest.mark.parametrize("call", ["CreateQuote", "AcceptQuote"])
    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_one_that_dies_in_the_middle_is_followed_by_another(self, daily: Owner, moment: str, call: str) -> None:
        due = make_due(daily)
        acts: Any = {moment: {call: failing(Died())}}
        with replica(daily.house, **acts) as scheduler, suppress(Died):
            scheduler.round()
        assert not runs(daily)
        assert not tick(daily).last_outcome  # the claim is still the dead one's
        lose_claim(daily)
        after = tick(daily)
        (run,) = runs(daily)
        assert after.last_outcome == f"started {run.name}"
        assert run.schedule_time.ToDatetime(tzinfo=UTC) == due
        daily.house.work()
        assert daily.read(run.id).status == Run.STATUS_COMPLETED
        assert daily.ledger().ok

    def test_one_that_dies_after_the_run_began_has_started_it(self, daily: Owner) -> None:
        make_due(daily)
        with replica(daily.house, ringing=failing(Died())) as scheduler, suppress(Died):
            scheduler.round()
        (run,) = runs(daily)
        daily.house.work()  # it may even have ended before somebody looks again
        assert not settings(daily).last_outcome
        lose_claim(daily)
        assert tick(daily).last_outcome == f"started {run.name}"
        assert len(runs(daily)) == 1
        assert settings(daily).next_run_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC)

    @pytest.mark.parametrize("call", ["ResolveSite", "CreateQuote", "AcceptQuote"])
    def test_one_that_was_frozen_longer_than_its_claim_changes_nothing(self, daily: Owner, call: str) -> None:
        make_due(daily)
        overtaken: list[Config] = []

        def freeze() -> None:
            if not overtaken:
                lose_claim(daily)
                overtaken.append(tick(daily))
                execute(daily, "UPDATE automation_config SET last_outcome = 'as it was' WHERE site_id = :site")

        with replica(daily.house, before={call: freeze}) as scheduler:
            scheduler.round()
        (run,) = runs(daily)
        assert overtaken[0].last_outcome == f"started {run.name}"
        assert settings(daily).last_outcome == "as it was"
        daily.house.work()
        assert daily.read(run.id).status == Run.STATUS_COMPLETED

    def test_a_change_of_the_settings_meanwhile_is_kept(self, daily: Owner) -> None:
        make_due(daily)
        changed: list[Config] = []

        def edit() -> None:
            changed.append(change(daily, frequency=Config.FREQUENCY_MONTHLY, month_day=31))

        with replica(daily.house, before={"AcceptQuote": edit}) as scheduler:
            scheduler.round()
        assert settings(daily).next_run_time == changed[0].next_run_time
        assert settings(daily).last_outcome == f"started {runs(daily)[0].name}"

    def test_a_change_before_the_run_is_asked_for_leaves_it_out(self, daily: Owner) -> None:
        make_due(daily)
        with replica(daily.house, before={"ResolveSite": lambda: change(daily, local_time="03:00")}) as scheduler:
            scheduler.round()
        assert not runs(daily)
        assert "settings were changed" in settings(daily).last_outcome


class TestCatchUp:
    def test_however_many_were_missed_one_run_is_made_late(self, daily: Owner) -> None:
        due = make_due(daily, ago=timedelta(days=3))
        after = tick(daily)
        tick(daily)
        (run,) = runs(daily)
        assert run.schedule_time.ToDatetime(tzinfo=UTC) == due
        assert after.next_run_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC)

    def test_or_none_when_the_site_wants_none(self, daily: Owner) -> None:
        change(daily, catch_up=Config.CATCH_UP_SKIP)
        make_due(daily, ago=2 * HOUR)
        after = tick(daily)
        assert not runs(daily)
        assert after.last_outcome.startswith("skipped: the start of ")
        assert after.next_run_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC)
        assert not after.HasField("last_run_time")

    def test_a_few_minutes_late_is_not_missed(self, daily: Owner) -> None:
        change(daily, catch_up=Config.CATCH_UP_SKIP)
        make_due(daily, ago=HOUR / 2)
        tick(daily)
        assert len(runs(daily)) == 1


class TestNoStart:
    def test_a_paused_run_blocks_it_and_says_how_to_go_on(self, daily: Owner) -> None:
        make_due(daily)
        tick(daily)
        (run,) = runs(daily)
        daily.change("Pause", run.id)
        make_due(daily)
        after = tick(daily)
        assert after.last_outcome == f"skipped: {run.name} is paused (paused_by_user): resume or cancel it"
        assert len(runs(daily)) == 1
        assert after.next_run_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC)
        daily.change("Cancel", run.id)
        make_due(daily)
        assert tick(daily).last_outcome.startswith("started ")

    def test_so_does_one_that_is_at_work(self, daily: Owner) -> None:
        run = daily.start(daily.quote(stages=[1]).id)
        make_due(daily)
        assert tick(daily).last_outcome == f"skipped: {run.name} is still at work"

    def test_a_run_that_begins_at_the_same_moment_blocks_it_too(self, daily: Owner) -> None:
        make_due(daily)
        quote = daily.quote(stages=[1])
        with replica(daily.house, after={"AcceptQuote": lambda: daily.start(quote.id)}) as scheduler:
            scheduler.round()
        (run,) = runs(daily)
        assert run.trigger == Run.TRIGGER_MANUAL
        assert settings(daily).last_outcome == f"skipped: {run.name} is still at work"

    def test_a_job_by_hand_does_not_block_it(self, daily: Owner) -> None:
        daily.start(plan=orchestrator_pb2.RunPlan(function="create_tasks"))
        make_due(daily)
        assert tick(daily).last_outcome.startswith("started ")

    def test_without_credits_it_says_how_many_are_needed(self, daily: Owner) -> None:
        execute(daily, "UPDATE automation_config SET plan = '{}' WHERE site_id = :site")  # all stages
        spend_all(daily)
        make_due(daily)
        after = tick(daily)
        assert after.last_outcome.startswith("not started: ")
        assert "credits are needed" in after.last_outcome
        assert not runs(daily)

    def test_without_work_it_says_so(self, owner: Owner) -> None:
        change(owner, enabled=True)
        make_due(owner)
        assert tick(owner).last_outcome == "not started: there is nothing to do"
        assert not runs(owner)

    def test_a_plan_that_is_wrong_by_now_is_named(self, daily: Owner) -> None:
        execute(daily, """UPDATE automation_config SET plan = '{"max_articles": -1}' WHERE site_id = :site""")
        make_due(daily)
        assert "plan.max_articles" in tick(daily).last_outcome

    def test_a_site_that_is_gone_says_so(self, daily: Owner) -> None:
        request = identity_service_pb2.DeleteSiteRequest(site_id=str(daily.site.id))
        path = "/igny8.identity.v1.IdentityService/DeleteSite"
        daily.house.call(path, request, identity_pb2.Site, at_site(daily.passport, None))
        make_due(daily)
        after = tick(daily)
        assert after.last_outcome == "not started: The site is switched off or was deleted."
        assert after.next_run_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC)

    @pytest.mark.parametrize("call", ["ResolveSite", "AcceptQuote"])
    def test_while_somebody_is_away_it_is_put_off_and_not_lost(self, daily: Owner, call: str) -> None:
        due = make_due(daily)
        with replica(daily.house, before={call: failing(Unavailable("The service is away."))}) as scheduler:
            scheduler.round()
        waiting = settings(daily)
        assert waiting.last_outcome == "not started yet, and tried again: The service is away."
        assert waiting.next_run_time.ToDatetime(tzinfo=UTC) == due
        assert claim_left(daily) <= timedelta(seconds=PUT_OFF_S)
        lose_claim(daily)
        assert tick(daily).last_outcome.startswith("started ")


def spend_all(owner: Owner) -> None:
    """Leave the account without credits."""
    engine = sa.create_engine(owner.house.databases["billing"].owner)
    with engine.begin() as connection:
        connection.execute(
            sa.text("SELECT set_config('app.account', :id, true)"), {"id": str(owner.passport.account_id)}
        )
        connection.execute(sa.text("UPDATE credit_account SET posted = held"))
    engine.dispose()
