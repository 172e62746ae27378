"""Clusters as people arrange them: merged, split, clustered again; and nothing that is mapped to them is lost."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.clock import SystemClock
from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.outbox import Fact, pull
from services.planner.usecases.facts import HANDLERS
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_ideas import answer, idea
from tests.integration.planner.test_imports import at_once

MOKA = ("moka pot", "moka pot gasket", "moka pot size")
TEA = ("green tea", "green tea bags", "green tea leaves")


def by_name(account: Account) -> dict[str, Any]:
    return {cluster.name: cluster for cluster in account.rows("Clusters")}


def placed(account: Account) -> dict[str, str]:
    """The name of each keyword's cluster."""
    names = {cluster.id: cluster.name for cluster in account.rows("Clusters")}
    return {keyword.text: names.get(keyword.cluster_id, "") for keyword in account.rows("Keywords")}


def merge(account: Account, into: str, *merged: str, **more: str) -> Any:
    request = service.MergeClustersRequest(site_id=account.site_id, cluster_id=into, merged_cluster_ids=merged, **more)
    return account.call("MergeClusters", request)


def split(account: Account, cluster_id: str, texts: tuple[str, ...], **more: str) -> Any:
    ids = [keyword.id for keyword in account.rows("Keywords") if keyword.text in texts]
    request = service.SplitClusterRequest(site_id=account.site_id, cluster_id=cluster_id, keyword_ids=ids, **more)
    return account.call("SplitCluster", request)


def tell(account: Account, kind: str, **payload: Any) -> None:
    fact = Fact(
        new_id(), kind, account.tenant.account_id, account.site.id, account.sector_id, payload, SystemClock().now()
    )
    with account.planner.database.transaction(account.tenant) as transaction:
        HANDLERS[kind](transaction, fact)


def content_of(account: Account, cluster_id: str) -> UUID:
    """A content of a cluster was written."""
    content_id = new_id()
    about = {"title": "T", "primary_keyword": str(content_id), "content_idea_id": ""}
    tell(account, "writer.content_created", content_id=str(content_id), cluster_id=cluster_id, **about)
    return content_id


def ideas_for(account: Account, cluster_id: str, keyword: str) -> None:
    """A cluster gets an idea."""
    function = account.planner.functions["generate_ideas"]
    function.apply(account.work(UUID(cluster_id)), answer(idea(f"All of {keyword}", keyword)))


def recluster(account: Account, **options: Any) -> Any:
    """What clustering again proposes."""
    done = account.planner.functions["recluster_keywords"].apply(account.work(account.sector_id, **options), None)
    (made,) = done.made
    request = service.GetReclusteringRequest(site_id=account.site_id, reclustering_id=made.id)
    return account.call("GetReclustering", request)


def carry_out(account: Account, proposed: Any) -> Any:
    request = service.ApplyReclusteringRequest(site_id=account.site_id, reclustering_id=proposed.id, etag=proposed.etag)
    return account.call("ApplyReclustering", request)


def facts(planner: Planner) -> list[Fact]:
    return pull(planner.sweep, 1000)


def waiting(function: Any, account: Account) -> set[str]:
    return {str(item.subject_id) for item in function.select(account.tenant, [], 100, {}).items}


def read(account: Account, proposed: Any) -> Any:
    request = service.GetReclusteringRequest(site_id=account.site_id, reclustering_id=proposed.id)
    return account.call("GetReclustering", request)


def unpin(account: Account) -> None:
    """Forget who placed the keywords, as if a run had."""
    with account.planner.database.transaction(account.tenant) as transaction:
        transaction.execute(sa.text("UPDATE keyword SET placed_by = ''"))


@pytest.fixture
def two(account: Account) -> Account:
    """An account with the clusters `moka pot` and `green tea`."""
    account.add(*MOKA, *TEA)
    account.cluster()
    assert set(by_name(account)) == {"moka pot", "green tea"}
    return account


