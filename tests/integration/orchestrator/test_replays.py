"""What failed is done again: by a run of its own, once at a time, paid for what it does."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import Fault, InvalidArgument
from tests.house import House
from tests.integration.orchestrator.conftest import Owner, new_owner
from tests.integration.orchestrator.test_engine import IDEAS, clustered, settled
from tests.integration.orchestrator.workers import Worker, failing, sweeping

Run, Step = orchestrator_pb2.Run, orchestrator_pb2.Step
NOBODY = "0197a1b2-0000-7000-8000-000000000000"


def quote_replay(owner: Owner, **wanted: Any) -> orchestrator_pb2.RunQuote:
    request = orchestrator_service_pb2.QuoteReplayRequest(site_id=str(owner.site.id), **wanted)
    return owner.run("QuoteReplay", request, orchestrator_pb2.RunQuote)


def refused(owner: Owner, **wanted: Any) -> str:
    with pytest.raises(Fault) as failed:
        quote_replay(owner, **wanted)
    return failed.value.reason


def failed_steps(owner: Owner) -> list[orchestrator_pb2.Step]:
    """Return what a person finds under the filter that the words of a failed step name."""
    request = orchestrator_service_pb2.ListStepsRequest(site_id=str(owner.site.id), filter='status = "failed"')
    return list(owner.run("ListSteps", request, orchestrator_service_pb2.ListStepsResponse).steps)


@pytest.fixture
def failed(owner: Owner) -> str:
    """A run whose two steps failed."""
    clustered(owner)
    run = owner.start(owner.quote(**IDEAS, ideas_per_cluster=4).id)
    Worker(owner.house).round()
    Worker(owner.house, before={"PrepareWork": failing(InvalidArgument("The cluster is locked."))}).round()
    assert len(failed_steps(owner)) == 2
    return run.id


class TestQuote:
    def test_it_is_for_the_failed_steps_of_a_run_with_that_runs_options(self, owner: Owner, failed: str) -> None:
        (line,) = quote_replay(owner, run_id=failed).lines
        assert (line.function, line.items, line.expected_credits) == ("generate_ideas", 2, 2 * 4 * 2)

    def test_only_some_steps_can_be_named(self, owner: Owner, failed: str) -> None:
        step = failed_steps(owner)[0]
        (line,) = quote_replay(owner, run_id=failed, step_ids=[step.id]).lines
        assert line.items == 1

    def test_somebody_must_say_what(self, owner: Owner) -> None:
        assert refused(owner) == "INVALID_ARGUMENT"

    def test_steps_that_went_well_or_are_somebody_elses_are_not_replayed(
        self, house: House, owner: Owner, failed: str
    ) -> None:
        mine = [step.id for step in failed_steps(owner)]
        assert refused(new_owner(house), step_ids=mine) == "NOTHING_TO_REPLAY"
        planning = owner.steps(failed, function="plan_stage")
        assert refused(owner, step_ids=[step.id for step in planning]) == "NOTHING_TO_REPLAY"
        assert refused(owner, step_ids=[NOBODY]) == refused(owner, run_id=NOBODY) == "NOTHING_TO_REPLAY"

    def test_steps_of_two_functions_need_one_named(self, owner: Owner, failed: str) -> None:
        step = failed_steps(owner)[0]
        with sweeping(owner.house) as database, database.untenanted() as connection:
            other = "UPDATE step SET function = 'generate_content' WHERE id = :id"
            connection.execute(sa.text(other), {"id": step.id})
        assert refused(owner, run_id=failed) == "INVALID_ARGUMENT"
        assert quote_replay(owner, run_id=failed, function="generate_ideas").lines[0].items == 1
        assert refused(owner, run_id=failed, function="create_tasks") == "NOTHING_TO_REPLAY"

    @pytest.mark.usefixtures("failed")
    def test_steps_of_runs_with_different_options_are_replayed_run_by_run(self, owner: Owner) -> None:
        other = owner.start(owner.quote(**IDEAS, ideas_per_cluster=3).id)
        Worker(owner.house).round()
        Worker(owner.house, before={"PrepareWork": failing(InvalidArgument("The cluster is locked."))}).round()
        assert refused(owner, step_ids=[step.id for step in failed_steps(owner)]) == "INVALID_ARGUMENT"
        assert quote_replay(owner, run_id=other.id).lines[0].expected_credits == 2 * 3 * 2


class TestReplay:
    def test_it_does_them_again_and_pays_for_what_it_did(self, owner: Owner, failed: str) -> None:
        posted = owner.balance().posted
        run = owner.start(quote_replay(owner, run_id=failed).id)
        assert {step.replay_run_id for step in failed_steps(owner)} == {run.id}
        owner.house.work()
        done = owner.read(run.id)
        assert (done.status, done.stages[0].succeeded) == (Run.STATUS_COMPLETED, 2)
        assert done.captured_credits == posted - owner.balance().posted == 2 * 4 * 2
        settled(owner)

    def test_only_one_replay_of_a_step_is_open(self, owner: Owner, failed: str) -> None:
        first, second = quote_replay(owner, run_id=failed), quote_replay(owner, run_id=failed)
        run = owner.start(first.id)
        assert owner.start(first.id).id == run.id  # the same again
        with pytest.raises(Fault) as late:
            owner.start(second.id)
        assert late.value.reason == refused(owner, run_id=failed) == "REPLAY_OPEN"
        assert run.name in late.value.message
        owner.house.work()
        assert refused(owner, run_id=failed) == "NOTHING_TO_REPLAY"

    def test_what_a_replay_was_cancelled_at_can_be_replayed_again_by_name(self, owner: Owner, failed: str) -> None:
        run = owner.start(quote_replay(owner, run_id=failed).id)
        owner.change("Cancel", run.id)
        owner.house.work()
        steps = [step.id for step in failed_steps(owner)]
        again = owner.start(quote_replay(owner, step_ids=steps).id)
        owner.house.work()
        assert owner.read(again.id).stages[0].succeeded == 2
        settled(owner)

    def test_of_two_that_start_at_once_one_does(self, owner: Owner, failed: str) -> None:
        quotes = [quote_replay(owner, run_id=failed) for _ in range(4)]
        came: list[str] = []
        ready = threading.Barrier(len(quotes))

        def start(quote_id: str) -> None:
            ready.wait(timeout=5)
            try:
                came.append(owner.start(quote_id).status.__class__.__name__)
            except Fault as fault:
                came.append(fault.reason)

        threads = [threading.Thread(target=start, args=(quote.id,)) for quote in quotes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        assert sorted(came) == ["REPLAY_OPEN"] * 3 + ["int"]
        owner.house.work()
        assert len(owner.steps(failed_steps(owner)[0].replay_run_id, function="generate_ideas")) == 2
        settled(owner)
