"""A drain's loop: what it does for others while its own steps are long, and when the database goes away."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import psycopg
import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.database import Database
from chassis.passport import Issuer
from services.orchestrator.bells import Bells, celery_app
from services.orchestrator.clients import AsyncPeers
from services.orchestrator.domain.stages import ROOM
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.engine.claims import Held
from services.orchestrator.engine.drain import Drain
from services.orchestrator.passports import SiteBook
from tests.house import House
from tests.integration.orchestrator.conftest import Owner, new_owner
from tests.integration.orchestrator.test_engine import IDEAS, clustered
from tests.integration.orchestrator.workers import Act, Worker, sweeping

NOBODY = "redis://127.0.0.1:1/0"  # no bell is heard: whoever is awake must help
TASKS = orchestrator_pb2.RunPlan(function="create_tasks")


@dataclass(frozen=True)
class SlowModel(Carrier):
    """Carries steps; those that ask a model for text take a while."""

    seconds: float = 2.5

    async def carry(self, held: Held) -> None:
        if held.lane == "text":
            await asyncio.sleep(self.seconds)
        await super().carry(held)


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    with sweeping(house) as opened:
        yield opened


async def drain(house: House, database: Database, lane: str, carried: Database | None = None) -> None:
    peers = AsyncPeers(house.peer_addresses, Issuer("orchestrator", house.key))
    carrier = SlowModel(database, peers, SiteBook(), random.Random(1))  # noqa: S311 - the same waits every time
    await Drain(carried or database, carrier, Bells(database, celery_app(NOBODY)), lane).run()
    await peers.close()


def thinking(owner: Owner) -> str:
    """Start a run that waits for a model, and return its id."""
    clustered(owner)
    run = owner.start(owner.quote(**IDEAS).id)
    Worker(owner.house).round()
    return run.id


class TestDrain:
    def test_while_a_model_thinks_another_tenants_lane_is_not_left_alone(
        self, house: House, owner: Owner, database: Database
    ) -> None:
        slow, other = thinking(owner), new_owner(house)
        quick = other.start(plan=TASKS)
        ended: list[tuple[str, float]] = []

        async def look(began: float) -> None:
            for run_id, whose in ((quick.id, other), (slow, owner)):
                while (await asyncio.to_thread(whose.read, run_id)).status == orchestrator_pb2.Run.STATUS_RUNNING:
                    await asyncio.sleep(0.05)
                ended.append((run_id, time.monotonic() - began))

        async def both() -> None:
            await asyncio.gather(drain(house, database, "text"), look(time.monotonic()))

        asyncio.run(asyncio.wait_for(both(), timeout=20))
        assert [run_id for run_id, _ in ended] == [quick.id, slow]
        assert ended[0][1] < 3

    def test_a_worker_that_is_to_end_claims_nothing_more(self, house: House, owner: Owner, database: Database) -> None:
        run_id = thinking(owner)
        bells = Bells(database, celery_app(NOBODY))

        async def stopped() -> None:
            peers = AsyncPeers(house.peer_addresses, Issuer("orchestrator", house.key))
            carrier = Carrier(database, peers, SiteBook(), random.Random(1))  # noqa: S311 - the same waits every time
            await Drain(database, carrier, bells, "text", stopping=lambda: True).run()
            await peers.close()

        asyncio.run(stopped())
        assert owner.read(run_id).stages[0].succeeded == 0
        house.work()
        assert owner.read(run_id).stages[0].succeeded == 2

    def test_no_more_models_are_asked_at_once_than_there_is_room_and_who_waits_has_set_nothing_aside(
        self, owner: Owner
    ) -> None:
        run_id = thinking(owner)
        told: list[str] = []
        before: dict[str, Act] = {method: partial(told.append, method) for method in ("Reserve", "Complete")}
        after: dict[str, Act] = {"Complete": partial(told.append, "answered")}
        Worker(owner.house, before, after, room={**ROOM, "text": 1}).round()
        assert told == ["Reserve", "Complete", "answered"] * 2
        assert owner.read(run_id).stages[0].succeeded == 2

    def test_a_worker_that_is_to_end_asks_no_model_for_who_waits_and_leaves_him_to_others(
        self, house: House, owner: Owner
    ) -> None:
        run_id = thinking(owner)
        told, stopping = list[str](), threading.Event()
        before: dict[str, Act] = {method: partial(told.append, method) for method in ("Reserve", "Complete")}
        Worker(house, before, {"Complete": stopping.set}, room={**ROOM, "text": 1}, stopping=stopping.is_set).round()
        assert told == ["Reserve", "Complete"]
        assert owner.read(run_id).stages[0].succeeded == 1
        steps = {step.status: step for step in owner.steps(run_id, function="generate_ideas")}
        assert set(steps) == {orchestrator_pb2.Step.STATUS_SUCCEEDED, orchestrator_pb2.Step.STATUS_READY}
        assert steps[orchestrator_pb2.Step.STATUS_READY].error_reason == ""
        house.work()
        assert owner.read(run_id).stages[0].succeeded == 2

    def test_a_step_of_a_paused_run_does_not_look_busy_when_its_worker_ends(self, owner: Owner) -> None:
        run_id = thinking(owner)
        stopping = threading.Event()

        def pause_and_end() -> None:
            if not stopping.is_set():
                owner.change("Pause", run_id)
                stopping.set()

        room = {**ROOM, "text": 1}
        worker = Worker(owner.house, {}, {"Complete": pause_and_end}, room=room, stopping=stopping.is_set)
        worker.round()
        assert worker.sent.count("AbandonWork") == 2  # of who was answered too late, and of who waited for a turn

    def test_who_waits_for_a_turn_is_woken_when_the_worker_is_to_end(
        self, house: House, owner: Owner, database: Database
    ) -> None:
        run_id = thinking(owner)
        ended = list[str]()

        async def act() -> None:
            peers = AsyncPeers(house.peer_addresses, Issuer("orchestrator", house.key))
            chance = random.Random(1)  # noqa: S311 - the same waits every time
            carrier = Carrier(
                database, peers, SiteBook(), chance, room={**ROOM, "text": 0}, stopping=lambda: bool(ended)
            )
            held = claims.claim(database, "text", 10)
            steps = [asyncio.create_task(carrier.carry(step)) for step in held]
            done, _ = await asyncio.wait(steps, timeout=0.5)
            assert not done
            ended.append("now")
            carrier.hand_on(len(held))
            await asyncio.wait_for(asyncio.gather(*steps), 5)
            await peers.close()

        asyncio.run(act())
        house.work()
        assert owner.read(run_id).stages[0].succeeded == 2

    @pytest.mark.parametrize(("lane", "wanted"), [("text", 48), ("image", 24), ("publish", 0), ("local", 0)])
    def test_only_a_lane_that_asks_models_is_carried_ahead_when_it_has_been_full(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, lane: str, wanted: int
    ) -> None:
        asked: list[int] = []

        def claim(_database: Database, _lane: str, count: int, **_: object) -> list[Held]:
            asked.append(count)
            return []

        monkeypatch.setattr(claims, "claim", claim)
        carrier, bells = Mock(spec=Carrier), Bells(database, celery_app(NOBODY))
        drain = Drain(database, carrier, bells, lane, full_since=time.monotonic() - 5)
        full = {n: SimpleNamespace(lane=lane) for n in range(ROOM[lane])}
        asyncio.run(drain._claim_lane(lane, cast("Any", full)))
        assert asked == ([wanted - ROOM[lane]] if wanted else [])

    def test_steps_that_begin_together_ask_for_their_site_once(self, owner: Owner) -> None:
        thinking(owner)
        worker = Worker(owner.house)
        assert worker.round() == 2
        assert worker.sent.count("ResolveSite") == 1

    def test_an_empty_lane_is_left_soon(self, house: House, database: Database) -> None:
        house.work()
        began = time.monotonic()
        asyncio.run(drain(house, database, "sync"))
        assert time.monotonic() - began < 2

    def test_steps_under_way_outlive_a_database_that_goes_away(
        self, house: House, owner: Owner, database: Database
    ) -> None:
        run_id = thinking(owner)

        class Leaving(Database):
            """Gone once something was claimed."""

            claimed = False

            def single(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
                if self.claimed:
                    raise psycopg.OperationalError("the server closed the connection")
                type(self).claimed = bool(claims.due_lanes(database, ["text"]))
                return super().single(statement, parameters)

        leaving = Leaving(house.databases["orchestrator"].sweep, pool_size=2)
        asyncio.run(drain(house, database, "text", leaving))
        leaving.close()
        assert owner.read(run_id).stages[0].succeeded == 2
