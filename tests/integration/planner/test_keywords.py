"""Keywords by hand, over the wire: adding, changing, deleting, listing, the library, and the plan's limit."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.passport import SectorClaim, SiteClaim
from chassis.testing.service import a_passport, a_site
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_imports import at_once


def create(account: Account, *, request_id: str = "", **values: Any) -> Any:
    keyword = planner_pb2.Keyword(**{"sector_id": str(account.sector_id), "text": "moka pot"} | values)
    request = service.CreateKeywordRequest(site_id=account.site_id, keyword=keyword, request_id=request_id)
    return account.call("CreateKeyword", request)


def update(account: Account, keyword_id: Any, *paths: str, **values: Any) -> Any:
    request = service.UpdateKeywordRequest(
        keyword=planner_pb2.Keyword(id=str(keyword_id), site_id=account.site_id, **values)
    )
    request.update_mask.paths.extend(paths)
    return account.call("UpdateKeyword", request)


def delete(account: Account, keyword_id: Any) -> Any:
    return account.call(
        "DeleteKeyword", service.DeleteKeywordRequest(site_id=account.site_id, keyword_id=str(keyword_id))
    )


def undelete(account: Account, keyword_id: Any) -> Any:
    return account.call(
        "UndeleteKeyword", service.UndeleteKeywordRequest(site_id=account.site_id, keyword_id=str(keyword_id))
    )


def refused(do: Any, *arguments: Any, **values: Any) -> Fault:
    with pytest.raises(Fault) as failed:
        do(*arguments, **values)
    return failed.value


class TestCreate:
    def test_what_was_said_is_stored(self, account: Account) -> None:
        made = create(
            account,
            text="  Moka   Pot ",
            volume=900,
            difficulty=12.5,
            intent=planner_pb2.INTENT_COMMERCIAL,
            country="US",
            attributes_json='{"size": "6 cups"}',
        )
        assert (made.text, made.volume, made.difficulty, made.country) == ("Moka Pot", 900, 12.5, "US")
        assert (made.intent, made.status, made.etag) == (
            planner_pb2.INTENT_COMMERCIAL,
            planner_pb2.MAPPING_STATUS_NEW,
            "1",
        )
        assert account.rows("Keywords") == [made]

    def test_a_request_id_makes_it_once(self, account: Account) -> None:
        first = create(account, request_id="r1")
        assert create(account, request_id="r1") == first
        assert refused(create, account, request_id="r1", text="other").reason == "REQUEST_ID_REUSED"

    def test_the_same_text_in_other_letters_exists(self, account: Account) -> None:
        create(account)
        assert refused(create, account, text="MOKA  pot").code is Kind.ALREADY_EXISTS

    def test_another_sector_may_have_it_too(self, planner: Planner) -> None:
        account = planner.account(sectors=2)
        create(account)
        assert create(account, sector_id=str(account.site.sectors[1].id)).text == "moka pot"

    def test_an_unknown_sector_is_named_with_those_there_are(self, account: Account) -> None:
        fault = refused(create, account, sector_id=str(new_id()))
        assert (fault.reason, fault.code) == ("UNKNOWN_SECTOR", Kind.INVALID_ARGUMENT)
        assert fault.violations[0].field == "keyword.sector_id"
        assert "Sector 1" in fault.message

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"text": "???"}, "keyword.text"),
            ({"text": "x" * 256}, "keyword.text"),
            ({"text": "be\x07ll"}, "keyword.text"),
            ({"text": ""}, "keyword.text"),
            ({"volume": -1}, "keyword.volume"),
            ({"volume": 2**62}, "keyword.volume"),
            ({"difficulty": 100.5}, "keyword.difficulty"),
            ({"difficulty": float("nan")}, "keyword.difficulty"),
            ({"impressions": -5}, "keyword.impressions"),
            ({"country": "usa"}, "keyword.country"),
            ({"intent": 99}, "keyword.intent"),
            ({"site_id": "01970000-0000-7000-8000-000000000000"}, "keyword.site_id"),
            ({"attributes_json": "[]"}, "attributes_json"),
            ({"cluster_id": "01970000-0000-7000-8000-000000000000"}, "keyword.cluster_id"),
        ],
    )
    def test_a_wrong_field_is_named(self, account: Account, values: dict[str, Any], field: str) -> None:
        fault = refused(create, account, **values)
        assert fault.code is Kind.INVALID_ARGUMENT
        assert [violation.field for violation in fault.violations] == [field]
        assert account.rows("Keywords") == []


class TestLimit:
    def test_the_free_plan_ends_at_a_hundred(self, account: Account) -> None:
        account.add(*(f"keyword {number}" for number in range(100)))
        fault = refused(create, account)
        assert (fault.reason, fault.metadata["allowed"]) == ("PLAN_LIMIT", "100")

    def test_the_account_is_counted_not_the_site(self, account: Account) -> None:
        account.allow(2)
        create(account)
        other = account.at(a_site())
        create(other)
        assert refused(create, other, text="third").reason == "PLAN_LIMIT"

    def test_deleting_makes_room_and_undeleting_takes_it(self, account: Account) -> None:
        account.allow(1)
        first = create(account)
        delete(account, first.id)
        second = create(account, text="aeropress")
        assert refused(undelete, account, first.id).reason == "PLAN_LIMIT"
        delete(account, second.id)
        assert not undelete(account, first.id).HasField("delete_time")
        assert refused(create, account, text="third").reason == "PLAN_LIMIT"

    def test_as_many_as_fit_are_added_at_once(self, account: Account) -> None:
        account.allow(3)
        texts = [f"keyword {number}" for number in range(6)]

        def add() -> str:
            try:
                create(account, text=texts.pop())
            except Fault as fault:
                return fault.reason
            return "added"

        outcomes = at_once(6, add)
        assert Counter(outcomes) == {"added": 3, "PLAN_LIMIT": 3}

    def test_undeleting_twice_is_harmless(self, account: Account) -> None:
        keyword = create(account)
        assert undelete(account, keyword.id) == keyword

    def test_undeleting_nothing_is_not_found(self, account: Account) -> None:
        assert refused(undelete, account, new_id()).code is Kind.NOT_FOUND


class TestUpdate:
    def test_figures_change_and_can_be_taken_back(self, account: Account) -> None:
        (keyword_id,) = account.add("moka pot", volume=10)
        changed = update(account, keyword_id, volume=50, difficulty=20, disabled=True)
        assert (changed.volume, changed.difficulty, changed.disabled, changed.etag) == (50, 20, True, "2")
        assert update(account, keyword_id, "volume").volume == 10  # the library's, which it was added with

    def test_a_cluster_of_another_sector_is_refused(self, planner: Planner) -> None:
        account = planner.account(sectors=2)
        account.add("moka pot", "moka pot gasket", "moka pot size", "moka pot steel", "moka pot induction")
        account.cluster()
        cluster_id = account.rows("Clusters")[0].id
        (stranger,) = account.add("tea", sector_id=account.site.sectors[1].id)
        fault = refused(update, account, stranger, cluster_id=cluster_id)
        assert [violation.field for violation in fault.violations] == ["keyword.cluster_id"]

    def test_moving_between_clusters_moves_the_sums(self, account: Account) -> None:
        account.add("moka pot", "moka pot gasket", "green tea", "green tea bags", "green tea leaves", volume=10)
        account.cluster()
        before = {cluster.name: cluster for cluster in account.rows("Clusters")}
        assert {(c.keyword_count, c.volume) for c in before.values()} == {(2, 20), (3, 30)}
        moka = next(keyword for keyword in account.rows("Keywords") if keyword.text == "moka pot")
        tea = next(cluster for cluster in before.values() if cluster.keyword_count == 3)
        update(account, moka.id, cluster_id=tea.id)
        assert {(c.keyword_count, c.volume) for c in account.rows("Clusters")} == {(1, 10), (4, 40)}
        update(account, moka.id, volume=100)
        delete(account, moka.id)
        assert {(c.keyword_count, c.volume) for c in account.rows("Clusters")} == {(1, 10), (3, 30)}
        undelete(account, moka.id)
        assert {(c.keyword_count, c.volume) for c in account.rows("Clusters")} == {(1, 10), (4, 130)}
        assert update(account, moka.id, "cluster_id").status == planner_pb2.MAPPING_STATUS_NEW


class TestList:
    @pytest.mark.parametrize(
        ("query", "texts"),
        [
            ({"order_by": "volume desc"}, ["a", "b", "c"]),
            ({"order_by": "text desc"}, ["c", "b", "a"]),
            ({"filter": "volume >= 20"}, ["a", "b"]),
            ({"filter": 'volume < 20 OR difficulty > 70 AND status = "new"'}, ["a", "c"]),
            ({"filter": 'intent = "commercial"'}, ["b"]),
            ({"filter": "disabled = true"}, ["c"]),
            ({"search": "B"}, ["b"]),
        ],
    )
    def test_filters_orders_and_searches(self, account: Account, query: dict[str, str], texts: list[str]) -> None:
        account.add("a", volume=30, difficulty=80.0)
        account.add("b", volume=20, intent="commercial")
        account.add("c", volume=10, disabled=True)
        assert [keyword.text for keyword in account.rows("Keywords", **query)] == texts


class TestLibrary:
    def test_a_keyword_takes_the_librarys_figures_until_it_has_its_own(self, planner: Planner) -> None:
        industry, template = new_id(), new_id()
        seed = add_to_library(planner, industry, template)
        site = SiteClaim(new_id(), industry, (SectorClaim(new_id(), template, "Coffee"),), "Corner")
        account = Account(planner, planner.running.caller(a_passport(site=site)))
        tied, own = create(account), create(account, text="grandma's coffee", volume=3)
        assert (tied.seed_keyword_id, tied.volume) == (str(seed), 700)
        assert own.seed_keyword_id not in {"", str(seed)}
        assert update(account, tied.id, volume=0).volume == 0
        assert update(account, tied.id, "volume").volume == 700
        of_sector = service.ListSeedKeywordsRequest(order_by="text", filter=f'industry_sector_id = "{template}"')
        library = account.call("ListSeedKeywords", of_sector).seed_keywords
        assert [keyword.text for keyword in library] == ["Moka Pot", "grandma's coffee"]
        seen = planner.account().call("ListSeedKeywords", of_sector).seed_keywords
        assert [keyword.text for keyword in seen] == ["Moka Pot"]

    def test_an_import_ties_to_the_library_too(self, planner: Planner) -> None:
        industry, template = new_id(), new_id()
        seed = add_to_library(planner, industry, template)
        site = SiteClaim(new_id(), industry, (SectorClaim(new_id(), template, "Coffee"),), "Corner")
        account = Account(planner, planner.running.caller(a_passport(site=site)))
        account.import_file(b"MOKA pot\naeropress\n")
        tied = {keyword.text: keyword.seed_keyword_id == str(seed) for keyword in account.rows("Keywords")}
        assert tied == {"MOKA pot": True, "aeropress": False}

    def test_two_sites_of_an_account_share_a_keyword_of_their_own(self, account: Account) -> None:
        other = account.at(
            SiteClaim(
                new_id(),
                account.site.industry_id,
                (SectorClaim(new_id(), account.site.sectors[0].industry_sector_id, "S"),),
            )
        )
        assert create(account).seed_keyword_id == create(other).seed_keyword_id
        request = service.ListSeedKeywordsRequest(filter=of_first_sector(account))
        assert len(account.call("ListSeedKeywords", request).seed_keywords) == 1

    def test_pages_go_through_both_libraries(self, account: Account) -> None:
        account.add("a", "b", "c")
        seen, token = [], ""
        while True:
            request = service.ListSeedKeywordsRequest(
                page_size=2, page_token=token, order_by="volume desc", filter=of_first_sector(account)
            )
            page = account.call("ListSeedKeywords", request)
            seen += [keyword.text for keyword in page.seed_keywords]
            token = page.next_page_token
            if not token:
                break
        assert seen == ["a", "b", "c"]


def of_first_sector(account: Account) -> str:
    """The filter for library keywords of the catalogue's sector that the account's first one was made from."""
    return f'industry_sector_id = "{account.site.sectors[0].industry_sector_id}"'


def add_to_library(planner: Planner, industry: UUID, template: UUID) -> UUID:
    """The platform's keyword "Moka Pot", searched 700 times a month, in a sector of the catalogue."""
    seed, owner = new_id(), sa.create_engine(planner.owner_url)
    with owner.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO seed_keyword (id, industry_id, industry_sector_id, text, normalised, volume)"
                " VALUES (:id, :industry, :template, 'Moka Pot', 'moka pot', 700)"
            ),
            {"id": seed, "industry": industry, "template": template},
        )
    owner.dispose()
    return seed
