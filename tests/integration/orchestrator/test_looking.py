"""The pipeline of a site, what it is working on, and the end of a log."""

from pathlib import Path

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.database import Database
from chassis.errors import Fault, InvalidArgument
from services.orchestrator.scribe import Scribe
from tests.integration.orchestrator.conftest import TOPICS, Owner
from tests.integration.orchestrator.test_engine import clustered
from tests.integration.orchestrator.workers import Worker, failing, sweeping

rpc = orchestrator_service_pb2
Stage = orchestrator_pb2.PipelineStage


def pipeline(owner: Owner) -> dict[str, Stage]:
    request = rpc.GetPipelineRequest(site_id=str(owner.site.id))
    return {stage.function: stage for stage in owner.run("GetPipeline", request, rpc.GetPipelineResponse).stages}


def processing(owner: Owner) -> rpc.GetCurrentProcessingResponse:
    request = rpc.GetCurrentProcessingRequest(site_id=str(owner.site.id))
    return owner.run("GetCurrentProcessing", request, rpc.GetCurrentProcessingResponse)


def tail(owner: Owner, run_id: str, lines: int = 0) -> rpc.TailRunLogResponse:
    return owner.run("TailRunLog", rpc.TailRunLogRequest(run_id=run_id, lines=lines), rpc.TailRunLogResponse)


class TestPipeline:
    def test_every_stage_says_what_waits_and_what_was_done(self, owner: Owner) -> None:
        assert [stage.stage for stage in pipeline(owner).values()] == [1, 2, 3, 4, 5, 6, 7, 7]
        owner.add_keywords()
        first = pipeline(owner)["cluster_keywords"]
        assert (first.waiting, first.waiting_quantity, first.done) == (1, len(TOPICS), 0)
        run = owner.start(owner.quote(stages=[1, 2], max_clusters=1).id)
        owner.house.work()
        clusters = owner.read(run.id).stages[0].made
        stages = pipeline(owner)
        assert (stages["cluster_keywords"].waiting, stages["cluster_keywords"].done) == (0, 1)
        assert "clustering needs 5" in stages["cluster_keywords"].skip_reason
        assert (stages["generate_ideas"].waiting, stages["generate_ideas"].done) == (clusters - 1, 1)
        assert stages["create_tasks"].waiting == 3

    def test_steps_are_queued_at_work_or_failed(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=2).id)
        Worker(owner.house).round()
        assert (pipeline(owner)["generate_ideas"].queued, pipeline(owner)["generate_ideas"].running) == (2, 0)
        seen: list[tuple[int, int]] = []

        def look() -> None:
            ideas = pipeline(owner)["generate_ideas"]
            seen.append((ideas.queued, ideas.running))

        Worker(owner.house, before={"PrepareWork": look}, after={"PrepareWork": failing(InvalidArgument("no"))}).round()
        assert seen[0] == (0, 2)
        assert pipeline(owner)["generate_ideas"].failed == len(owner.steps(run.id, status="failed")) == 2


class TestProcessing:
    def test_runs_that_are_active_and_steps_that_a_worker_has(self, owner: Owner) -> None:
        clustered(owner)
        assert not processing(owner).runs
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        assert [active.id for active in processing(owner).runs] == [run.id]
        assert not processing(owner).steps
        seen: list[orchestrator_pb2.Step] = []
        Worker(owner.house, before={"Complete": lambda: seen.extend(processing(owner).steps)}).round()
        [step] = seen
        assert (step.run_id, step.function, step.phase) == (run.id, "generate_ideas", "call")
        assert step.label
        assert step.HasField("update_time")
        assert not processing(owner).runs

    def test_a_paused_run_is_active(self, owner: Owner) -> None:
        owner.add_keywords()
        run = owner.start(owner.quote(stages=[1]).id)
        owner.change("Pause", run.id)
        assert [active.status for active in processing(owner).runs] == [orchestrator_pb2.Run.STATUS_PAUSED]
        owner.change("Cancel", run.id)


class TestTail:
    def test_the_lines_are_those_of_the_log_in_the_runs_directory(self, owner: Owner, tmp_path: Path) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        owner.house.work()
        with sweeping(owner.house) as database:
            write(database, tmp_path, run)
        [log] = tmp_path.glob(f"*/*/{run.name}_{run.id[-8:]}/automation_run.log")
        written = log.read_text().splitlines()
        assert list(tail(owner, run.id).lines) == written
        last = tail(owner, run.id, lines=2)
        assert (list(last.lines), last.position) == (written[-2:], len(written))

    @pytest.mark.parametrize("lines", [-1, 1001])
    def test_how_many_is_bounded(self, owner: Owner, lines: int) -> None:
        run = owner.start(plan=orchestrator_pb2.RunPlan(function="create_tasks"))
        owner.house.work()
        with pytest.raises(Fault) as failed:
            tail(owner, run.id, lines)
        assert [violation.field for violation in failed.value.violations] == ["lines"]

    def test_a_run_that_is_not_there_has_none(self, owner: Owner) -> None:
        with pytest.raises(Fault) as failed:
            tail(owner, "0197a1b2-0000-7000-8000-000000000000")
        assert failed.value.reason == "NOT_FOUND"


def write(database: Database, root: Path, run: orchestrator_pb2.Run) -> None:
    """Have a scribe write until the run is written; it takes 50 runs a round."""
    for _ in range(20):
        Scribe(database, root).round()
        if list(root.glob(f"*/*/{run.name}_{run.id[-8:]}")):
            return


def test_history_is_filtered_by_time(owner: Owner) -> None:
    plan = orchestrator_pb2.RunPlan(function="create_tasks")
    first = owner.start(plan=plan)
    owner.house.work()
    second = owner.start(plan=plan)
    owner.house.work()
    since = second.create_time.ToJsonString()
    assert listed(owner, f'create_time >= "{since}"') == [second.id]
    assert listed(owner, f'create_time < "{since}" AND status = "completed"') == [first.id]
    assert listed(owner, f'end_time > "{since}"') == [second.id]


def listed(owner: Owner, filter_text: str) -> list[str]:
    request = rpc.ListRunsRequest(site_id=str(owner.site.id), filter=filter_text)
    return [run.id for run in owner.run("ListRuns", request, rpc.ListRunsResponse).runs]
