"""The function generate_ideas, and what becomes of ideas when other services tell of them."""

import json
from typing import Any
from uuid import UUID

import pytest
from igny8.common.v1 import content_pb2, events_pb2, events_service_pb2, events_service_pb2_grpc
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Fault, Kind, UnusableAnswer
from chassis.ids import new_id
from chassis.work import Applied, JobKind
from services.ai.offline.ideas import generate
from tests.integration.planner.conftest import Account, Planner, an_answer
from tests.integration.planner.test_imports import at_once

KEYWORDS = ("moka pot", "moka pot gasket", "moka pot size", "moka pot steel", "moka pot induction")


def idea(title: str, *keywords: str, **values: Any) -> dict[str, Any]:
    """One idea of an answer."""
    return {
        "title": title,
        "content_type": "post",
        "content_structure": "guide",
        "primary_keyword": keywords[0] if keywords else "moka pot",
        "keywords": list(keywords or ("moka pot",)),
        "audience": "home baristas",
        "tone": "plain",
        "estimated_word_count": 900,
        "brief": "What to look for.",
        "outline": [{"heading": f"Part {n}", "points": ["One", "Two"]} for n in range(6)],
    } | values


def answer(*ideas: dict[str, Any]) -> Any:
    return an_answer(json.dumps({"ideas": ideas}))


@pytest.fixture
def clustered(account: Account) -> Account:
    """An account with one cluster of five keywords."""
    account.add(*KEYWORDS)
    account.cluster()
    assert len(account.rows("Clusters")) == 1
    return account


def cluster_id(account: Account) -> UUID:
    return UUID(account.rows("Clusters")[0].id)


def apply(account: Account, *ideas: dict[str, Any], **options: Any) -> Applied:
    work = account.work(cluster_id(account), **options)
    return account.planner.functions["generate_ideas"].apply(work, answer(*ideas))


class TestSelect:
    def test_the_most_searched_cluster_comes_first(self, account: Account) -> None:
        account.add("green tea", "green tea bags", "green tea leaves", volume=5)
        account.add(*KEYWORDS)
        account.cluster()
        selection = account.planner.functions["generate_ideas"].select(account.tenant, [], 1, {"ideas_per_cluster": 5})
        assert [item.label for item in selection.items] == ["moka pot"]
        assert (selection.items[0].expected_quantity, selection.items[0].limit_quantity, selection.total) == (5, 5, 2)

    def test_a_cluster_with_ideas_is_done_unless_it_is_asked_for(self, clustered: Account) -> None:
        function, mapped = clustered.planner.functions["generate_ideas"], cluster_id(clustered)
        apply(clustered, idea("One"))
        selection = function.select(clustered.tenant, [], 10, {})
        assert (selection.total, selection.skip_reason[:26]) == (0, "None of the 1 clusters wai")
        assert function.select(clustered.tenant, [mapped], 10, {}).total == 1

    def test_a_disabled_cluster_is_left_out(self, clustered: Account) -> None:
        disabled = planner_pb2.Cluster(id=str(cluster_id(clustered)), site_id=clustered.site_id, disabled=True)
        clustered.call("UpdateCluster", service.UpdateClusterRequest(cluster=disabled))
        assert clustered.planner.functions["generate_ideas"].select(clustered.tenant, [], 10, {}).total == 0

    def test_counting_alone_returns_no_item(self, clustered: Account) -> None:
        selection = clustered.planner.functions["generate_ideas"].select(clustered.tenant, [], 0, {})
        assert (selection.items, selection.total) == ([], 1)

    @pytest.mark.parametrize("count", [2, 8, "3", True, None])
    def test_a_wrong_count_is_named(self, clustered: Account, count: Any) -> None:
        with pytest.raises(Fault) as failed:
            clustered.planner.functions["generate_ideas"].select(clustered.tenant, [], 1, {"ideas_per_cluster": count})
        assert failed.value.violations[0].field == "options.ideas_per_cluster"


