"""The engine where runs are paused, cancelled, refused or left alone at awkward moments."""

from collections import Counter
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import Internal, InvalidArgument, NotFound, Unavailable
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.workers import Worker, around, failing, make_due, sweeping

Run, Step, RunPlan = orchestrator_pb2.Run, orchestrator_pb2.Step, orchestrator_pb2.RunPlan
IDEAS = {"stages": [2], "max_clusters": 2}
MOMENTS = [
    ("after", "SelectWork"),
    ("before", "Reserve"),
    ("before", "Complete"),
    ("after", "Complete"),
    ("before", "ApplyWork"),
    ("after", "Capture"),
]
TASKS = RunPlan(function="create_tasks")


def clustered(owner: Owner) -> None:
    """Give a site clusters that wait for ideas."""
    owner.add_keywords()
    run = owner.start(owner.quote(stages=[1]).id)
    owner.house.work()
    assert owner.read(run.id).status == Run.STATUS_COMPLETED


def kinds(owner: Owner, run_id: str) -> list[str]:
    request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run_id, page_size=1000)
    page = owner.run("ListRunEvents", request, orchestrator_service_pb2.ListRunEventsResponse)
    assert [event.position for event in page.run_events] == list(range(1, len(page.run_events) + 1))
    return [event.kind for event in page.run_events]


def settled(owner: Owner) -> None:
    """Check that nothing is held and that the books are right."""
    assert owner.balance().held == 0
    assert owner.ledger().ok, owner.ledger().differences


class TestStages:
    def test_the_first_stage_is_the_current_one_from_the_start(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[2, 3]).id)
        assert run.current_stage == 2
        owner.change("Cancel", run.id)

    def test_a_job_by_hand_has_no_stage(self, owner: Owner) -> None:
        run = owner.start(plan=TASKS)
        assert run.current_stage == 0
        owner.house.work()
        assert owner.read(run.id).current_stage == 0

    def test_two_last_steps_at_once_close_their_stage_once(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2, 3], max_clusters=2).id)
        Worker(owner.house).round()  # plans
        assert Worker(owner.house).round() == 2
        owner.house.work()
        assert Counter(kinds(owner, run.id))["stage_closed"] == 2
        assert owner.read(run.id).status == Run.STATUS_COMPLETED

    def test_items_of_another_run_are_counted_as_left(self, owner: Owner) -> None:
        clustered(owner)
        first = owner.start(owner.quote(function="generate_ideas").id)
        Worker(owner.house).round()
        assert len(owner.steps(first.id, function="generate_ideas")) > 0
        second = owner.start(owner.quote(function="generate_ideas").id)
        Worker(owner.house, before={"PrepareWork": failing(Unavailable("down"))}).round()  # plans the second
        stage = owner.read(second.id).stages[0]
        assert stage.planned == 0
        assert stage.left == len(owner.steps(first.id, function="generate_ideas"))
        assert "another run" in stage.skip_reason
        make_due(owner.house)
        owner.house.work()
        assert owner.read(first.id).status == owner.read(second.id).status == Run.STATUS_COMPLETED

    def test_a_stage_that_cannot_be_planned_fails_the_run_and_says_why(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1, 2]).id)
        refusal = InvalidArgument("The planner does not like this.")
        Worker(owner.house, before={"SelectWork": failing(refusal)}).round()
        done = owner.read(run.id)
        assert done.status == Run.STATUS_FAILED
        assert done.error == "The planner does not like this. When that is put right, start the run again."
        assert kinds(owner, run.id)[-1] == "run_failed"
        owner.start(owner.quote(stages=[1]).id)  # the site is free for another run
        owner.house.work()

    def test_a_fault_of_the_owner_while_planning_is_tried_again_a_few_times(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1]).id)
        worker = Worker(owner.house, before={"SelectWork": failing(Internal("broken"))})
        while worker.round():
            make_due(owner.house)
        assert worker.sent.count("SelectWork") == 5
        assert owner.read(run.id).status == Run.STATUS_FAILED

    def test_a_run_without_pictures_leaves_those_of_other_runs_alone(self, owner: Owner) -> None:
        worker = Worker(owner.house)
        quote = owner.quote(stages=[6], images_per_article=0)
        run = owner.start(quote.id)
        worker.round()
        assert "SelectWork" not in worker.sent
        assert "no pictures" in owner.read(run.id).stages[0].skip_reason

    def test_a_planner_that_died_is_followed_by_another(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(**IDEAS).id)
        with pytest.raises(SystemError):
            Worker(owner.house, after={"SelectWork": failing(SystemError())}).round()
        make_due(owner.house)
        owner.house.work()
        assert owner.read(run.id).stages[0].succeeded == 2

    def test_when_everything_failed_the_run_failed(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(**IDEAS).id)
        Worker(owner.house).round()
        Worker(owner.house, before={"PrepareWork": failing(InvalidArgument("No such cluster."))}).round()
        done = owner.read(run.id)
        assert done.status == Run.STATUS_FAILED
        assert done.error == "No such cluster. When that is put right, replay the step."
        assert done.stages[0].failed == 2
        assert kinds(owner, run.id)[-2:] == ["stage_closed", "run_failed"]
        settled(owner)

    def test_when_something_went_well_the_run_completed(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(**IDEAS).id)
        Worker(owner.house).round()
        faults = iter([InvalidArgument("No such cluster.")])

        def first_only() -> None:
            for fault in faults:
                raise fault

        Worker(owner.house, before={"PrepareWork": first_only}).round()
        done = owner.read(run.id)
        assert done.status == Run.STATUS_COMPLETED
        assert (done.stages[0].succeeded, done.stages[0].failed) == (1, 1)
        settled(owner)


