"""Failures that pass, failures that stay, and what a step says and keeps meanwhile."""

from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.errors import Fault, InvalidArgument, Kind, RemoteFault, Unavailable
from services.orchestrator.domain.failures import OUTAGE_FAILURES_MAX, RETRY_AFTER_MAX_S
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.test_engine import clustered, settled
from tests.integration.orchestrator.workers import Worker, failing, make_due, sweeping

Run, Step = orchestrator_pb2.Run, orchestrator_pb2.Step
AWAY = Unavailable("The ai service cannot be reached.")


def busy(retry_after_s: float) -> Fault:
    return RemoteFault(
        Kind.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED", "The provider asks to wait.", retry_after_s=retry_after_s
    )


def one_idea(owner: Owner) -> str:
    """Start and plan a run over one cluster; return its id."""
    clustered(owner)
    run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
    Worker(owner.house).round()
    return run.id


def step_of(owner: Owner, run_id: str) -> orchestrator_pb2.Step:
    (step,) = owner.steps(run_id, function="generate_ideas")
    return step


def failed_before(owner: Owner, run_id: str, failures: int) -> None:
    """Let the model have been away for so many tries."""
    Worker(owner.house, before={"Complete": failing(AWAY)}).round()
    set_failures(owner, run_id, failures)
    make_due(owner.house)


def set_failures(owner: Owner, run_id: str, failures: int) -> None:
    with sweeping(owner.house) as database, database.untenanted() as connection:
        statement = "UPDATE step SET failures = :n WHERE run_id = :run AND function = 'generate_ideas'"
        connection.execute(sa.text(statement), {"n": failures, "run": UUID(run_id)})


def waits_s(owner: Owner, run_id: str) -> float:
    with sweeping(owner.house) as database, database.untenanted() as connection:
        statement = "SELECT extract(epoch FROM due - now()) FROM step WHERE run_id = :run AND status = 'ready'"
        return float(connection.execute(sa.text(statement), {"run": UUID(run_id)}).scalar_one())


class TestOutage:
    def test_a_service_that_is_away_for_some_minutes_fails_no_step(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        worker = Worker(owner.house, before={"Complete": failing(AWAY)})
        for _ in range(25):
            assert worker.round() == 1
            make_due(owner.house)
        waiting = step_of(owner, run_id)
        assert (waiting.status, waiting.error_kind) == (Step.STATUS_READY, "transient")
        assert "cannot be reached" in waiting.error
        Worker(owner.house).round()
        done = step_of(owner, run_id)
        assert (done.status, done.error, done.error_reason) == (Step.STATUS_SUCCEEDED, "", "")
        assert done.error_kind == ""
        settled(owner)

    def test_one_that_stays_away_fails_the_step_which_says_what_to_do(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        failed_before(owner, run_id, OUTAGE_FAILURES_MAX - 1)
        Worker(owner.house, before={"Complete": failing(AWAY)}).round()
        step = step_of(owner, run_id)
        assert (step.status, step.error_kind) == (Step.STATUS_FAILED, "transient")
        tried = f"It was tried {OUTAGE_FAILURES_MAX} times. When the cause is gone, replay the step."
        assert step.error == f"The ai service cannot be reached. {tried}"
        settled(owner)

    def test_failures_are_counted_anew_behind_what_went_well(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        failed_before(owner, run_id, OUTAGE_FAILURES_MAX - 1)
        Worker(owner.house, before={"ApplyWork": failing(AWAY)}).round()
        make_due(owner.house)
        Worker(owner.house).round()
        assert step_of(owner, run_id).status == Step.STATUS_SUCCEEDED

    def test_once_apply_was_sent_no_outage_is_too_long(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        Worker(owner.house, before={"ApplyWork": failing(AWAY)}).round()
        set_failures(owner, run_id, OUTAGE_FAILURES_MAX * 10)
        make_due(owner.house)
        Worker(owner.house, before={"ApplyWork": failing(AWAY)}).round()
        assert step_of(owner, run_id).status == Step.STATUS_READY
        make_due(owner.house)
        Worker(owner.house).round()
        assert step_of(owner, run_id).status == Step.STATUS_SUCCEEDED
        settled(owner)

    def test_billing_that_stays_away_leaves_no_hold_behind(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        failed_before(owner, run_id, OUTAGE_FAILURES_MAX - 1)
        away = {"Release": failing(AWAY), "Complete": failing(AWAY)}
        Worker(owner.house, before=away).round()
        assert step_of(owner, run_id).status == Step.STATUS_RUNNING  # its lease runs out, and somebody tries again
        make_due(owner.house)
        Worker(owner.house, before={"Complete": failing(AWAY)}).round()
        assert step_of(owner, run_id).status == Step.STATUS_FAILED
        settled(owner)


class TestWaiting:
    def test_credits_are_not_kept_through_a_long_wait(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        Worker(owner.house, before={"Complete": failing(busy(60.0))}).round()
        assert owner.balance().held == 0
        assert 50 < waits_s(owner, run_id) <= 60
        make_due(owner.house)
        Worker(owner.house).round()
        assert step_of(owner, run_id).credits == 6
        settled(owner)

    def test_through_a_short_one_they_are(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        Worker(owner.house, before={"Complete": failing(busy(1.0))}).round()
        assert owner.balance().held > 0
        make_due(owner.house)
        Worker(owner.house).round()
        assert step_of(owner, run_id).status == Step.STATUS_SUCCEEDED
        settled(owner)

    def test_a_long_wait_begins_even_when_billing_cannot_be_reached(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        Worker(owner.house, before={"Complete": failing(busy(60.0)), "Release": failing(AWAY)}).round()
        assert owner.balance().held > 0
        assert waits_s(owner, run_id) > 50
        make_due(owner.house)
        Worker(owner.house).round()
        assert step_of(owner, run_id).status == Step.STATUS_SUCCEEDED
        settled(owner)

    def test_nobody_is_made_to_wait_for_a_day(self, owner: Owner) -> None:
        run_id = one_idea(owner)
        Worker(owner.house, before={"Complete": failing(busy(86_400.0))}).round()
        assert waits_s(owner, run_id) <= RETRY_AFTER_MAX_S
        owner.change("Cancel", run_id)
        owner.house.work()
        settled(owner)


class TestKinds:
    @pytest.mark.parametrize("permanent", [InvalidArgument("The cluster has no keywords.")])
    def test_what_must_be_put_right_is_permanent(self, owner: Owner, permanent: Fault) -> None:
        run_id = one_idea(owner)
        Worker(owner.house, before={"PrepareWork": failing(permanent)}).round()
        step = step_of(owner, run_id)
        assert (step.status, step.error_kind) == (Step.STATUS_FAILED, "permanent")
        assert step.error == "The cluster has no keywords. When that is put right, replay the step."

    def test_a_step_that_found_no_credits_says_so_while_its_run_is_paused(self, owner: Owner) -> None:
        clustered(owner)
        run = owner.start(owner.quote(stages=[2], max_credits=6).id)
        owner.house.work()
        (waiting,) = owner.steps(run.id, status="ready", error_kind="budget")[:1]
        assert waiting.error_reason == "QUOTE_EXHAUSTED"
        assert waiting.next_try_time.seconds == 0
        owner.change("Cancel", run.id)
        owner.house.work()
        settled(owner)