class TestMerge:
    def test_all_that_a_cluster_has_goes_with_it(self, two: Account) -> None:
        clusters = by_name(two)
        moka, tea = clusters["moka pot"], clusters["green tea"]
        ideas_for(two, tea.id, "green tea")
        content_of(two, tea.id)
        merged = merge(two, moka.id, tea.id)
        assert (merged.keyword_count, merged.volume) == (6, moka.volume + tea.volume)
        assert (merged.idea_count, merged.content_count) == (1, 1)
        assert merged.status == planner_pb2.MAPPING_STATUS_MAPPED
        assert set(placed(two).values()) == {"moka pot"}
        (gone,) = [c for c in two.rows("Clusters", show_deleted=True) if c.id == tea.id]
        assert (gone.merged_into_id, gone.keyword_count, gone.idea_count, gone.content_count) == (moka.id, 0, 0, 0)

    def test_it_is_told_so_that_contents_follow(self, two: Account) -> None:
        clusters = by_name(two)
        merge(two, clusters["moka pot"].id, clusters["green tea"].id)
        told = [fact for fact in facts(two.planner) if fact.account_id == two.tenant.account_id]
        assert [(fact.kind, fact.payload) for fact in told if fact.kind == "planner.clusters_merged"] == [
            (
                "planner.clusters_merged",
                {"cluster_id": clusters["moka pot"].id, "merged_cluster_ids": [clusters["green tea"].id]},
            )
        ]

    def test_again_changes_nothing(self, two: Account) -> None:
        clusters = by_name(two)
        first = merge(two, clusters["moka pot"].id, clusters["green tea"].id)
        assert merge(two, clusters["moka pot"].id, clusters["green tea"].id) == first

    def test_what_is_written_for_a_merged_cluster_counts_where_it_went(self, two: Account) -> None:
        clusters = by_name(two)
        merge(two, clusters["moka pot"].id, clusters["green tea"].id)
        content_of(two, clusters["green tea"].id)
        assert by_name(two)["moka pot"].content_count == 1

    def test_ideas_asked_for_before_belong_to_where_it_went(self, two: Account) -> None:
        clusters = by_name(two)
        merge(two, clusters["moka pot"].id, clusters["green tea"].id)
        ideas_for(two, clusters["green tea"].id, "green tea")
        assert by_name(two)["moka pot"].idea_count > 0

    def test_no_keyword_is_put_into_a_merged_cluster_any_more(self, two: Account) -> None:
        moka, tea = by_name(two)["moka pot"], by_name(two)["green tea"]
        merge(two, moka.id, tea.id)
        keyword = planner_pb2.Keyword(id=two.rows("Keywords")[0].id, site_id=two.site_id, cluster_id=tea.id)
        with pytest.raises(Fault, match="was merged into another cluster"):
            two.call("UpdateKeyword", service.UpdateKeywordRequest(keyword=keyword))
        with pytest.raises(Fault, match="was merged into another cluster"):
            two.add("oolong", cluster_id=UUID(tea.id))
        assert placed(two).keys() == {*MOKA, *TEA}

    def test_a_deleted_keyword_comes_back_to_where_it_went(self, two: Account) -> None:
        clusters = by_name(two)
        keyword = next(each for each in two.rows("Keywords") if each.text == "green tea bags")
        two.call("DeleteKeyword", service.DeleteKeywordRequest(site_id=two.site_id, keyword_id=keyword.id))
        merge(two, clusters["moka pot"].id, clusters["green tea"].id)
        two.call("UndeleteKeyword", service.UndeleteKeywordRequest(site_id=two.site_id, keyword_id=keyword.id))
        assert by_name(two)["moka pot"].keyword_count == 6

    @pytest.mark.parametrize("what", ["nothing", "itself", "strange", "old etag"])
    def test_what_cannot_be_merged_is_refused_by_name(self, two: Account, what: str) -> None:
        moka, tea = by_name(two)["moka pot"], by_name(two)["green tea"]
        merged = {"nothing": [], "itself": [moka.id], "strange": [str(new_id())], "old etag": [tea.id]}[what]
        with pytest.raises(Fault) as failed:
            merge(two, moka.id, *merged, etag="999" if what == "old etag" else "")
        expected = {"nothing": Kind.INVALID_ARGUMENT, "itself": Kind.INVALID_ARGUMENT, "strange": Kind.NOT_FOUND}
        assert failed.value.code is expected.get(what, Kind.ABORTED)

    def test_another_sectors_cluster_is_refused(self, planner: Planner) -> None:
        account = planner.account(sectors=2)
        account.add(*MOKA, "moka pot lid", "moka pot handle")
        account.add(*TEA, "green tea tin", "green tea cup", sector_id=account.site.sectors[1].id)
        for sector in account.site.sectors:
            account.planner.functions["cluster_keywords"].apply(account.work(sector.id), None)
        clusters = by_name(account)
        with pytest.raises(Fault, match="another sector"):
            merge(account, clusters["moka pot"].id, clusters["green tea"].id)

    def test_two_at_once_in_both_directions_leave_one(self, two: Account) -> None:
        moka, tea = by_name(two)["moka pot"].id, by_name(two)["green tea"].id
        pairs = [(moka, tea), (tea, moka)]

        def one() -> str:
            into, merged = pairs.pop()
            try:
                merge(two, into, merged)
            except Fault as fault:
                return fault.code.name
            return "merged"

        assert sorted(at_once(2, one)) == ["NOT_FOUND", "merged"]
        (left,) = two.rows("Clusters")
        assert left.keyword_count == 6


