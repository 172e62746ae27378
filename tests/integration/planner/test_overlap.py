"""The overlap guard: ideas beside the pages that the site has or plans, and a person who decides otherwise."""

import pytest
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from tests.integration.planner.conftest import Account
from tests.integration.planner.test_ideas import apply, clustered, idea, tell

__all__ = ["clustered"]
Idea = planner_pb2.ContentIdea


def ideas(account: Account) -> dict[str, planner_pb2.ContentIdea]:
    return {each.title: each for each in account.rows("ContentIdeas")}


def written(account: Account, of: planner_pb2.ContentIdea | None = None, **said: str) -> str:
    """Have the writer tell of a content; return its id."""
    content_id = str(new_id())
    known = {"content_idea_id": of.id if of else "", "cluster_id": "", "title": "", "primary_keyword": ""}
    tell(account, "writer.content_created", content_id=content_id, **(known | said))
    return content_id


def overrule(account: Account, of: planner_pb2.ContentIdea, **said: object) -> planner_pb2.ContentIdea:
    values = {"verdict": Idea.VERDICT_WRITE, "reason": "The other one is for shops."} | said
    request = service.OverruleOverlapRequest(site_id=account.site_id, content_idea_id=of.id, **values)  # type: ignore[arg-type]  # by name
    answered: planner_pb2.ContentIdea = account.call("OverruleOverlap", request)
    return answered


class TestNewIdeas:
    def test_what_nothing_competes_with_is_to_be_written(self, clustered: Account) -> None:
        apply(clustered, idea("One", "moka pot"), idea("Two", "moka pot gasket"))
        assert {each.verdict for each in clustered.rows("ContentIdeas")} == {Idea.VERDICT_WRITE}

    def test_an_idea_for_the_search_of_another_idea_is_to_be_merged(self, clustered: Account) -> None:
        apply(clustered, idea("One", "moka pot"))
        done = apply(clustered, idea("Two", "moka pot"))
        two = ideas(clustered)["Two"]
        assert (two.verdict, two.overlap_score, two.overlap_title) == (Idea.VERDICT_MERGE, 1.0, "One")
        assert two.overlap_id == ideas(clustered)["One"].id
        assert done.notes == [
            "'Two' waits for a person (merge): 'One' is planned for the same search; one page is enough for both."
        ]

    def test_an_idea_for_the_search_of_a_page_is_to_refresh_it(self, clustered: Account) -> None:
        apply(clustered, idea("One", "moka pot"))
        content_id = written(clustered, ideas(clustered)["One"])
        published = {"content_idea_id": ideas(clustered)["One"].id, "url": "https://coffee.example/one"}
        tell(clustered, "writer.content_published", content_id=content_id, **published)
        apply(clustered, idea("Two", "moka pot"))
        two = ideas(clustered)["Two"]
        assert (two.verdict, two.overlap_id) == (Idea.VERDICT_REFRESH, content_id)
        assert two.overlap_url == "https://coffee.example/one"

    def test_a_content_that_no_idea_led_to_counts_too(self, clustered: Account) -> None:
        content_id = written(clustered, title="Our pots", primary_keyword="Moka Pots")
        tell(
            clustered, "writer.content_published", content_id=content_id, content_idea_id="", url="https://x.example/p"
        )
        apply(clustered, idea("One", "moka pot"))
        one = ideas(clustered)["One"]
        assert (one.verdict, one.overlap_title) == (Idea.VERDICT_REFRESH, "Our pots")
        assert (one.overlap_id, one.overlap_url) == (content_id, "https://x.example/p")

    def test_what_a_page_covers_is_to_be_linked(self, clustered: Account) -> None:
        apply(clustered, idea("One", "moka pot", "moka pot size", "moka pot steel"))
        written(clustered, ideas(clustered)["One"])
        apply(clustered, idea("Two", "moka pot size", "moka pot steel"))
        assert ideas(clustered)["Two"].verdict == Idea.VERDICT_LINK_ONLY

    def test_a_deleted_idea_competes_with_nothing(self, clustered: Account) -> None:
        apply(clustered, idea("One", "moka pot"))
        key = {"site_id": clustered.site_id, "content_idea_id": ideas(clustered)["One"].id}
        clustered.call("DeleteContentIdea", service.DeleteContentIdeaRequest(**key))
        apply(clustered, idea("Two", "moka pot"))
        assert ideas(clustered)["Two"].verdict == Idea.VERDICT_WRITE


