"""Batches of a stage, one after the other, and the delay between two stages."""

import asyncio
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from google.protobuf.field_mask_pb2 import FieldMask
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.ids import new_id
from chassis.passport import Issuer, Passport
from chassis.work import Item, Selection
from services.orchestrator.clients import AsyncPeers, Call
from services.orchestrator.engine import claims, planning
from services.orchestrator.passports import of_run
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.test_engine import IDEAS, clustered, settled
from tests.integration.orchestrator.workers import Worker, make_due, sweeping

Run, Config = orchestrator_pb2.Run, orchestrator_pb2.AutomationConfig


def set_pace(owner: Owner, **values: Any) -> None:
    """Set how a site's runs are spread: size, within_s, between_s."""
    config = Config(
        site_id=str(owner.site.id),
        batch_sizes=[orchestrator_pb2.StageBatch(stage=2, size=values.get("size", 1))],
        delay_within_stage_s=values.get("within_s", 0),
        delay_between_stages_s=values.get("between_s", 0),
    )
    paths = ["batch_sizes", "delay_within_stage_s", "delay_between_stages_s"]
    request = orchestrator_service_pb2.UpdateAutomationConfigRequest(
        automation_config=config, update_mask=FieldMask(paths=paths)
    )
    owner.run("UpdateAutomationConfig", request, Config)


def dues(owner: Owner, run_id: str) -> list[tuple[int, int]]:
    """Return (batch, seconds it was made to wait) of a run's steps that wait: since it was planned or resumed."""
    statement = (
        "SELECT s.batch, extract(epoch FROM s.due - greatest(s.create_time, r.update_time))"
        " FROM step s JOIN run r ON r.account_id = s.account_id AND r.id = s.run_id"
        " WHERE s.run_id = :run AND s.status = 'ready' ORDER BY s.batch, s.due"
    )
    with sweeping(owner.house) as database, database.untenanted() as connection:
        rows = connection.execute(sa.text(statement), {"run": UUID(run_id)}).all()
    return [(row[0], int(row[1])) for row in rows]


class TestBatches:
    def test_a_batch_begins_its_delay_behind_the_one_before(self, owner: Owner) -> None:
        clustered(owner)
        set_pace(owner, size=1, within_s=100)
        run = owner.start(owner.quote(**IDEAS).id)
        Worker(owner.house).round()
        assert dues(owner, run.id) == [(0, 0), (1, 100)]
        assert [step.batch for step in owner.steps(run.id, function="generate_ideas")] == [0, 1]
        assert Worker(owner.house).round() == 1
        assert Worker(owner.house).round() == 0
        make_due(owner.house)
        Worker(owner.house).round()
        assert owner.read(run.id).status == Run.STATUS_COMPLETED
        settled(owner)

    def test_a_resumed_run_goes_on_batch_by_batch(self, owner: Owner) -> None:
        clustered(owner)
        set_pace(owner, size=1, within_s=100)
        run = owner.start(owner.quote(stages=[2], max_clusters=3).id)
        Worker(owner.house).round()
        Worker(owner.house).round()
        owner.change("Pause", run.id)
        make_due(owner.house)
        assert Worker(owner.house).round() == 0
        owner.change("Resume", run.id)
        assert dues(owner, run.id) == [(1, 0), (2, 100)]
        owner.change("Cancel", run.id)
        owner.house.work()
        settled(owner)

    def test_a_run_that_is_paused_while_it_is_planned_waits_for_its_resume(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(**IDEAS).id)
        Worker(owner.house, after={"SelectWork": lambda: owner.change("Pause", run.id)}).round()
        assert Worker(owner.house).round() == 0
        owner.change("Resume", run.id)
        owner.house.work()
        assert owner.read(run.id).status == Run.STATUS_COMPLETED
        settled(owner)

    def test_a_job_by_hand_has_no_delays(self, owner: Owner) -> None:
        clustered(owner)
        set_pace(owner, size=1, within_s=100)
        run = owner.start(owner.quote(function="generate_ideas").id)
        Worker(owner.house).round()
        assert {due for _, due in dues(owner, run.id)} == {0}
        owner.house.work()
        settled(owner)


class TestBetweenStages:
    def test_the_next_stage_is_planned_after_the_delay(self, owner: Owner) -> None:
        clustered(owner)
        set_pace(owner, size=10, between_s=200)
        run = owner.start(owner.quote(stages=[2, 3], max_clusters=1).id)
        Worker(owner.house).round()
        Worker(owner.house).round()
        assert dues(owner, run.id) == [(0, 200)]
        assert owner.read(run.id).current_stage == 3
        make_due(owner.house)
        owner.house.work()
        assert owner.read(run.id).status == Run.STATUS_COMPLETED
        settled(owner)


class _Offering(AsyncPeers):
    """An owner that offers as much as a stage may have."""

    async def send(self, call: Call[Any], passport: Passport) -> Any:  # noqa: ARG002 - as its base
        items = [Item(new_id(), "cluster", f"Cluster {n}", 3, 3) for n in range(planning.ITEMS_MAX)]
        return Selection(items, 2 * planning.ITEMS_MAX)


def test_the_largest_stage_is_planned_at_once(owner: Owner) -> None:
    clustered(owner)
    run = owner.start(owner.quote(stages=[2]).id)
    with sweeping(owner.house) as database:
        (held,) = [step for step in claims.claim(database, "local", 8) if str(step.key.run_id) == run.id]

        async def plan() -> None:
            peers = _Offering(owner.house.peer_addresses, Issuer("orchestrator", owner.house.key))
            await planning.plan_stage(database, peers, held, of_run(held.key.account_id, owner.site))
            await peers.close()

        asyncio.run(plan())
    (stage,) = owner.read(run.id).stages
    assert (stage.planned, stage.left) == (planning.ITEMS_MAX, planning.ITEMS_MAX)
    owner.change("Cancel", run.id)
    owner.house.work()
    settled(owner)
