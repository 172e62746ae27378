"""Starting, listing and watching runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import Fault
from tests.integration.orchestrator.conftest import Owner

Run = orchestrator_pb2.Run
RunPlan = orchestrator_pb2.RunPlan
TASKS = RunPlan(function="create_tasks")


def listed(owner: Owner, filter_text: str) -> list[str]:
    request = orchestrator_service_pb2.ListRunsRequest(site_id=str(owner.site.id), filter=filter_text)
    return [run.id for run in owner.run("ListRuns", request, orchestrator_service_pb2.ListRunsResponse).runs]


def events(owner: Owner, run_id: str, after: int = 0, size: int = 0) -> orchestrator_service_pb2.ListRunEventsResponse:
    request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run_id, after_position=after, page_size=size)
    return owner.run("ListRunEvents", request, orchestrator_service_pb2.ListRunEventsResponse)


class TestStart:
    def test_the_same_request_id_starts_one_run_even_after_it_ended(self, owner: Owner) -> None:
        first = owner.start(plan=TASKS, request_id="once")
        owner.house.work()
        assert owner.start(plan=TASKS, request_id="once").id == first.id
        assert len(listed(owner, "")) == 1

    def test_the_same_request_id_for_another_plan_is_refused(self, owner: Owner) -> None:
        owner.start(plan=TASKS, request_id="once")
        with pytest.raises(Fault) as failed:
            owner.start(plan=RunPlan(function="approve_content"), request_id="once")
        assert failed.value.reason == "REQUEST_ID_REUSED"
        owner.house.work()

    def test_without_a_request_id_each_start_is_a_run(self, owner: Owner) -> None:
        assert owner.start(plan=TASKS).id != owner.start(plan=TASKS).id
        owner.house.work()

    def test_started_eight_times_at_once_it_is_one_run(self, owner: Owner) -> None:
        quote = owner.quote(stages=[1])
        with ThreadPoolExecutor(8) as pool:
            ids = {run.id for run in pool.map(lambda _: owner.start(quote.id), range(8))}
        assert len(ids) == 1
        owner.house.work()
        assert [event.kind for event in events(owner, ids.pop()).run_events].count("run_started") == 1

    def test_of_two_automation_runs_at_once_one_is_refused(self, owner: Owner) -> None:
        quotes = [owner.quote(stages=[1]).id for _ in range(4)]

        def start(quote_id: str) -> str:
            try:
                return owner.start(quote_id).id
            except Fault as fault:
                return fault.reason

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(start, quotes))
        assert answers.count("RUN_ACTIVE") == 3
        owner.house.work()

    def test_a_job_by_hand_that_fails_says_why(self, owner: Owner) -> None:
        sector = owner.site.sectors[0].id
        key = f"imports/{owner.passport.account_id}/gone.csv"
        plan = RunPlan(function="import_keywords", options_json=f'{{"object_key": "{key}", "sector_id": "{sector}"}}')
        run = owner.start(plan=plan)
        owner.house.work()
        done = owner.read(run.id)
        assert done.status == Run.STATUS_FAILED
        [step] = owner.steps(run.id, status="failed")
        assert done.error == step.error != ""
        assert step.error_reason == "WRONG_STATE"
        assert "gone.csv" in step.error or "upload" in step.error


class TestList:
    def test_runs_are_filtered_by_status_and_name(self, owner: Owner) -> None:
        done = owner.start(plan=TASKS)
        owner.house.work()
        paused = owner.start(owner.quote(stages=[1]).id)
        owner.change("Pause", paused.id)
        assert listed(owner, 'status = "completed"') == [done.id]
        assert listed(owner, 'status = "paused"') == [paused.id]
        assert listed(owner, 'status = "failed"') == []
        assert set(listed(owner, f'name = "{done.name}" AND trigger = "manual"')) >= {done.id}
        assert listed(owner, 'trigger = "scheduled"') == []
        owner.change("Cancel", paused.id)

    @pytest.mark.parametrize("filter_text", ['colour = "red"', "status =", 'plan = "x"'])
    def test_what_cannot_be_filtered_is_refused(self, owner: Owner, filter_text: str) -> None:
        with pytest.raises(Fault) as failed:
            listed(owner, filter_text)
        assert failed.value.code.name == "INVALID_ARGUMENT"


class TestEvents:
    def test_a_paused_run_is_not_at_its_end(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1]).id)
        owner.change("Pause", run.id)
        page = events(owner, run.id)
        assert [event.kind for event in page.run_events] == ["run_started", "run_paused"]
        assert not page.ended
        assert not events(owner, run.id, after=2).run_events
        owner.change("Resume", run.id)
        owner.house.work()
        rest = events(owner, run.id, after=2)
        assert rest.run_events[0].kind == "run_resumed"
        assert rest.ended

    def test_pages_follow_each_other_and_only_the_last_is_the_end(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1, 2, 3]).id)
        owner.house.work()
        whole = [event.position for event in events(owner, run.id).run_events]
        seen: list[int] = []
        ended: list[bool] = []
        while not ended or not ended[-1]:
            page = events(owner, run.id, after=seen[-1] if seen else 0, size=2)
            seen += [event.position for event in page.run_events]
            ended.append(page.ended)
        assert seen == whole
        assert ended.count(True) == 1

    @pytest.mark.parametrize(("after", "size", "field"), [(-1, 0, "after_position"), (0, -1, "page_size")])
    def test_what_is_wrong_is_named(self, owner: Owner, after: int, size: int, field: str) -> None:
        run = owner.start(plan=TASKS)
        with pytest.raises(Fault) as failed:
            events(owner, run.id, after, size)
        assert [violation.field for violation in failed.value.violations] == [field]
        owner.house.work()
