"""What a site may use in a day: its runs stop there, and go on with the next day."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.clock import SystemClock
from chassis.errors import Kind, RemoteFault
from chassis.passport import Issuer
from chassis.testing.clock import FakeClock
from services.orchestrator.clients import AsyncPeers
from services.orchestrator.domain.stages import LANES
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.passports import SiteBook
from services.orchestrator.usecases import running
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.test_config import change
from tests.integration.orchestrator.test_engine import clustered, settled
from tests.integration.orchestrator.test_scheduler import execute
from tests.integration.orchestrator.workers import Worker, sweeping

Run = orchestrator_pb2.Run
DAY = timedelta(days=1)


def work_at(owner: Owner, moment: datetime) -> None:
    """Carry what is due, as if it were another moment."""

    async def carry() -> None:
        peers = AsyncPeers(owner.house.peer_addresses, Issuer("orchestrator", owner.house.key))
        with sweeping(owner.house) as database:
            chance = random.Random(1)  # noqa: S311 - the same waits every time
            carrier = Carrier(database, peers, SiteBook(), chance, clock=FakeClock(moment))
            while held := [step for lane in LANES for step in claims.claim(database, lane, 8)]:
                await asyncio.gather(*[carrier.carry(step) for step in held])
        await peers.close()

    asyncio.run(carry())


def resume_due(owner: Owner) -> None:
    with sweeping(owner.house) as database:
        running.resume_due(database)


@pytest.fixture
def stopped(owner: Owner) -> Run:
    """A run of three steps of 6 credits, whose site may use 14 a day and has used one before."""
    clustered(owner)
    change(owner, daily_credits=14, time_zone="Asia/Karachi")
    run = owner.start(owner.quote(stages=[2], max_clusters=3).id)
    owner.house.work()
    return owner.read(run.id)


class TestDailyLimit:
    def test_a_run_stops_at_it_until_the_next_local_day(self, owner: Owner, stopped: Run) -> None:
        assert (stopped.status, stopped.pause_reason) == (Run.STATUS_PAUSED, "daily_limit_reached")
        assert stopped.captured_credits == 12
        goes_on = stopped.resume_time.ToDatetime(tzinfo=UTC)
        assert goes_on.strftime("%H:%M") == "19:00"  # midnight in Karachi
        assert timedelta(0) < goes_on - datetime.now(UTC) <= DAY
        settled(owner)
        owner.change("Cancel", stopped.id)

    def test_on_the_next_day_it_goes_on_by_itself_to_its_end(self, owner: Owner, stopped: Run) -> None:
        resume_due(owner)
        assert owner.read(stopped.id).status == Run.STATUS_PAUSED
        execute(owner, "UPDATE run SET resume_time = now() WHERE site_id = :site AND status = 'paused'")
        resume_due(owner)
        resumed = owner.read(stopped.id)
        assert (resumed.status, resumed.HasField("resume_time")) == (Run.STATUS_RUNNING, False)
        work_at(owner, SystemClock().now() + DAY)
        done = owner.read(stopped.id)
        assert (done.status, done.captured_credits) == (Run.STATUS_COMPLETED, 18)
        assert done.captured_credits == sum(step.credits for step in owner.steps(done.id))
        settled(owner)

    def test_resumed_on_the_same_day_it_stops_again(self, owner: Owner, stopped: Run) -> None:
        owner.change("Resume", stopped.id)
        owner.house.work()
        again = owner.read(stopped.id)
        assert (again.pause_reason, again.captured_credits) == ("daily_limit_reached", 12)
        owner.change("Cancel", stopped.id)
        assert not owner.read(stopped.id).HasField("resume_time")

    def test_when_the_limit_is_raised_it_goes_on(self, owner: Owner, stopped: Run) -> None:
        change(owner, daily_credits=19)
        resume_due(owner)
        owner.house.work()
        done = owner.read(stopped.id)
        assert (done.status, done.captured_credits) == (Run.STATUS_COMPLETED, 18)

    def test_when_it_is_raised_while_a_step_is_refused_nothing_waits(self, owner: Owner) -> None:
        clustered(owner)
        change(owner, daily_credits=3)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)

        def refused_and_then_raised() -> None:
            change(owner, daily_credits=100)
            raise RemoteFault(Kind.RESOURCE_EXHAUSTED, "DAILY_LIMIT_REACHED", "The site may use 3 credits a day.")

        Worker(owner.house).round()  # plans
        Worker(owner.house, before={"Reserve": refused_and_then_raised}).round()
        assert owner.read(run.id).status == Run.STATUS_RUNNING
        owner.house.work()
        assert owner.read(run.id).status == Run.STATUS_COMPLETED

    def test_one_that_a_person_paused_then_waits_for_the_person(self, owner: Owner, stopped: Run) -> None:
        owner.change("Pause", stopped.id)
        execute(owner, "UPDATE run SET resume_time = now() WHERE site_id = :site AND resume_time IS NOT NULL")
        resume_due(owner)
        assert owner.read(stopped.id).pause_reason == "paused_by_user"
        owner.change("Cancel", stopped.id)

    def test_work_under_way_is_waited_for(self, owner: Owner) -> None:
        clustered(owner)
        change(owner, daily_credits=19)  # exactly enough, when what is set aside at worst was captured
        run = owner.start(owner.quote(stages=[2], max_clusters=3).id)
        owner.house.work()
        assert owner.read(run.id).status == Run.STATUS_COMPLETED
