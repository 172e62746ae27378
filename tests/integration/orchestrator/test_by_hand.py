"""Single actions: one function on named rows, started by a person."""

from typing import Any

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2
from igny8.writer.v1 import writer_pb2, writer_service_pb2

from chassis.errors import Fault, Kind
from tests.integration.orchestrator.conftest import TOPICS, Owner, new_owner
from tests.integration.orchestrator.test_engine import clustered, settled
from tests.integration.orchestrator.workers import Worker

Run, RunPlan = orchestrator_pb2.Run, orchestrator_pb2.RunPlan
NOWHERE = "0197a1b2-0000-7000-8000-000000000000"
FREE = ("create_tasks", "approve_content", "publish_content")
PRICED = ("cluster_keywords", "generate_ideas", "generate_content", "generate_image_prompts", "generate_image")


def start(owner: Owner, function: str, *subjects: str, **plan: Any) -> orchestrator_pb2.Run:
    """Start a job by hand as a person does: with a quote where it has a price."""
    if function in FREE:
        return owner.start(plan=RunPlan(function=function, subject_ids=subjects, **plan))
    return owner.start(owner.quote(function=function, subject_ids=subjects, **plan).id)


def do(owner: Owner, function: str, *subjects: str, **plan: Any) -> list[str]:
    """Do a job by hand; return what it made, or worked on where it made nothing."""
    run = start(owner, function, *subjects, **plan)
    owner.house.work()
    done = owner.read(run.id)
    assert (done.status, done.current_stage) == (Run.STATUS_COMPLETED, 0), owner.steps(run.id)
    steps = owner.steps(run.id, function=function)
    assert {step.subject_id for step in steps} == set(subjects)
    assert done.captured_credits == sum(step.credits for step in steps)
    return [step.subject_id for step in steps]


def waiting(owner: Owner, function: str) -> list[str]:
    """Return the rows that a function would be run on now, as a run that is paused before its work has planned them."""
    run = start(owner, function)
    Worker(owner.house).round()
    owner.change("Pause", run.id)
    found = [step.subject_id for step in owner.steps(run.id, function=function)]
    owner.change("Cancel", run.id)
    owner.house.work()
    return found


class TestEachFunction:
    def test_a_site_is_made_by_hand_from_keywords_to_a_page(self, owner: Owner) -> None:
        owner.add_keywords()
        owner.connect_sites()
        do(owner, "cluster_keywords", str(owner.site.sectors[0].id))
        clusters = waiting(owner, "generate_ideas")
        do(owner, "generate_ideas", clusters[0])
        assert clusters[0] not in waiting(owner, "generate_ideas")
        ideas = waiting(owner, "create_tasks")
        do(owner, "create_tasks", ideas[0])
        owner.house.relay()
        assert set(waiting(owner, "create_tasks")) == set(ideas[1:])
        [task] = waiting(owner, "generate_content")
        do(owner, "generate_content", task)
        [content] = waiting(owner, "generate_image_prompts")
        do(owner, "generate_image_prompts", content, images_per_article=1)
        [image] = waiting(owner, "generate_image")
        do(owner, "generate_image", image)
        do(owner, "approve_content", content)
        do(owner, "publish_content", content)
        owner.house.relay()
        request = writer_service_pb2.GetContentRequest(site_id=str(owner.site.id), content_id=content)
        path = "/igny8.writer.v1.WriterService/GetContent"
        page = owner.house.call(path, request, writer_pb2.Content, owner.passport)
        assert page.status == writer_pb2.Content.STATUS_PUBLISHED
        settled(owner)


class TestRefusals:
    @pytest.mark.parametrize("function", [*FREE, *PRICED])
    def test_a_row_that_is_not_there_is_named(self, owner: Owner, function: str) -> None:
        with pytest.raises(Fault) as failed:
            start(owner, function, NOWHERE)
        assert failed.value.code is Kind.INVALID_ARGUMENT
        [violation] = failed.value.violations
        assert violation.field == "plan.subject_ids"
        assert NOWHERE in violation.description
        assert function in violation.description

    def test_a_row_of_somebody_else_is_not_there(self, owner: Owner) -> None:
        clustered(owner)
        [cluster, *_] = waiting(owner, "generate_ideas")
        stranger = new_owner(owner.house)
        with pytest.raises(Fault) as failed:
            start(stranger, "generate_ideas", cluster)
        assert failed.value.code is Kind.INVALID_ARGUMENT

    def test_one_that_is_wrong_among_many_stops_all_before_anything_is_spent(self, owner: Owner) -> None:
        clustered(owner)
        [cluster, *_] = waiting(owner, "generate_ideas")
        before = owner.balance().posted
        with pytest.raises(Fault) as failed:
            start(owner, "generate_ideas", cluster, NOWHERE)
        assert cluster not in failed.value.message
        assert owner.balance().posted == before

    def test_a_row_that_another_run_is_at_work_on_is_busy(self, owner: Owner) -> None:
        clustered(owner)
        [cluster, *_] = waiting(owner, "generate_ideas")
        late = owner.quote(function="generate_ideas", subject_ids=[cluster])
        first = start(owner, "generate_ideas", cluster)
        Worker(owner.house).round()  # plans it
        for refused in (
            lambda: owner.quote(function="generate_ideas", subject_ids=[cluster]),
            lambda: owner.start(late.id),
        ):
            with pytest.raises(Fault) as failed:
                refused()
            assert failed.value.reason == "SUBJECT_BUSY"
            assert first.name in failed.value.message
            assert cluster in failed.value.message
        owner.change("Cancel", first.id)
        assert owner.start(late.id).status == Run.STATUS_RUNNING
        owner.house.work()

    def test_work_without_a_price_can_be_busy_too(self, owner: Owner) -> None:
        clustered(owner)
        owner.start(owner.quote(stages=[2], max_clusters=1).id)
        owner.house.work()
        idea = waiting(owner, "create_tasks")[0]
        first = start(owner, "create_tasks", idea)
        Worker(owner.house).round()
        with pytest.raises(Fault) as failed:
            start(owner, "create_tasks", idea)
        assert failed.value.reason == "SUBJECT_BUSY"
        owner.house.work()
        assert owner.read(first.id).status == Run.STATUS_COMPLETED

    def test_a_start_that_is_repeated_after_its_end_is_still_that_run(self, owner: Owner) -> None:
        clustered(owner)
        owner.start(owner.quote(stages=[2], max_clusters=1).id)
        owner.house.work()
        plan = RunPlan(function="create_tasks", subject_ids=waiting(owner, "create_tasks")[:1])
        run = owner.start(plan=plan, request_id="once")
        owner.house.work()
        assert owner.start(plan=plan, request_id="once").id == run.id

    def test_too_few_keywords_are_said_before_anything_is_spent(self, owner: Owner) -> None:
        owner.add_keywords(TOPICS[:3])
        with pytest.raises(Fault) as failed:
            owner.quote(function="cluster_keywords")
        assert failed.value.reason == "NOTHING_TO_DO"
        assert "clustering needs 5" in failed.value.message
