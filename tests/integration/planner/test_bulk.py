"""Many keywords at once: changed, deleted and brought back, by their ids or by what a list's filter finds."""

from __future__ import annotations

from typing import Any

import pytest
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Kind
from chassis.ids import new_id
from chassis.testing.service import a_site
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_imports import at_once
from tests.integration.planner.test_keywords import create, delete, refused, undelete, update

MANY = 1_001


def change(account: Account, *paths: str, values: dict[str, Any] | None = None, **which: Any) -> Any:
    keyword = planner_pb2.Keyword(**{"disabled": True} if values is None else values)
    request = service.BulkUpdateKeywordsRequest(site_id=account.site_id, keyword=keyword, **_texts(which))
    request.update_mask.paths.extend(paths)
    return account.call("BulkUpdateKeywords", request)


def delete_many(account: Account, **which: Any) -> Any:
    return account.call(
        "BulkDeleteKeywords", service.BulkDeleteKeywordsRequest(site_id=account.site_id, **_texts(which))
    )


def undelete_many(account: Account, **which: Any) -> Any:
    return account.call(
        "BulkUndeleteKeywords", service.BulkUndeleteKeywordsRequest(site_id=account.site_id, **_texts(which))
    )


def _texts(which: dict[str, Any]) -> dict[str, Any]:
    return which | ({"keyword_ids": [str(i) for i in which["keyword_ids"]]} if "keyword_ids" in which else {})


def texts(account: Account, **query: Any) -> set[str]:
    return {keyword.text for keyword in account.rows("Keywords", **query)}


class TestUpdate:
    def test_fields_of_named_keywords_change_and_no_others(self, account: Account) -> None:
        first, second, _ = account.add("a", "b", "c", volume=5)
        values = {"disabled": True, "volume": 90, "difficulty": 7.5, "intent": planner_pb2.INTENT_COMMERCIAL}
        done = change(account, values=values, keyword_ids=[first, second])
        assert (done.updated_count, list(done.missing_keyword_ids)) == (2, [])
        assert texts(account, filter='volume = 90 AND difficulty = 7.5 AND intent = "commercial"') == {"a", "b"}
        assert texts(account, filter="disabled = false AND volume = 5") == {"c"}
        assert {keyword.etag for keyword in account.rows("Keywords")} == {"1", "2"}

    def test_a_named_field_without_a_value_is_cleared(self, account: Account) -> None:
        ids = account.add("best tea", intent="transactional", disabled=True)
        change(account, "intent", "disabled", values={}, keyword_ids=ids)
        (keyword,) = account.rows("Keywords")
        assert (keyword.disabled, keyword.intent) == (False, planner_pb2.INTENT_COMMERCIAL)  # as the rules say

    def test_all_that_a_filter_finds_change(self, account: Account) -> None:
        account.add("a", "b", volume=5)
        account.add("c", volume=50)
        assert change(account, filter="volume < 10").updated_count == 2
        assert texts(account, filter="disabled = true") == {"a", "b"}

    def test_all_that_a_search_finds_change(self, account: Account) -> None:
        account.add("moka pot", "moka gasket", "tea")
        assert change(account, search="moka").updated_count == 2

    def test_a_library_figure_can_be_filtered_by(self, account: Account) -> None:
        (keyword_id,) = account.add("a", volume=5)
        update(account, keyword_id, "volume")  # the library's is 5
        assert change(account, filter="volume = 5").updated_count == 1

    def test_what_is_not_there_is_told_and_the_rest_is_done(self, account: Account) -> None:
        first, gone = account.add("a", "b")
        delete(account, gone)
        nobodys = new_id()
        done = change(account, keyword_ids=[nobodys, first, gone])
        assert (done.updated_count, list(done.missing_keyword_ids)) == (1, [str(nobodys), str(gone)])

    def test_what_somebody_else_changed_is_told_and_left_alone(self, account: Account) -> None:
        first, second, third = account.add("a", "b", "c")
        update(account, second, volume=7)
        done = change(account, keyword_ids=[first, second, third], etags=["1", "1", ""])
        assert (done.updated_count, list(done.conflicting_keyword_ids)) == (2, [str(second)])
        assert texts(account, filter="disabled = true") == {"a", "c"}

    def test_the_sums_of_their_clusters_follow(self, account: Account) -> None:
        ids = account.add("moka pot", "moka pot gasket", "moka pot size", "moka pot steel", "moka pot cups", volume=10)
        account.cluster()
        change(account, values={"volume": 100}, keyword_ids=ids[:2])
        assert [cluster.volume for cluster in account.rows("Clusters")] == [230]

    def test_two_who_change_the_same_do_not_deadlock(self, account: Account) -> None:
        ids = account.add(*(f"keyword {number}" for number in range(60)))
        orders = [ids, ids[::-1]] * 3
        done = at_once(6, lambda: change(account, keyword_ids=orders.pop()).updated_count)
        assert list(done) == [60] * 6

    @pytest.mark.parametrize(
        ("values", "paths", "field"),
        [
            ({"volume": -1}, (), "keyword.volume"),
            ({"text": "new"}, ("text",), "keyword.text"),
            ({"cluster_id": str(new_id())}, (), "keyword.cluster_id"),
            ({}, ("cluster_id",), "keyword.cluster_id"),
            ({}, (), "update_mask"),
        ],
    )
    def test_a_wrong_field_is_named(
        self, account: Account, values: dict[str, Any], paths: tuple[str, ...], field: str
    ) -> None:
        (keyword_id,) = account.add("a")
        fault = refused(change, account, *paths, values=values, keyword_ids=[keyword_id])
        assert [violation.field for violation in fault.violations] == [field]