class TestPrepare:
    def test_the_call_carries_what_the_prompt_needs(self, clustered: Account) -> None:
        apply(clustered, idea("Ten Moka Pots"))
        job = clustered.planner.functions["generate_ideas"].prepare(
            clustered.work(cluster_id(clustered), ideas_per_cluster=4)
        )
        variables = job.variables
        assert (job.kind, job.template, job.limit_quantity) == (JobKind.TEXT, "generate_ideas", 4)
        assert variables["site"] == {"name": "Coffee Corner", "domain": "coffee.example"}
        assert (variables["industry"], variables["sector"]) == ("Food & drink", "Sector 1")
        keywords = variables["cluster"]["keywords"]
        assert [keyword["text"] for keyword in keywords] == [*KEYWORDS[1:], KEYWORDS[0]]  # the last one has an idea
        assert keywords[-1]["volume"] == 1000
        assert (variables["count"], variables["existing_titles"]) == (4, ["Ten Moka Pots"])
        assert all(2 <= len(page) <= len(KEYWORDS) for page in variables["cluster"]["pages"])

    def test_the_offline_answer_fits_what_is_asked(self, clustered: Account) -> None:
        function, work = clustered.planner.functions["generate_ideas"], clustered.work(cluster_id(clustered))
        job = function.prepare(work)
        done = function.apply(work, an_answer(json.dumps(generate(json.loads(json.dumps(job.variables))))))
        assert (done.actual_quantity, done.notes) == (3, [])

    def test_a_missing_cluster_is_not_found(self, account: Account) -> None:
        with pytest.raises(Fault) as failed:
            account.planner.functions["generate_ideas"].prepare(account.work(new_id()))
        assert failed.value.code is Kind.NOT_FOUND


class TestApply:
    def test_ideas_are_stored_with_their_keywords_and_origin(self, clustered: Account) -> None:
        done = apply(clustered, idea("How to Clean a Moka Pot", "Moka  Pot GASKET", "moka pot"))
        (stored,) = clustered.rows("ContentIdeas")
        assert [made.id for made in done.made] == [stored.id]
        assert (stored.title, stored.primary_keyword) == ("How to Clean a Moka Pot", "moka pot gasket")
        assert list(stored.keywords) == ["moka pot gasket", "moka pot"]
        assert (stored.content_type, stored.content_structure) == (
            content_pb2.CONTENT_TYPE_POST,
            content_pb2.CONTENT_STRUCTURE_GUIDE,
        )
        assert (stored.provider, stored.language, stored.status) == ("offline", "en", stored.STATUS_NEW)
        assert (len(stored.outline), stored.outline[0].heading) == (6, "Part 0")
        (cluster,) = clustered.rows("Clusters")
        assert (cluster.idea_count, cluster.status) == (1, planner_pb2.MAPPING_STATUS_MAPPED)

    def test_no_more_are_stored_than_were_asked_for(self, clustered: Account) -> None:
        done = apply(clustered, *(idea(f"On {keyword}", keyword) for keyword in KEYWORDS), ideas_per_cluster=3)
        assert done.actual_quantity == len(clustered.rows("ContentIdeas")) == 3
        assert any("2 more ideas" in note for note in done.notes)

    def test_no_two_ideas_of_an_answer_aim_at_the_same_search(self, clustered: Account) -> None:
        ideas = (idea("One", "moka pot"), idea("Two", "Moka Pot", "moka pot size"), idea("Three", "moka pot"))
        done = apply(clustered, *ideas)
        assert {row.title: list(row.keywords) for row in clustered.rows("ContentIdeas")} == {
            "One": ["moka pot"],
            "Two": ["moka pot size", "moka pot"],
        }
        assert done.notes == [
            "'Two' aims at 'moka pot size' instead of 'moka pot', which another idea aims at.",
            "'Three' was merged into 'One': both aim at 'moka pot'.",
        ]

    def test_keywords_that_the_cluster_lacks_are_left_out_and_told(self, clustered: Account) -> None:
        done = apply(clustered, idea("One", "moka pot", "unicorn pot"))
        assert list(clustered.rows("ContentIdeas")[0].keywords) == ["moka pot"]
        assert any("unicorn pot" in note for note in done.notes)

    def test_a_title_the_site_has_is_not_stored_again(self, clustered: Account) -> None:
        apply(clustered, idea("One Title"))
        done = apply(clustered, idea("ONE  title"), idea("Another"))
        assert (done.actual_quantity, len(clustered.rows("ContentIdeas"))) == (1, 2)
        assert any("has an idea of this title" in note for note in done.notes)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Sure! Here are your ideas.",
            "[]",
            '{"ideas": {}}',
            '{"ideas": []}',
            '{"ideas": [1, null, {"title": 5}]}',
            json.dumps({"ideas": [idea("X", "unicorn")]}),
            json.dumps({"ideas": [idea("X", outline=[])]}),
            json.dumps({"ideas": [idea("X", content_type="podcast")]}),
            "[" * 100_000,
        ],
    )
    def test_an_answer_without_a_usable_idea_stores_nothing(self, clustered: Account, text: str) -> None:
        function, work = clustered.planner.functions["generate_ideas"], clustered.work(cluster_id(clustered))
        with pytest.raises(UnusableAnswer):
            function.apply(work, an_answer(text))
        assert clustered.rows("ContentIdeas") == []
        assert clustered.rows("Clusters")[0].status == planner_pb2.MAPPING_STATUS_NEW
        assert function.apply(work, answer(idea("One"))).actual_quantity == 1

    def test_a_step_is_applied_once_the_first_answer_wins(self, clustered: Account) -> None:
        function, work = clustered.planner.functions["generate_ideas"], clustered.work(cluster_id(clustered))
        first = function.apply(work, answer(idea("First")))
        assert function.apply(work, answer(idea("Second"))) == first
        assert [stored.title for stored in clustered.rows("ContentIdeas")] == ["First"]

    def test_two_at_once_store_once(self, clustered: Account) -> None:
        function, work = clustered.planner.functions["generate_ideas"], clustered.work(cluster_id(clustered))
        first, second = at_once(2, lambda: function.apply(work, answer(idea("First"), idea("Second", "moka pot size"))))
        assert first == second
        assert len(clustered.rows("ContentIdeas")) == 2

    def test_two_steps_at_once_never_store_one_title_twice(self, clustered: Account) -> None:
        function, subject = clustered.planner.functions["generate_ideas"], cluster_id(clustered)

        def do() -> int:
            try:
                return function.apply(clustered.work(subject), answer(idea("Same"))).actual_quantity
            except UnusableAnswer:
                return 0

        assert sorted(at_once(3, do)) == [0, 0, 1]