class TestPause:
    @pytest.mark.parametrize(("moment", "method"), MOMENTS)
    def test_paused_at_any_call_and_resumed_it_does_everything_once(
        self, owner: Owner, moment: str, method: str
    ) -> None:
        clustered(owner)
        posted = owner.balance().posted
        run = owner.start(owner.quote(**IDEAS).id)
        worker = around(owner.house, moment, method, lambda: owner.change("Pause", run.id))
        while worker.round():
            pass
        paused = owner.read(run.id)
        assert owner.balance().held == 0
        if paused.status == Run.STATUS_PAUSED:
            assert not owner.steps(run.id, status="running")
            owner.change("Resume", run.id)
        owner.house.work()
        done = owner.read(run.id)
        assert (done.status, done.pause_reason) == (Run.STATUS_COMPLETED, "")
        assert done.stages[0].succeeded == 2
        assert posted - owner.balance().posted == done.captured_credits == 2 * 6
        settled(owner)

    def test_resumed_twice_goes_on_once(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1]).id)
        owner.change("Pause", run.id)
        owner.change("Resume", run.id)
        assert owner.change("Resume", run.id).status == Run.STATUS_RUNNING
        owner.house.work()
        assert Counter(kinds(owner, run.id))["run_resumed"] == 1


class TestCancel:
    @pytest.mark.parametrize(("moment", "method"), MOMENTS)
    def test_cancelled_at_any_call_it_stays_cancelled_and_pays_only_for_what_was_made(
        self, owner: Owner, moment: str, method: str
    ) -> None:
        clustered(owner)
        posted = owner.balance().posted
        run = owner.start(owner.quote(**IDEAS).id)
        worker = around(owner.house, moment, method, lambda: owner.change("Cancel", run.id))
        while worker.round():
            make_due(owner.house)
        done = owner.read(run.id)
        assert done.status == Run.STATUS_CANCELLED
        steps = owner.steps(run.id)
        assert not [step for step in steps if step.status in {Step.STATUS_READY, Step.STATUS_RUNNING}]
        assert posted - owner.balance().posted == done.captured_credits == sum(step.credits for step in steps)
        settled(owner)

    def test_the_next_stage_does_not_open(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2, 3], max_clusters=1).id)
        Worker(owner.house).round()
        Worker(owner.house, before={"Capture": lambda: owner.change("Cancel", run.id)}).round()
        assert [stage.state for stage in owner.read(run.id).stages] == ["open", "pending"]
        assert Worker(owner.house).round() == 0

    def test_a_run_that_was_never_planned_has_no_cancelled_items(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[2]).id)
        owner.change("Cancel", run.id)
        assert owner.read(run.id).stages[0].cancelled == 0

    def test_steps_that_wait_with_a_hold_are_unwound(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(**IDEAS).id)
        Worker(owner.house).round()
        Worker(owner.house, before={"Complete": failing(Unavailable("The model is away."))}).round()
        assert owner.balance().held > 0
        owner.change("Cancel", run.id)
        assert Worker(owner.house).round() == 2
        assert {step.status for step in owner.steps(run.id, function="generate_ideas")} == {Step.STATUS_CANCELLED}
        assert owner.read(run.id).stages[0].cancelled == 2
        settled(owner)

    def test_a_watcher_hears_of_what_ended_after_the_cancel(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        ended: list[bool] = []

        def cancel() -> None:
            owner.change("Cancel", run.id)
            request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run.id)
            page = owner.run("ListRunEvents", request, orchestrator_service_pb2.ListRunEventsResponse)
            ended.append(page.ended)

        Worker(owner.house, before={"Capture": cancel}).round()
        request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run.id)
        page = owner.run("ListRunEvents", request, orchestrator_service_pb2.ListRunEventsResponse)
        assert ended == [False]
        assert page.ended
        assert page.run_events[-1].kind == "step_succeeded"