class TestDelete:
    def test_named_keywords_are_hidden_and_make_room(self, account: Account) -> None:
        account.allow(3)
        first, second, _ = account.add("a", "b", "c")
        done = delete_many(account, keyword_ids=[first, second])
        assert (done.deleted_count, texts(account)) == (2, {"c"})
        create(account, text="d")

    def test_all_that_a_filter_finds_are_hidden(self, account: Account) -> None:
        account.add("a", "b", disabled=True)
        account.add("c")
        assert delete_many(account, filter="disabled = true").deleted_count == 2
        assert texts(account) == {"c"}

    def test_a_deleted_one_and_a_changed_one_are_told(self, account: Account) -> None:
        gone, changed = account.add("a", "b")
        delete(account, gone)
        update(account, changed, volume=3)
        done = delete_many(account, keyword_ids=[gone, changed], etags=["2", "1"])
        assert (done.deleted_count, texts(account)) == (0, {"b"})
        assert (list(done.missing_keyword_ids), list(done.conflicting_keyword_ids)) == ([str(gone)], [str(changed)])


class TestUndelete:
    def test_named_keywords_come_back(self, account: Account) -> None:
        ids = account.add("a", "b", "c")
        delete_many(account, keyword_ids=ids)
        assert undelete_many(account, keyword_ids=ids[:2]).undeleted_count == 2
        assert texts(account) == {"a", "b"}

    def test_a_filter_is_about_the_deleted(self, account: Account) -> None:
        ids = account.add("a", "b", volume=5)
        account.add("c", volume=5)
        delete_many(account, keyword_ids=ids)
        done = undelete_many(account, filter="volume = 5")
        assert (done.undeleted_count, done.refused_count) == (2, 0)
        assert texts(account) == {"a", "b", "c"}

    def test_one_whose_text_exists_again_is_refused_by_name(self, account: Account) -> None:
        first, second = account.add("Moka Pot", "tea")
        delete_many(account, keyword_ids=[first, second])
        create(account, text="moka  pot")
        done = undelete_many(account, keyword_ids=[first, second])
        assert (done.undeleted_count, done.refused_count) == (1, 1)
        assert [(r.keyword_id, r.text) for r in done.refused] == [(str(first), "Moka Pot")]

    def test_of_two_deleted_ones_of_a_text_the_last_comes_back(self, account: Account) -> None:
        (first,) = account.add("tea")
        delete(account, first)
        (second,) = account.add("tea")
        delete(account, second)
        done = undelete_many(account, keyword_ids=[first, second])
        assert (done.undeleted_count, [r.keyword_id for r in done.refused]) == (1, [str(first)])
        assert [keyword.id for keyword in account.rows("Keywords")] == [str(second)]

    def test_where_the_plan_has_no_room_none_comes_back(self, account: Account) -> None:
        ids = account.add("a", "b", "c")
        delete_many(account, keyword_ids=ids)
        account.allow(2)
        assert refused(undelete_many, account, keyword_ids=ids).reason == "PLAN_LIMIT"
        assert texts(account) == set()
        assert undelete_many(account, keyword_ids=ids[:2]).undeleted_count == 2

    def test_one_that_was_never_deleted_is_there(self, account: Account) -> None:
        (live,), nobodys = account.add("a"), new_id()
        done = undelete_many(account, keyword_ids=[live, nobodys])
        assert (done.undeleted_count, list(done.missing_keyword_ids)) == (0, [str(nobodys)])

    def test_the_sums_of_their_clusters_follow(self, account: Account) -> None:
        ids = account.add("moka pot", "moka pot gasket", "moka pot size", "moka pot steel", "moka pot cups", volume=10)
        account.cluster()
        delete_many(account, keyword_ids=ids[:3])
        assert [cluster.keyword_count for cluster in account.rows("Clusters")] == [2]
        undelete_many(account, keyword_ids=ids[:2])
        assert [cluster.keyword_count for cluster in account.rows("Clusters")] == [4]