class TestIdeas:
    def test_a_person_changes_one(self, clustered: Account) -> None:
        apply(clustered, idea("One"))
        (stored,) = clustered.rows("ContentIdeas")
        change = planner_pb2.ContentIdea(
            id=stored.id, site_id=clustered.site_id, title="Two", priority=5, needs_review=True, language="pt-BR"
        )
        change.outline.add(heading="Only part", points=["a point"])
        changed = clustered.call("UpdateContentIdea", service.UpdateContentIdeaRequest(content_idea=change))
        assert (changed.title, changed.priority, changed.needs_review) == ("Two", 5, True)
        assert [section.heading for section in changed.outline] == ["Only part"]
        assert list(changed.keywords) == ["moka pot"]

    @pytest.mark.parametrize(
        ("path", "values"),
        [
            ("title", {"title": " "}),
            ("content_type", {}),
            ("estimated_word_count", {"estimated_word_count": -1}),
            ("language", {"language": "english please"}),
            ("status", {}),
        ],
    )
    def test_a_wrong_field_is_named(self, clustered: Account, path: str, values: dict[str, Any]) -> None:
        apply(clustered, idea("One"))
        stored = clustered.rows("ContentIdeas")[0]
        request = service.UpdateContentIdeaRequest(
            content_idea=planner_pb2.ContentIdea(id=stored.id, site_id=clustered.site_id, **values)
        )
        request.update_mask.paths.append(path)
        with pytest.raises(Fault) as failed:
            clustered.call("UpdateContentIdea", request)
        assert [violation.field for violation in failed.value.violations] == [f"content_idea.{path}"]

    def test_deleting_and_undeleting_is_counted(self, clustered: Account) -> None:
        apply(clustered, idea("One"), idea("Two", "moka pot size"))
        key = {"site_id": clustered.site_id, "content_idea_id": clustered.rows("ContentIdeas")[0].id}
        clustered.call("DeleteContentIdea", service.DeleteContentIdeaRequest(**key))
        assert clustered.rows("Clusters")[0].idea_count == 1
        clustered.call("UndeleteContentIdea", service.UndeleteContentIdeaRequest(**key))
        assert clustered.rows("Clusters")[0].idea_count == 2