class TestSplit:
    def test_keywords_go_and_the_rest_stays(self, two: Account) -> None:
        tea = by_name(two)["green tea"]
        ideas_for(two, tea.id, "green tea")
        made = split(two, tea.id, ("green tea bags", "green tea leaves"), name="Tea to buy")
        assert (made.name, made.keyword_count, made.name_given) == ("Tea to buy", 2, True)
        left = by_name(two)["green tea"]
        assert (left.keyword_count, left.idea_count) == (1, 1)

    def test_without_a_name_it_is_called_after_its_most_searched_keyword(self, two: Account) -> None:
        made = split(two, by_name(two)["green tea"].id, ("green tea leaves", "green tea bags"))
        assert (made.name, made.name_given) == ("green tea bags", False)

    def test_the_rest_gets_a_primary_keyword_of_its_own(self, two: Account) -> None:
        split(two, by_name(two)["green tea"].id, ("green tea",))
        left = by_name(two)["green tea"]
        texts = {keyword.id: keyword.text for keyword in two.rows("Keywords")}
        assert texts[left.primary_keyword_id] == "green tea bags"

    @pytest.mark.parametrize(
        ("texts", "name", "kind"),
        [
            (TEA, "", Kind.INVALID_ARGUMENT),
            ((), "", Kind.INVALID_ARGUMENT),
            (("green tea", "moka pot"), "", Kind.INVALID_ARGUMENT),
            (("green tea",), "MOKA pot", Kind.ALREADY_EXISTS),
            (("green tea",), "x" * 121, Kind.INVALID_ARGUMENT),
        ],
        ids=["all of them", "none", "another cluster's", "a taken name", "a long name"],
    )
    def test_what_cannot_be_split_is_refused(self, two: Account, texts: tuple[str, ...], name: str, kind: Kind) -> None:
        with pytest.raises(Fault) as failed:
            split(two, by_name(two)["green tea"].id, texts, name=name)
        assert failed.value.code is kind