ALL = pytest.mark.parametrize("do", [change, delete_many, undelete_many], ids=["update", "delete", "undelete"])


@ALL
class TestChoosing:
    @pytest.mark.parametrize(
        ("which", "field"),
        [
            ({}, "keyword_ids"),
            ({"filter": "  "}, "keyword_ids"),
            ({"keyword_ids": [new_id()], "filter": "volume = 1"}, "keyword_ids"),
            ({"keyword_ids": [new_id() for _ in range(MANY)]}, "keyword_ids"),
            ({"keyword_ids": [new_id(), "x"]}, "keyword_ids"),
            ({"filter": "nonsense = 1"}, "filter"),
        ],
    )
    def test_it_is_said_by_ids_or_by_a_filter(
        self, account: Account, do: Any, which: dict[str, Any], field: str
    ) -> None:
        fault = refused(do, account, **which)
        assert (fault.code, [v.field for v in fault.violations]) == (Kind.INVALID_ARGUMENT, [field])

    def test_anothers_is_not_there(self, planner: Planner, account: Account, do: Any) -> None:
        live, deleted = account.add("a", "b")
        delete(account, deleted)
        for stranger in (planner.account(), account.at(a_site())):
            done = do(stranger, keyword_ids=[live, deleted])
            assert set(done.missing_keyword_ids) == {str(live), str(deleted)}
            do(stranger, filter="volume >= 0")
        assert {(k.id, k.etag) for k in account.rows("Keywords", show_deleted=True)} == {
            *((str(live), "1"), (str(deleted), "2"))
        }


@pytest.mark.parametrize("do", [change, delete_many])
def test_as_many_etags_as_ids(account: Account, do: Any) -> None:
    fault = refused(do, account, keyword_ids=account.add("a", "b"), etags=["1"])
    assert [violation.field for violation in fault.violations] == ["etags"]


def test_one_and_many_undelete_alike(account: Account) -> None:
    first, second = account.add("a", "b")
    delete_many(account, filter="volume > 0")
    undelete(account, first)
    undelete_many(account, keyword_ids=[second])
    assert texts(account) == {"a", "b"}
