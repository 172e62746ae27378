"""What waited when a run started, how far it is, and how long it will take."""

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2

from tests.integration.orchestrator.conftest import TOPICS, Owner
from tests.integration.orchestrator.test_engine import clustered
from tests.integration.orchestrator.workers import Worker, sweeping

Run, RunPlan = orchestrator_pb2.Run, orchestrator_pb2.RunPlan


def stages(run: orchestrator_pb2.Run) -> dict[str, orchestrator_pb2.RunStage]:
    return {stage.function: stage for stage in run.stages}


class TestSnapshot:
    def test_a_run_keeps_what_waited_for_each_stage_when_it_started(self, owner: Owner) -> None:
        clustered(owner)
        owner.add_keywords(tuple(f"cold brew {number}" for number in range(6)))
        clusters = owner.quote(stages=[2]).lines[0].items
        run = owner.start(owner.quote(stages=[1, 2, 3], max_clusters=2).id)
        waiting = {name: stage.waiting_at_start for name, stage in stages(run).items()}
        assert waiting == {"cluster_keywords": 1, "generate_ideas": clusters, "create_tasks": 0}
        owner.house.work()
        done = stages(owner.read(run.id))
        assert {name: stage.waiting_at_start for name, stage in done.items()} == waiting
        assert done["generate_ideas"].succeeded == 2

    def test_work_that_costs_nothing_is_counted_too(self, owner: Owner) -> None:
        clustered(owner)
        owner.start(owner.quote(stages=[2], max_clusters=1).id)
        owner.house.work()
        run = owner.start(plan=RunPlan(function="create_tasks"))
        assert (run.stages[0].waiting_at_start, run.items_expected) == (3, 3)
        owner.house.work()
        done = owner.read(run.id)
        assert (done.items_done, done.items_expected) == (3, 3)


class TestProgress:
    def test_what_is_expected_gives_way_to_what_is_planned(self, owner: Owner) -> None:
        owner.add_keywords()
        quote = owner.quote(stages=[1, 2, 3], stage_caps=[orchestrator_pb2.StageCap(stage=2, max_items=2)])
        run = owner.start(quote.id)
        assert run.items_done == 0
        assert run.items_expected == sum(line.items for line in quote.lines) == 1 + 2 + 6
        assert run.remaining_s > 0
        Worker(owner.house).round()  # plans the first stage
        Worker(owner.house).round()  # carries it
        clustering = owner.read(run.id)
        assert (clustering.items_done, clustering.items_expected) == (1, 9)
        owner.house.work()
        done = owner.read(run.id)
        assert done.items_done == done.items_expected == sum(stage.planned for stage in done.stages)
        assert not done.HasField("remaining_s")

    def test_the_time_left_follows_the_runs_own_pace(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=2).id)
        Worker(owner.house).round()
        self._age(owner, run.id, seconds=100)
        worker = Worker(owner.house)
        worker.round()  # both end: the first after 100 s, the second at once
        pace = self._pace(owner, run.id)
        assert 50 <= pace < 100

    def test_a_pause_is_no_slow_item(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=2).id)
        Worker(owner.house).round()
        owner.change("Pause", run.id)
        self._age(owner, run.id, seconds=10_000)
        owner.change("Resume", run.id)
        owner.house.work()
        assert self._pace(owner, run.id) < 100

    def test_the_next_run_expects_what_the_last_one_took(self, owner: Owner) -> None:
        clustered(owner)
        first = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        self._age(owner, first.id, seconds=500)
        owner.house.work()
        second = owner.start(owner.quote(stages=[2], max_clusters=2).id)
        assert 1000 <= second.remaining_s < 1500
        owner.house.work()

    def test_a_stage_that_nobody_timed_leaves_the_rest_untold(self, owner: Owner) -> None:
        owner.add_keywords(TOPICS)
        run = owner.start(owner.quote(stages=[1]).id)
        self._change(owner, run.id, "pace_s = NULL")
        assert not owner.read(run.id).HasField("remaining_s")
        owner.house.work()

    @pytest.mark.parametrize("verb", ["Pause", "Cancel"])
    def test_a_paused_run_has_work_left_and_a_cancelled_one_has_none(self, owner: Owner, verb: str) -> None:
        owner.add_keywords()
        run = owner.start(owner.quote(stages=[1]).id)
        assert owner.change(verb, run.id).HasField("remaining_s") is (verb == "Pause")
        owner.house.work()

    def _age(self, owner: Owner, run_id: str, *, seconds: int) -> None:
        earlier = f"make_interval(secs => {seconds})"
        self._change(owner, run_id, f"start_time = start_time - {earlier}, counted_time = counted_time - {earlier}")

    def _change(self, owner: Owner, run_id: str, changes: str) -> None:
        statement = sa.text(f"UPDATE run_stage SET {changes} WHERE run_id = :run AND state <> 'closed'")  # noqa: S608 - this file's own words
        with sweeping(owner.house) as database, database.untenanted() as connection:
            connection.execute(statement, {"run": run_id})

    def _pace(self, owner: Owner, run_id: str) -> float:
        with sweeping(owner.house) as database, database.untenanted() as connection:
            found = connection.execute(sa.text("SELECT pace_s FROM run_stage WHERE run_id = :run"), {"run": run_id})
            return float(found.scalar_one())