class TestLater:
    def test_an_open_idea_learns_of_a_page_that_was_written_meanwhile(self, clustered: Account) -> None:
        apply(clustered, idea("One", "moka pot"), idea("Other", "moka pot size"))
        written(clustered, title="Moka pots", primary_keyword="the moka pot")
        found = ideas(clustered)
        assert (found["One"].verdict, found["Other"].verdict) == (Idea.VERDICT_REFRESH, Idea.VERDICT_WRITE)

    def test_a_change_of_what_it_aims_at_compares_it_again(self, clustered: Account) -> None:
        apply(clustered, idea("One", "moka pot"), idea("Two", "moka pot size"))
        change = planner_pb2.ContentIdea(
            id=ideas(clustered)["Two"].id, site_id=clustered.site_id, primary_keyword="moka pots"
        )
        changed = clustered.call("UpdateContentIdea", service.UpdateContentIdeaRequest(content_idea=change))
        assert (changed.verdict, changed.overlap_title) == (Idea.VERDICT_MERGE, "One")
        change.primary_keyword = "moka pot size"
        changed = clustered.call("UpdateContentIdea", service.UpdateContentIdeaRequest(content_idea=change))
        assert (changed.verdict, changed.overlap_reason) == (Idea.VERDICT_WRITE, "")
        assert ideas(clustered)["One"].verdict == Idea.VERDICT_WRITE


class TestOverruling:
    @pytest.fixture
    def second(self, clustered: Account) -> planner_pb2.ContentIdea:
        apply(clustered, idea("One", "moka pot"))
        apply(clustered, idea("Two", "moka pot"))
        return ideas(clustered)["Two"]

    def test_it_is_kept_who_decided_and_why(self, clustered: Account, second: planner_pb2.ContentIdea) -> None:
        decided = overrule(clustered, second, etag=second.etag)
        assert decided.verdict == Idea.VERDICT_WRITE
        assert decided.overrule_reason == "The other one is for shops."
        assert decided.overruled_by
        assert decided.HasField("overrule_time")
        assert decided.overlap_title == "One"

    def test_no_later_comparison_changes_it(self, clustered: Account, second: planner_pb2.ContentIdea) -> None:
        overrule(clustered, second)
        written(clustered, title="Moka pots", primary_keyword="moka pot")
        assert ideas(clustered)["Two"].verdict == Idea.VERDICT_WRITE

    @pytest.mark.parametrize(
        ("said", "field"),
        [({"verdict": 0}, "verdict"), ({"reason": "  "}, "reason"), ({"reason": "x" * 1001}, "reason")],
    )
    def test_what_makes_no_sense_is_named(
        self, clustered: Account, second: planner_pb2.ContentIdea, said: dict[str, object], field: str
    ) -> None:
        with pytest.raises(Fault) as failed:
            overrule(clustered, second, **said)
        assert failed.value.violations[0].field == field

    def test_what_has_its_task_is_not_decided_again(self, clustered: Account, second: planner_pb2.ContentIdea) -> None:
        tell(clustered, "writer.task_created", content_idea_id=second.id)
        with pytest.raises(Fault) as failed:
            overrule(clustered, second)
        assert failed.value.code is Kind.FAILED_PRECONDITION

    def test_a_change_in_between_is_noticed(self, clustered: Account, second: planner_pb2.ContentIdea) -> None:
        overrule(clustered, second)
        with pytest.raises(Fault) as failed:
            overrule(clustered, second, etag=second.etag)
        assert failed.value.code is Kind.ABORTED