class TestMove:
    def test_keywords_go_to_a_cluster_and_strange_ones_are_told(self, two: Account) -> None:
        ids = [keyword.id for keyword in two.rows("Keywords") if keyword.text in {"moka pot size", "green tea bags"}]
        strange = str(new_id())
        request = service.MoveKeywordsRequest(
            site_id=two.site_id, cluster_id=by_name(two)["moka pot"].id, keyword_ids=[*ids, strange]
        )
        done = two.call("MoveKeywords", request)
        assert (done.moved_count, list(done.missing_keyword_ids)) == (2, [strange])
        assert placed(two)["green tea bags"] == "moka pot"
        who = f"user:{two.caller.passport.actor_id}"
        assert {k.text: k.placed_by for k in two.rows("Keywords") if k.placed_by} == {
            "moka pot size": who,
            "green tea bags": who,
        }

    def test_the_intents_of_a_cluster_follow(self, two: Account) -> None:
        (bought,) = two.add("buy green tea bags", cluster_id=UUID(by_name(two)["green tea"].id))
        assert by_name(two)["green tea"].transactional_count == 1
        moka = by_name(two)["moka pot"].id
        two.call(
            "MoveKeywords",
            service.MoveKeywordsRequest(site_id=two.site_id, cluster_id=moka, keyword_ids=[str(bought)]),
        )
        counts = {name: cluster.transactional_count for name, cluster in by_name(two).items()}
        assert counts == {"green tea": 0, "moka pot": 1}


class TestRecluster:
    def test_it_changes_nothing_until_it_is_applied(self, two: Account) -> None:
        before = placed(two)
        merge(two, by_name(two)["moka pot"].id, by_name(two)["green tea"].id)
        unpin(two)
        proposed = recluster(two)
        assert proposed.status == planner_pb2.Reclustering.STATUS_PROPOSED
        assert (proposed.split_count, proposed.created_count, proposed.moved_count) == (1, 1, 3)
        assert set(placed(two).values()) == {"moka pot"}
        moves = two.rows("ReclusteringMoves", filter=f'reclustering_id = "{proposed.id}"')
        assert {move.keyword for move in moves} in (set(MOKA), set(TEA))
        applied = carry_out(two, proposed)
        assert (applied.status, applied.skipped_count) == (planner_pb2.Reclustering.STATUS_APPLIED, 0)
        assert applied.applied_by == f"user:{two.caller.passport.actor_id}"
        assert placed(two) == before

    def test_what_is_mapped_to_an_emptied_cluster_goes_where_its_keywords_went(self, two: Account) -> None:
        lids = split(two, by_name(two)["moka pot"].id, ("moka pot gasket",), name="lids")
        unpin(two)
        content_of(two, lids.id)
        proposed = recluster(two)
        assert (proposed.merged_count, proposed.emptied_count) == (1, 1)
        carry_out(two, proposed)
        clusters = by_name(two)
        assert set(clusters) == {"moka pot", "green tea"}
        assert (clusters["moka pot"].keyword_count, clusters["moka pot"].content_count) == (3, 1)

    def test_what_a_person_decided_is_kept(self, two: Account) -> None:
        split(two, by_name(two)["green tea"].id, ("green tea bags",), name="Bags")
        merge(two, by_name(two)["moka pot"].id, by_name(two)["green tea"].id)
        before = placed(two)
        carry_out(two, recluster(two))
        assert placed(two) == before

    def test_what_changed_meanwhile_is_left_as_it_is(self, two: Account) -> None:
        merge(two, by_name(two)["moka pot"].id, by_name(two)["green tea"].id)
        unpin(two)
        proposed = recluster(two)
        leaving = two.rows("ReclusteringMoves", filter=f'reclustering_id = "{proposed.id}"')
        two.call(
            "MoveKeywords",
            service.MoveKeywordsRequest(
                site_id=two.site_id, cluster_id=leaving[0].from_cluster_id, keyword_ids=[leaving[0].keyword_id]
            ),
        )
        assert carry_out(two, proposed).skipped_count == 1
        assert placed(two)[leaving[0].keyword] == leaving[0].from_name

    def test_a_newer_one_takes_its_place_and_none_is_applied_twice(self, two: Account) -> None:
        first, second = recluster(two), recluster(two, granularity=2)
        with pytest.raises(Fault, match="superseded"):
            carry_out(two, read(two, first))
        carry_out(two, second)
        with pytest.raises(Fault, match="applied"):
            carry_out(two, read(two, second))

    def test_keywords_without_a_cluster_get_one(self, two: Account) -> None:
        two.add("moka pot lid", "green tea tin")
        proposed = recluster(two)
        assert (proposed.joined_count, proposed.keyword_count) == (2, 8)
        carry_out(two, proposed)
        assert placed(two)["moka pot lid"] == "moka pot"

    def test_a_disabled_clusters_keywords_are_left_alone(self, two: Account) -> None:
        tea = by_name(two)["green tea"]
        cluster = planner_pb2.Cluster(id=tea.id, site_id=two.site_id, disabled=True)
        two.call("UpdateCluster", service.UpdateClusterRequest(cluster=cluster))
        selection = two.planner.functions["recluster_keywords"].select(two.tenant, [], 10, {})
        assert selection.skip_reason.startswith("3 keywords are ready")

    def test_a_step_is_applied_once(self, two: Account) -> None:
        function, work = two.planner.functions["recluster_keywords"], two.work(two.sector_id)
        assert function.apply(work, None) == function.apply(work, None)
        assert len(two.rows("Reclusterings")) == 1


