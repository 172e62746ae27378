"""The function cluster_keywords: what it chooses, what it stores, and what happens when it is carried out twice."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from services.planner.clustering import (
    ApartClusterer,
    ClusterProposal,
    Interrupted,
    KeywordToCluster,
    SemanticClusterer,
)
from services.planner.usecases.clustering import ClusterKeywords
from services.planner.usecases.meanings import KeywordMeanings
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_imports import at_once

Keywords = Sequence[KeywordToCluster]
GRAINS = ("price", "price list", "cleaning", "cleaning brush", "size", "size chart", "gift", "gift set")
COFFEE = ("moka pot", "moka pot gasket", "moka pot size", "green tea", "green tea bags", "green tea leaves")


class Slow(SemanticClusterer):
    """A method that takes longer than a test."""

    def cluster(self, keywords: Keywords, granularity: float = 1.0, **more: Any) -> list[ClusterProposal]:
        time.sleep(60)
        return super().cluster(keywords, granularity, **more)


def of_method(planner: Planner, method: SemanticClusterer) -> ClusterKeywords:
    """Return the function that clusters by some method."""
    return ClusterKeywords(planner.database, method, KeywordMeanings(planner.database, None))


class TestSelect:
    def test_a_sector_with_enough_is_one_item_counted_in_keywords(self, planner: Planner) -> None:
        account = planner.account(sectors=2)
        account.add(*COFFEE)
        account.add("lonely", sector_id=account.site.sectors[1].id)
        selection = planner.functions["cluster_keywords"].select(account.tenant, [], 10, {})
        (item,) = selection.items
        assert (item.subject_id, item.subject_kind, item.label) == (account.sector_id, "sector", "Sector 1")
        assert (item.expected_quantity, item.limit_quantity, selection.total, selection.skip_reason) == (6, 6, 1, "")

    def test_too_few_says_how_many_there_are(self, account: Account) -> None:
        account.add("a", "b", "c")
        selection = account.planner.functions["cluster_keywords"].select(account.tenant, [], 10, {})
        assert (selection.items, selection.total) == ([], 0)
        assert selection.skip_reason == "3 keywords are ready in Sector 1; clustering needs 5."

    def test_disabled_deleted_and_clustered_ones_do_not_count(self, account: Account) -> None:
        account.add(*COFFEE)
        account.cluster()
        account.add("one", "two", "three", "four")
        account.add("off", disabled=True)
        (gone,) = account.add("gone")
        request = service.DeleteKeywordRequest(site_id=account.site_id, keyword_id=str(gone))
        account.call("DeleteKeyword", request)
        selection = account.planner.functions["cluster_keywords"].select(account.tenant, [], 10, {})
        assert selection.skip_reason.startswith("4 keywords are ready")

    def test_only_selected_keywords_count_when_some_are(self, account: Account) -> None:
        ids = account.add(*COFFEE)
        chosen = {"keyword_ids": [str(keyword_id) for keyword_id in ids[:5]]}
        function = account.planner.functions["cluster_keywords"]
        assert function.select(account.tenant, [account.sector_id], 10, chosen).items[0].expected_quantity == 5
        assert function.apply(account.work(account.sector_id, **chosen), None).actual_quantity == 5
        assert len(account.rows("Keywords", filter='status = "new"')) == 1

    def test_of_selected_keywords_it_says_which_are_not_ready_and_why(self, account: Account) -> None:
        account.add(*COFFEE)
        account.cluster()
        mapped = [keyword.id for keyword in account.rows("Keywords")][:2]
        free = account.add("one", "two", "three")
        off = account.add("off", disabled=True)
        chosen = {"keyword_ids": [*mapped, *map(str, [*free, *off, new_id()])]}
        selection = account.planner.functions["cluster_keywords"].select(account.tenant, [], 10, chosen)
        assert selection.skip_reason == (
            "3 keywords are ready in Sector 1; clustering needs 5. "
            "Of the 7 selected 1 is disabled, 2 are in a cluster, 1 is not there."
        )


class TestApply:
    def test_every_keyword_gets_a_cluster_and_the_sums_are_right(self, account: Account) -> None:
        account.add(*COFFEE, difficulty=40.0)
        done = account.cluster()
        clusters = account.rows("Clusters", order_by="volume desc")
        assert done.actual_quantity == 6
        assert {made.id for made in done.made} == {cluster.id for cluster in clusters}
        assert [(c.name, c.keyword_count, c.difficulty) for c in clusters] == [
            ("moka pot", 3, 40),
            ("green tea", 3, 40),
        ]
        assert sum(cluster.volume for cluster in clusters) == sum(range(995, 1001))
        keywords = {keyword.id: keyword for keyword in account.rows("Keywords")}
        assert {keyword.status for keyword in keywords.values()} == {planner_pb2.MAPPING_STATUS_MAPPED}
        assert keywords[clusters[0].primary_keyword_id].text == "moka pot"

    def test_keywords_of_any_script_are_clustered_and_kept_as_they_are(self, account: Account) -> None:
        texts = ("咖啡机", "家用咖啡机", "قهوة عربية", "قهوة", "☕", "☕ 🥐", "Ünal çay", "मोका पॉट", "eau de café")
        account.add(*texts)
        assert account.cluster().actual_quantity == len(texts)
        assert {keyword.text for keyword in account.rows("Keywords", filter='status = "mapped"')} == set(texts)

    def test_a_step_is_applied_once(self, account: Account) -> None:
        account.add(*COFFEE)
        function, work = account.planner.functions["cluster_keywords"], account.work(account.sector_id)
        first = function.apply(work, None)
        account.add("tea one", "tea two", "tea three", "tea four", "tea five")
        assert function.apply(work, None) == first
        assert len(account.rows("Clusters")) == 2

    def test_two_at_once_cluster_once(self, account: Account) -> None:
        account.add(*COFFEE)
        function, work = account.planner.functions["cluster_keywords"], account.work(account.sector_id)
        first, second = at_once(2, lambda: function.apply(work, None))
        assert first == second
        assert len(account.rows("Clusters")) == 2

    def test_two_steps_at_once_do_not_cluster_a_keyword_twice(self, account: Account) -> None:
        account.add(*COFFEE)
        function = account.planner.functions["cluster_keywords"]

        def apply() -> int:
            try:
                return function.apply(account.work(account.sector_id), None).actual_quantity
            except Fault as fault:  # the other was so quick that nothing was left to read
                return 0 if fault.reason == "TOO_FEW_KEYWORDS" else -1

        assert sorted(at_once(2, apply)) == [0, 6]
        assert sum(cluster.keyword_count for cluster in account.rows("Clusters")) == 6

    def test_a_name_that_is_taken_is_told_apart(self, account: Account) -> None:
        account.add(*COFFEE)
        account.cluster()
        account.add("car hire", "car hire spain", "cheap car hire", "car hire madrid", "car hire prices")

        class SameName(SemanticClusterer):
            def cluster(self, keywords: Keywords, granularity: float = 1.0, **more: Any) -> list[ClusterProposal]:
                return [replace(made, name="moka pot") for made in super().cluster(keywords, granularity, **more)]

        of_method(account.planner, SameName()).apply(account.work(account.sector_id), None)
        assert {cluster.name for cluster in account.rows("Clusters")} == {"moka pot", "green tea", "car hire"}

    def test_new_keywords_join_what_is_there_and_no_old_one_moves(self, account: Account) -> None:
        account.add(*COFFEE)
        account.cluster()
        before = {keyword.id: keyword.cluster_id for keyword in account.rows("Keywords")}
        account.add("moka pot cups", "moka pot steel", "organic green tea", "moka pot cleaning", "moka pot price")
        done = account.cluster()
        assert (done.actual_quantity, done.made) == (5, [])
        assert done.notes == ["5 keywords joined clusters that were there."]
        counts = {cluster.name: cluster.keyword_count for cluster in account.rows("Clusters")}
        assert counts == {"moka pot": 7, "green tea": 4}
        after = {keyword.id: keyword.cluster_id for keyword in account.rows("Keywords")}
        assert {each: after[each] for each in before} == before

    def test_keywords_that_are_like_nothing_wait_until_there_are_enough(self, account: Account) -> None:
        account.add(*COFFEE)
        account.cluster()
        account.add("car hire", "car hire spain", "moka pot cups", "moka pot steel", "moka pot price")
        done = account.cluster()
        assert (done.actual_quantity, done.made) == (3, [])
        assert "2 keywords are like no cluster and wait until 5 of them do." in done.notes
        account.add("cheap car hire", "car hire madrid", "car hire prices")
        assert account.cluster().actual_quantity == 5
        assert {cluster.name for cluster in account.rows("Clusters")} == {"moka pot", "green tea", "car hire"}

    def test_a_finer_grain_makes_more_clusters(self, account: Account) -> None:
        account.add(*(f"{drink} {what}" for drink in ("moka pot", "tea bag") for what in GRAINS))
        function = account.planner.functions["cluster_keywords"]
        function.apply(account.work(account.sector_id, granularity=8), None)
        fine = len(account.rows("Clusters"))
        other = account.planner.account()
        other.add(*(f"{drink} {what}" for drink in ("moka pot", "tea bag") for what in GRAINS))
        function.apply(other.work(other.sector_id, granularity=0.1), None)
        assert len(other.rows("Clusters")) < fine

    @pytest.mark.parametrize("grain", [0, -1, 11, "fine", True, None, float("nan")])
    def test_a_grain_out_of_bounds_is_refused_by_name(self, account: Account, grain: object) -> None:
        with pytest.raises(Fault, match="granularity"):
            account.planner.functions["cluster_keywords"].select(account.tenant, [], 10, {"granularity": grain})

    def test_too_few_is_refused_with_the_count(self, account: Account) -> None:
        account.add("a", "b")
        with pytest.raises(Fault) as failed:
            account.cluster()
        assert (failed.value.reason, failed.value.metadata["ready"]) == ("TOO_FEW_KEYWORDS", "2")

    def test_another_sites_sector_is_not_found(self, planner: Planner, account: Account) -> None:
        with pytest.raises(Fault) as failed:
            planner.functions["cluster_keywords"].apply(account.work(planner.account().sector_id), None)
        assert failed.value.code is Kind.NOT_FOUND

    def test_a_keyword_that_was_deleted_meanwhile_is_left_out(self, account: Account) -> None:
        ids = account.add(*COFFEE)
        planner = account.planner

        class Deleting(SemanticClusterer):
            def cluster(self, keywords: Keywords, granularity: float = 1.0, **more: Any) -> list[ClusterProposal]:
                request = service.DeleteKeywordRequest(site_id=account.site_id, keyword_id=str(ids[0]))
                account.call("DeleteKeyword", request)
                return super().cluster(keywords, granularity, **more)

        done = of_method(planner, Deleting()).apply(account.work(account.sector_id), None)
        assert (done.actual_quantity, len(done.notes)) == (5, 1)
        assert sum(cluster.keyword_count for cluster in account.rows("Clusters")) == 5

    def test_an_interrupted_clustering_can_be_tried_again(self, account: Account) -> None:
        class Ended(SemanticClusterer):
            def cluster(self, keywords: Keywords, granularity: float = 1.0, **more: Any) -> list[ClusterProposal]:
                raise Interrupted(f"{len(keywords)} keywords were lost at grain {granularity}, {more}.")

        account.add(*COFFEE)
        work = account.work(account.sector_id)
        with pytest.raises(Fault) as failed:
            of_method(account.planner, Ended()).apply(work, None)
        assert failed.value.code is Kind.UNAVAILABLE
        assert account.planner.functions["cluster_keywords"].apply(work, None).actual_quantity == 6


class TestSums:
    def test_changes_at_once_all_count(self, account: Account) -> None:
        ids = account.add("moka pot", "moka pot gasket", "moka pot size", "moka pot steel", "moka pot cups", volume=1)
        account.cluster()
        left = [str(keyword_id) for keyword_id in ids]

        def change() -> None:
            keyword = planner_pb2.Keyword(id=left.pop(), site_id=account.site_id, volume=100)
            account.call("UpdateKeyword", service.UpdateKeywordRequest(keyword=keyword))

        at_once(len(ids), change)
        (cluster,) = account.rows("Clusters")
        assert (cluster.keyword_count, cluster.volume) == (5, 500)


class TestUpdateCluster:
    def test_a_name_of_the_sector_is_taken_in_any_letters(self, account: Account) -> None:
        account.add(*COFFEE)
        account.cluster()
        first, second = account.rows("Clusters")
        cluster = planner_pb2.Cluster(id=first.id, site_id=account.site_id, name=second.name.upper())
        with pytest.raises(Fault) as failed:
            account.call("UpdateCluster", service.UpdateClusterRequest(cluster=cluster))
        assert failed.value.code is Kind.ALREADY_EXISTS


class TestApart:
    def test_many_keywords_are_clustered_as_few_are(self) -> None:
        keywords = [KeywordToCluster(str(number), text) for number, text in enumerate(COFFEE)]
        apart = ApartClusterer(SemanticClusterer(), apart_from=1)
        assert apart.cluster(keywords) == SemanticClusterer().cluster(keywords)
        old = [("moka pot price", "a"), ("car hire", "b")]
        assert apart.grow(old, keywords) == SemanticClusterer().grow(old, keywords)

    def test_it_is_given_up_after_its_time(self) -> None:
        with pytest.raises(Interrupted, match="longer than"):
            ApartClusterer(Slow(), apart_from=1, timeout_s=0.2).cluster([KeywordToCluster("1", "a")])

    def test_closing_ends_the_one_at_work(self) -> None:
        apart = ApartClusterer(Slow(), apart_from=1)
        closer = threading.Timer(1.0, apart.close)
        closer.start()
        began = time.monotonic()
        with pytest.raises(Interrupted, match="ended early"):
            apart.cluster([KeywordToCluster("1", "a")])
        closer.join()
        assert time.monotonic() - began < 30


def test_ids_are_those_of_rows(account: Account) -> None:
    account.add(*COFFEE)
    made = [UUID(row.id) for row in account.cluster().made]
    assert all(row_id.version == 7 for row_id in made)
    assert new_id() not in made