class TestTenantGone:
    def test_a_run_of_a_deleted_site_ends_and_says_why(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1]).id)
        owner.delete_site()
        owner.house.work()
        done = owner.read(run.id)
        assert done.status == Run.STATUS_FAILED
        assert "site" in done.error

    def test_a_run_of_a_suspended_account_ends_and_says_why(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1]).id)
        owner.suspend()
        owner.house.work()
        done = owner.read(run.id)
        assert done.status == Run.STATUS_FAILED
        assert "suspended" in done.error

    def test_a_step_with_a_hold_lets_go_of_it(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        Worker(owner.house, before={"Complete": failing(Unavailable("The model is away."))}).round()
        assert owner.balance().held > 0
        owner.delete_site()
        for _ in range(3):
            make_due(owner.house)
            Worker(owner.house).round()
        with sweeping(owner.house) as database, database.untenanted() as connection:
            rows = connection.execute(
                sa.text("SELECT status, reserved FROM step WHERE run_id = :run AND function = 'generate_ideas'"),
                {"run": UUID(run.id)},
            ).all()
            connection.execute(  # whatever it came to, the other tests' workers must not meet it
                sa.text("UPDATE step SET status = 'failed' WHERE run_id = :run"), {"run": UUID(run.id)}
            )
        assert [tuple(row) for row in rows] == [("failed", False)]
        settled(owner)

    def test_what_was_applied_is_paid_after_the_site_was_deleted(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        Worker(owner.house, before={"Capture": failing(Unavailable("Billing is away."))}).round()
        owner.delete_site()
        make_due(owner.house)
        Worker(owner.house).round()
        done = owner.read(run.id)
        assert (done.status, done.captured_credits) == (Run.STATUS_COMPLETED, 6)
        settled(owner)

    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("gone", ["delete_site", "suspend"])
    def test_what_was_sent_to_be_applied_is_settled_whatever_became_of_the_tenant(
        self, owner: Owner, moment: str, gone: str
    ) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        with pytest.raises(SystemError):
            around(owner.house, moment, "ApplyWork", failing(SystemError())).round()
        assert owner.balance().held > 0
        getattr(owner, gone)()
        make_due(owner.house)
        assert Worker(owner.house).round() == 1
        done = owner.read(run.id)
        assert (done.status, done.captured_credits) == (Run.STATUS_COMPLETED, 6)
        settled(owner)

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_of_a_site_that_identity_has_forgotten_the_owner_knows_what_it_stored(
        self, owner: Owner, moment: str
    ) -> None:
        clustered(owner)
        posted = owner.balance().posted
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        with pytest.raises(SystemError):
            around(owner.house, moment, "ApplyWork", failing(SystemError())).round()
        make_due(owner.house)
        Worker(owner.house, before={"ResolveSite": failing(NotFound("There is no such site."))}).round()
        (step,) = owner.steps(run.id, function="generate_ideas")
        assert step.status == Step.STATUS_SUCCEEDED
        assert posted - owner.balance().posted == 6
        settled(owner)

    def test_a_definite_no_of_the_owner_ends_a_step_that_was_sent(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        with pytest.raises(SystemError):
            around(owner.house, "before", "ApplyWork", failing(SystemError())).round()
        owner.delete_site()
        make_due(owner.house)
        Worker(owner.house, before={"ApplyWork": failing(NotFound("The cluster is gone."))}).round()
        done = owner.read(run.id)
        assert (done.status, done.captured_credits) == (Run.STATUS_FAILED, 0)
        settled(owner)

    def test_a_fault_of_ours_fails_the_step_after_a_few_tries(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
        Worker(owner.house).round()
        worker = Worker(owner.house, after={"Complete": failing(KeyError("text"))})
        while worker.round():
            make_due(owner.house)
        assert owner.read(run.id).status == Run.STATUS_FAILED
        assert worker.sent.count("Complete") == 5
        settled(owner)
