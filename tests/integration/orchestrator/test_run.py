"""Whole runs through seven real services, carried step by step in this process."""

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import Fault, Kind
from tests.house import House
from tests.integration.orchestrator.conftest import Owner, new_owner

Run = orchestrator_pb2.Run
CAPS = {"max_clusters": 2, "ideas_per_cluster": 3, "max_articles": 2, "images_per_article": 2}
ALL = {**CAPS, "auto_approve": True, "auto_publish": True}


class TestAutomationRun:
    def test_keywords_become_published_pages_and_every_credit_is_accounted_for(self, owner: Owner) -> None:
        owner.add_keywords()
        owner.connect_sites()
        before = owner.balance()
        quote = owner.quote(**ALL)
        run = owner.start(quote.id)
        owner.house.work()
        done = owner.read(run.id)
        made = {stage.function: stage.succeeded for stage in done.stages}
        assert done.status == Run.STATUS_COMPLETED, [(s.function, s.error) for s in owner.steps(run.id) if s.error]
        assert made["generate_ideas"] == 2
        assert made["generate_content"] == 2
        assert made["generate_image"] == 4
        assert made["publish_content"] == 2
        after = owner.balance()
        captured = sum(step.credits for step in owner.steps(run.id))
        assert done.captured_credits == captured == before.posted - after.posted
        assert captured <= done.quoted_credits == quote.limit_credits
        assert after.held == 0
        assert owner.ledger().ok, owner.ledger().differences

    def test_caps_of_stages_hold_in_the_quote_and_in_the_run(self, owner: Owner) -> None:
        owner.add_keywords()
        most = {2: 2, 3: 3, 4: 1, 6: 1}
        caps = [orchestrator_pb2.StageCap(stage=stage, max_items=count) for stage, count in most.items()]
        quote = owner.quote(stages=[1, 2, 3, 4, 5, 6], stage_caps=caps)
        assert {line.stage: line.items for line in quote.lines} == {1: 1, 5: 1, **most}
        run = owner.start(quote.id)
        owner.house.work()
        done = owner.read(run.id)
        assert {stage.stage: stage.succeeded for stage in done.stages} == {1: 1, 5: 1, **most}
        assert done.stages[1].left > 0
        assert done.stages[1].partial
        assert done.captured_credits <= quote.limit_credits

    def test_the_same_quote_starts_one_run(self, owner: Owner) -> None:
        owner.add_keywords()
        quote = owner.quote(**CAPS)
        assert owner.start(quote.id).id == owner.start(quote.id).id

    def test_a_second_automation_run_of_the_site_is_refused(self, owner: Owner) -> None:
        owner.add_keywords()
        first, second = owner.quote(**CAPS), owner.quote(**CAPS)
        run = owner.start(first.id)
        with pytest.raises(Fault) as failed:
            owner.start(second.id)
        assert failed.value.reason == "RUN_ACTIVE"
        owner.change("Cancel", run.id)
        assert owner.start(second.id).status == Run.STATUS_RUNNING

    def test_a_run_without_credits_is_refused_before_anything_is_written(self, house: House) -> None:
        poor = new_owner(house, credits=0)
        poor.add_keywords()
        quote = poor.quote(ideas_per_cluster=7)
        if quote.limit_credits <= quote.available_credits:
            pytest.fail("the quote should be more than a free account has")
        with pytest.raises(Fault) as failed:
            poor.start(quote.id)
        assert failed.value.reason == "INSUFFICIENT_CREDITS"
        request = orchestrator_service_pb2.ListRunsRequest(site_id=str(poor.site.id))
        assert not poor.run("ListRuns", request, orchestrator_service_pb2.ListRunsResponse).runs

    def test_a_site_without_keywords_ends_well_and_says_why_it_did_nothing(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1]).id)
        owner.house.work()
        done = owner.read(run.id)
        assert done.status == Run.STATUS_COMPLETED
        assert "clustering needs 5" in done.stages[0].skip_reason


class TestPauseAndCancel:
    def test_a_paused_run_does_nothing_until_it_is_resumed(self, owner: Owner) -> None:
        owner.add_keywords()
        run = owner.start(owner.quote(**CAPS).id)
        assert owner.change("Pause", run.id).status == Run.STATUS_PAUSED
        assert owner.house.work() == 0
        owner.change("Resume", run.id)
        owner.house.work()
        assert owner.read(run.id).status == Run.STATUS_COMPLETED

    def test_a_cancelled_run_leaves_nothing_held(self, owner: Owner) -> None:
        owner.add_keywords()
        run = owner.start(owner.quote(**CAPS).id)
        owner.house.work(rounds=3)
        assert owner.change("Cancel", run.id).status == Run.STATUS_CANCELLED
        owner.house.work()
        done = owner.read(run.id)
        assert done.captured_credits == sum(step.credits for step in owner.steps(run.id))
        assert owner.balance().held == 0
        assert not owner.steps(run.id, status="ready")
        assert owner.ledger().ok

    def test_an_ended_run_cannot_be_paused(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[3]).id)
        owner.change("Cancel", run.id)
        with pytest.raises(Fault) as failed:
            owner.change("Pause", run.id)
        assert failed.value.reason == "WRONG_STATE"


class TestWorkByHand:
    def test_priced_work_needs_a_quote(self, owner: Owner) -> None:
        with pytest.raises(Fault) as failed:
            owner.start(plan=orchestrator_pb2.RunPlan(function="generate_content"))
        assert [v.field for v in failed.value.violations] == ["quote_id"]

    def test_an_unknown_function_is_named(self, owner: Owner) -> None:
        with pytest.raises(Fault) as failed:
            owner.quote(function="write_poem")
        assert failed.value.reason == "UNKNOWN_FUNCTION"

    def test_a_file_of_another_account_cannot_be_imported(self, owner: Owner) -> None:
        plan = orchestrator_pb2.RunPlan(
            function="import_keywords", options_json='{"object_key": "imports/somebody/else", "sector_id": "x"}'
        )
        with pytest.raises(Fault) as failed:
            owner.start(plan=plan)
        assert failed.value.code is Kind.INVALID_ARGUMENT


class TestEvents:
    def test_positions_have_no_gaps_and_the_last_one_is_the_end(self, owner: Owner) -> None:
        run = owner.start(owner.quote(stages=[1, 2]).id)
        owner.house.work()
        request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run.id)
        page = owner.run("ListRunEvents", request, orchestrator_service_pb2.ListRunEventsResponse)
        assert [event.position for event in page.run_events] == list(range(1, len(page.run_events) + 1))
        assert page.run_events[0].kind == "run_started"
        assert page.run_events[-1].kind == "run_completed"
        assert page.ended