class TestFacts:
    def test_an_idea_is_queued_then_completed_and_never_goes_back(self, clustered: Account) -> None:
        apply(clustered, idea("One"))
        (stored,) = clustered.rows("ContentIdeas")
        content_id = str(new_id())
        created = {"content_id": content_id, "content_idea_id": stored.id, "cluster_id": stored.cluster_id}
        tell(clustered, "writer.task_created", content_idea_id=stored.id)
        assert clustered.rows("ContentIdeas")[0].status == stored.STATUS_QUEUED
        tell(clustered, "writer.content_created", title="One", **created)
        tell(clustered, "writer.task_created", content_idea_id=stored.id)
        published = {"content_id": content_id, "content_idea_id": stored.id, "url": "https://coffee.example/one"}
        tell(clustered, "writer.content_published", **published)
        (after,) = clustered.rows("ContentIdeas")
        assert (after.status, after.content_id) == (stored.STATUS_COMPLETED, content_id)
        assert after.published_url == "https://coffee.example/one"
        assert clustered.rows("Clusters")[0].content_count == 1

    def test_what_is_heard_of_in_the_wrong_order_ends_the_same(self, clustered: Account) -> None:
        apply(clustered, idea("One"))
        (stored,) = clustered.rows("ContentIdeas")
        written = {"content_id": str(new_id()), "content_idea_id": stored.id}
        tell(clustered, "writer.content_published", url="https://coffee.example/one", **written)
        tell(clustered, "writer.content_created", cluster_id=stored.cluster_id, **written)
        tell(clustered, "writer.task_created", content_idea_id=stored.id)
        (after,) = clustered.rows("ContentIdeas")
        assert (after.status, after.content_id) == (stored.STATUS_COMPLETED, written["content_id"])
        assert after.published_url == "https://coffee.example/one"

    def test_a_fact_is_taken_in_once(self, clustered: Account) -> None:
        fact_id = str(new_id())
        payload = {"content_id": str(new_id()), "content_idea_id": "", "cluster_id": str(cluster_id(clustered))}
        assert tell(clustered, "writer.content_created", fact_id, **payload)
        assert not tell(clustered, "writer.content_created", fact_id, **payload)
        assert clustered.rows("Clusters")[0].content_count == 1

    def test_another_tenants_idea_is_not_touched(self, planner: Planner, clustered: Account) -> None:
        apply(clustered, idea("One"))
        (stored,) = clustered.rows("ContentIdeas")
        tell(planner.account(), "writer.task_created", content_idea_id=stored.id)
        assert clustered.rows("ContentIdeas") == [stored]

    def test_a_plan_sets_how_many_keywords_there_may_be(self, account: Account) -> None:
        account.add("one")
        tell(account, "billing.plan_changed", plan="Tiny", max_sites=1, max_users=1, max_keywords=1)
        with pytest.raises(Fault, match="The plan Tiny allows 1 keywords"):
            account.add("two")

    def test_a_plan_without_a_count_is_refused(self, account: Account) -> None:
        with pytest.raises(Fault) as failed:
            tell(account, "billing.plan_changed", plan="Odd", max_keywords="many")
        assert failed.value.violations[0].field == "event.payload.max_keywords"


def tell(account: Account, kind: str, fact_id: str = "", **payload: Any) -> bool:
    """Deliver a fact; whether it was new."""
    event = events_pb2.Event(
        id=fact_id or str(new_id()),
        kind=kind,
        account_id=str(account.tenant.account_id),
        site_id=account.site_id,
        payload_json=json.dumps(payload),
    )
    stub = events_service_pb2_grpc.InboxServiceStub(account.planner.running.channel)
    request = events_service_pb2.DeliverEventRequest(event=event)
    return bool(account.caller.call(stub.DeliverEvent, request).applied)
