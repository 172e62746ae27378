"""What a quote says before a run starts."""

from math import ceil

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.errors import Fault
from services.orchestrator.domain.estimates import usual_clusters
from tests.integration.orchestrator.conftest import TOPICS, Owner

Line = orchestrator_pb2.RunQuoteLine


def lines(quote: orchestrator_pb2.RunQuote) -> dict[str, Line]:
    return {line.function: line for line in quote.lines}


class TestLines:
    def test_a_first_run_is_told_from_the_queue_and_the_platforms_ratios(self, owner: Owner) -> None:
        owner.add_keywords()
        quote = owner.quote(stages=[1, 2, 3, 4])
        made = lines(quote)
        assert (made["cluster_keywords"].basis, made["cluster_keywords"].expected_quantity) == ("queue", len(TOPICS))
        assert made["generate_ideas"].basis == made["generate_content"].basis == "platform"
        assert made["generate_content"].operation == "content"
        assert made["create_tasks"].operation == ""
        assert quote.expected_credits == sum(line.expected_credits for line in quote.lines) > 0
        assert quote.expected_credits <= quote.limit_credits
        assert quote.expire_time.seconds > 0

    def test_the_next_run_is_told_from_what_the_site_has_seen(self, owner: Owner) -> None:
        owner.add_keywords()
        run = owner.start(owner.quote(stages=[1, 2]).id)
        owner.house.work()
        clusters, ideas = owner.read(run.id).stages
        more = ("moka pot size", "moka pot coffee", "best moka pot", "moka pot heat", "moka pot seal", "moka pot steel")
        owner.add_keywords(more)
        made = lines(owner.quote(stages=[1, 2, 3]))
        assert (made["generate_ideas"].basis, made["create_tasks"].basis) == ("history", "history")
        usual = usual_clusters(len(more), 1) / usual_clusters(len(TOPICS), 1)
        expected = ceil(clusters.made * usual)
        assert made["generate_ideas"].items == expected
        assert made["create_tasks"].items == ideas.made + -(-expected * 3 * ideas.made // (ideas.succeeded * 3))

    def test_too_few_keywords_are_a_reason_and_no_credits(self, owner: Owner) -> None:
        owner.add_keywords(TOPICS[:3])
        quote = owner.quote(stages=[1, 2])
        clustering = lines(quote)["cluster_keywords"]
        assert "3 keywords are ready" in clustering.skip_reason
        assert "clustering needs 5" in clustering.skip_reason
        assert (clustering.items, quote.limit_credits) == (0, 0)
        assert lines(quote)["generate_ideas"].skip_reason != ""


@pytest.mark.parametrize(("stage", "most"), [(0, 1), (8, 1), (4, 0)])
def test_a_cap_that_is_none_is_named(owner: Owner, stage: int, most: int) -> None:
    with pytest.raises(Fault) as failed:
        owner.quote(stage_caps=[orchestrator_pb2.StageCap(stage=stage, max_items=most)])
    assert [v.field.partition(".stage_caps[0].")[0] for v in failed.value.violations] == ["plan"]
