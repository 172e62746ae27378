"""Runs whose budget ends in the middle: they pause, say why, and go on to a total that is the sum of their steps."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.errors import Fault, Unavailable
from tests.house import House
from tests.integration.orchestrator.conftest import Owner, new_owner
from tests.integration.orchestrator.test_engine import clustered, settled
from tests.integration.orchestrator.workers import Worker, failing, make_due, sweeping

Run = orchestrator_pb2.Run
IDEAS_CREDITS = 6  # three ideas of two credits


def exhausted(owner: Owner, stages: tuple[int, ...] = (2,)) -> orchestrator_pb2.Run:
    """Return a run of three clusters whose quote was for one."""
    clustered(owner)
    run = owner.start(owner.quote(stages=list(stages), max_credits=IDEAS_CREDITS).id)
    owner.house.work()
    stopped = owner.read(run.id)
    assert (stopped.status, stopped.pause_reason) == (Run.STATUS_PAUSED, "quote_exhausted")
    assert stopped.captured_credits == stopped.quoted_credits == IDEAS_CREDITS
    settled(owner)
    return stopped


def lines(quote: orchestrator_pb2.RunQuote) -> dict[str, orchestrator_pb2.RunQuoteLine]:
    return {line.function: line for line in quote.lines}


def ends_with_the_sum_of_its_steps(owner: Owner, run_id: str, before: int) -> orchestrator_pb2.Run:
    """Check that a run completed, and that its total, its steps' and the account's are one; return it."""
    done = owner.read(run_id)
    assert (done.status, done.pause_reason) == (Run.STATUS_COMPLETED, "")
    spent = before - owner.balance().posted
    assert done.captured_credits == sum(step.credits for step in owner.steps(run_id)) == spent
    assert done.captured_credits <= done.quoted_credits
    settled(owner)
    return done


class TestQuoteExhausted:
    def test_the_rest_is_quoted_and_goes_on_to_the_end(self, owner: Owner) -> None:
        run = exhausted(owner, (2, 3))
        before = owner.balance().posted + IDEAS_CREDITS
        quote = owner.quote_rest(run.id)
        ideas, tasks = lines(quote)["generate_ideas"], lines(quote)["create_tasks"]
        assert (quote.resumes, quote.run_id) == (True, run.id)
        assert (ideas.items, ideas.expected_quantity, ideas.expected_credits) == (2, 6, 2 * IDEAS_CREDITS)
        assert tasks.items >= 3 + 5  # the ideas that are there, and those that will be made
        again = owner.change("Resume", run.id, quote_id=quote.id)
        assert again.quoted_credits == IDEAS_CREDITS + quote.limit_credits
        owner.house.work()
        assert ends_with_the_sum_of_its_steps(owner, run.id, before).captured_credits == 3 * IDEAS_CREDITS

    def test_a_quote_that_is_used_up_needs_another(self, owner: Owner) -> None:
        run = exhausted(owner)
        with pytest.raises(Fault) as failed:
            owner.change("Resume", run.id)
        assert failed.value.reason == "QUOTE_INVALID"
        assert "what is left" in failed.value.message

    def test_the_rest_may_be_capped_again(self, owner: Owner) -> None:
        run = exhausted(owner)
        quote = owner.quote_rest(run.id, max_credits=IDEAS_CREDITS)
        assert quote.limit_credits == IDEAS_CREDITS
        owner.change("Resume", run.id, quote_id=quote.id)
        owner.house.work()
        assert owner.read(run.id).pause_reason == "quote_exhausted"
        owner.change("Resume", run.id, quote_id=owner.quote_rest(run.id).id)
        owner.house.work()
        done = owner.read(run.id)
        assert (done.status, done.captured_credits) == (Run.STATUS_COMPLETED, 3 * IDEAS_CREDITS)
        settled(owner)

    def test_the_same_quote_twice_promises_nothing_more(self, owner: Owner) -> None:
        run = exhausted(owner)
        quote = owner.quote_rest(run.id)
        promised = owner.change("Resume", run.id, quote_id=quote.id).quoted_credits
        assert owner.change("Resume", run.id, quote_id=quote.id).quoted_credits == promised
        Worker(owner.house, after={"Capture": lambda: owner.change("Pause", run.id)}).round()
        paused = owner.read(run.id)
        assert paused.captured_credits > run.captured_credits
        if paused.status == Run.STATUS_PAUSED:
            assert owner.change("Resume", run.id, quote_id=quote.id).quoted_credits == promised
        owner.house.work()
        settled(owner)

    def test_what_is_under_way_on_the_old_quote_is_within_the_runs_limit(self, owner: Owner) -> None:
        clustered(owner)
        before = owner.balance().posted
        run = owner.start(owner.quote(stages=[2], max_clusters=3).id)
        Worker(owner.house).round()
        Worker(owner.house, before={"Capture": failing(Unavailable("Billing is away."))}).round()
        owner.change("Pause", run.id)
        held = owner.balance().held
        assert held == 3 * IDEAS_CREDITS
        quote = owner.quote_rest(run.id)
        assert quote.limit_credits == 0  # all three were applied: nothing is left to reserve
        assert owner.change("Resume", run.id, quote_id=quote.id).quoted_credits == held
        make_due(owner.house)
        owner.house.work()
        ends_with_the_sum_of_its_steps(owner, run.id, before)


class TestAtOnce:
    def test_of_two_new_quotes_at_once_the_run_has_the_one_that_billing_took_last(self, owner: Owner) -> None:
        run = exhausted(owner)
        before = owner.balance().posted + IDEAS_CREDITS
        quotes = [owner.quote_rest(run.id).id for _ in range(4)]

        def resume(quote_id: str) -> str:
            try:
                owner.change("Resume", run.id, quote_id=quote_id)
            except Fault as fault:
                return fault.reason
            return "resumed"

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(resume, quotes))
        assert "resumed" in answers
        assert set(answers) <= {"resumed", "QUOTE_INVALID"}
        owner.house.work()  # a run on a quote that was replaced would reserve nothing
        ends_with_the_sum_of_its_steps(owner, run.id, before)


class TestWhichQuote:
    @pytest.mark.parametrize("quote_id", ["nonsense", "0197a1b2-0000-7000-8000-000000000000"])
    def test_one_that_is_not_there_is_refused(self, owner: Owner, quote_id: str) -> None:
        run = self._paused(owner)
        with pytest.raises(Fault):
            owner.change("Resume", run, quote_id=quote_id)
        self._still_paused(owner, run)

    def test_one_for_a_new_run_is_refused(self, owner: Owner) -> None:
        run = self._paused(owner)
        with pytest.raises(Fault) as failed:
            owner.change("Resume", run, quote_id=owner.quote(stages=[1]).id)
        assert failed.value.reason == "QUOTE_INVALID"
        self._still_paused(owner, run)

    def test_the_rest_of_a_run_starts_no_run(self, owner: Owner) -> None:
        run = self._paused(owner)
        with pytest.raises(Fault) as failed:
            owner.start(owner.quote_rest(run).id)
        assert failed.value.reason == "QUOTE_INVALID"
        assert "resume" in failed.value.message
        self._still_paused(owner, run)

    def test_only_a_paused_run_has_a_rest(self, owner: Owner) -> None:
        owner.add_keywords()
        run = owner.start(owner.quote(stages=[1]).id)
        with pytest.raises(Fault) as failed:
            owner.quote_rest(run.id)
        assert (failed.value.reason, failed.value.metadata["status"]) == ("WRONG_STATE", "running")
        owner.house.work()

    def test_a_run_that_is_not_there_has_none(self, owner: Owner) -> None:
        with pytest.raises(Fault) as failed:
            owner.quote_rest("0197a1b2-0000-7000-8000-000000000000")
        assert failed.value.reason == "NOT_FOUND"

    def test_the_rest_has_the_runs_own_plan(self, owner: Owner) -> None:
        run = self._paused(owner)
        with pytest.raises(Fault) as failed:
            owner.quote_rest(run, stages=[1], max_articles=3)
        assert {violation.field for violation in failed.value.violations} == {"plan.stages", "plan.max_articles"}
        self._still_paused(owner, run)

    def _paused(self, owner: Owner) -> str:
        owner.add_keywords()
        run = owner.start(owner.quote(stages=[1]).id)
        owner.change("Pause", run.id)
        return str(run.id)

    def _still_paused(self, owner: Owner, run_id: str) -> None:
        assert owner.read(run_id).status == Run.STATUS_PAUSED
        owner.change("Cancel", run_id)
        owner.house.work()


class TestInsufficientCredits:
    def test_a_run_that_runs_dry_goes_on_after_a_grant(self, house: House) -> None:
        poor = new_owner(house, credits=0)  # the free plan has 50
        clustered(poor)
        clusters = [step.subject_id for step in self._ideas(poor, 2)]
        before = poor.balance().posted
        dry = poor.start(poor.quote(function="generate_ideas", subject_ids=clusters, ideas_per_cluster=7).id)
        poor.change("Pause", dry.id)
        rich = poor.start(poor.quote(function="generate_ideas", subject_ids=clusters[:2], ideas_per_cluster=7).id)
        house.work()
        spent = poor.read(rich.id).captured_credits
        poor.change("Resume", dry.id)
        house.work()
        stopped = poor.read(dry.id)
        assert (stopped.status, stopped.pause_reason) == (Run.STATUS_PAUSED, "paused_insufficient_credits")
        settled(poor)
        poor.grant(100, "test:more")
        poor.change("Resume", dry.id)
        house.work()
        ends_with_the_sum_of_its_steps(poor, dry.id, before - spent + 100)

    def _ideas(self, owner: Owner, most: int) -> list[orchestrator_pb2.Step]:
        """Have ideas made for some clusters; return the steps."""
        run = owner.start(owner.quote(stages=[2], max_clusters=most).id)
        owner.house.work()
        return owner.steps(run.id, function="generate_ideas")


def test_a_person_resumes_what_the_limit_of_the_day_stopped(owner: Owner) -> None:
    """Stop a run as the limit of the day does: with a time at which it goes on by itself."""
    owner.add_keywords()
    run = owner.start(owner.quote(stages=[1]).id)
    stop_for_today(owner, run.id)
    stopped = owner.read(run.id)
    assert (stopped.pause_reason, stopped.HasField("resume_time")) == ("daily_limit_reached", True)
    again = owner.change("Resume", run.id)
    assert (again.status, again.HasField("resume_time")) == (Run.STATUS_RUNNING, False)
    owner.house.work()
    assert owner.read(run.id).status == Run.STATUS_COMPLETED


def test_what_would_go_on_by_itself_can_be_paused_for_good(owner: Owner) -> None:
    owner.add_keywords()
    run = owner.start(owner.quote(stages=[1]).id)
    stop_for_today(owner, run.id)
    paused = owner.change("Pause", run.id)
    assert (paused.pause_reason, paused.HasField("resume_time")) == ("paused_by_user", False)
    owner.change("Cancel", run.id)


def stop_for_today(owner: Owner, run_id: str) -> None:
    statement = sa.text(
        "UPDATE run SET status = 'paused', pause_reason = 'daily_limit_reached', resume_time = now() + interval '5 h'"
        " WHERE id = :run"
    )
    with sweeping(owner.house) as database, database.untenanted() as connection:
        connection.execute(statement, {"run": run_id})