class TestPages:
    def test_keywords_that_one_page_answers_are_together(self, two: Account) -> None:
        moka = by_name(two)["moka pot"]
        two.add("moka pot sizes", "what size moka pot", "moka pot gaskets", cluster_id=UUID(moka.id))
        request = service.ListClusterPagesRequest(site_id=two.site_id, cluster_id=moka.id)
        pages = two.call("ListClusterPages", request).cluster_pages
        assert {"moka pot gasket", "moka pot gaskets"} in [set(page.keywords) for page in pages]
        assert sum(len(page.keyword_ids) for page in pages) == 6
        assert pages[0].volume >= pages[-1].volume > 0
        assert pages[0].primary_keyword == pages[0].keywords[0]

    def test_a_strange_cluster_is_not_found(self, two: Account) -> None:
        request = service.ListClusterPagesRequest(site_id=two.site_id, cluster_id=str(new_id()))
        with pytest.raises(Fault) as failed:
            two.call("ListClusterPages", request)
        assert failed.value.code is Kind.NOT_FOUND


class TestGrown:
    def test_keywords_that_have_left_do_not_count_for_it(self, two: Account) -> None:
        moka = by_name(two)["moka pot"]
        ideas_for(two, moka.id, "moka pot")
        split(two, moka.id, ("moka pot gasket", "moka pot size"))
        two.add("moka pot lid", "moka pot cups", "moka pot steel", "moka pot price", "moka pot cleaning",
                cluster_id=UUID(moka.id))  # fmt: skip
        assert moka.id in waiting(two.planner.functions["generate_ideas"], two)

    def test_a_merged_cluster_counts_what_both_had_ideas_for(self, two: Account) -> None:
        clusters = by_name(two)
        moka, tea = clusters["moka pot"], clusters["green tea"]
        ideas_for(two, moka.id, "moka pot")
        ideas_for(two, tea.id, "green tea")
        merge(two, moka.id, tea.id)
        function = two.planner.functions["generate_ideas"]
        two.add("moka pot lid", "moka pot cups", "moka pot steel", "moka pot price", cluster_id=UUID(moka.id))
        assert moka.id not in waiting(function, two)
        two.add("moka pot cleaning", cluster_id=UUID(moka.id))
        assert moka.id in waiting(function, two)

    def test_a_cluster_that_has_got_five_more_keywords_waits_for_ideas_again(self, two: Account) -> None:
        moka = by_name(two)["moka pot"]
        ideas_for(two, moka.id, "moka pot")
        function = two.planner.functions["generate_ideas"]
        assert str(moka.id) not in waiting(function, two)
        two.add("moka pot lid", "moka pot cups", "moka pot steel", "moka pot price", cluster_id=UUID(moka.id))
        assert str(moka.id) not in waiting(function, two)
        two.add("moka pot cleaning", cluster_id=UUID(moka.id))
        assert str(moka.id) in waiting(function, two)
        asked = function.prepare(two.work(UUID(moka.id))).variables["cluster"]["keywords"]
        assert "moka pot" not in {keyword["text"] for keyword in asked}  # an idea covers it
        assert len(asked) == 7
