"""Keywords of the library added to a sector: named, or found by a filter and a search."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Kind
from chassis.ids import new_id
from chassis.testing.service import a_site
from services.planner.domain import normalise
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_imports import at_once
from tests.integration.planner.test_keywords import delete, of_first_sector, refused


def library(planner: Planner, sector: UUID, *texts: str, **values: Any) -> list[UUID]:
    """Keywords of the platform in a sector of the catalogue; the earlier, the more searched."""
    figures = {"difficulty": None, "intent": None, "country": ""}
    place = {"industry": new_id(), "sector": sector}
    rows = [
        {"volume": 1000 - number}
        | figures
        | place
        | values
        | {"text": text, "normalised": normalise(text), "id": new_id()}
        for number, text in enumerate(texts)
    ]
    owner = sa.create_engine(planner.owner_url)
    with owner.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO seed_keyword (id, industry_id, industry_sector_id, text, normalised, volume, difficulty,"
                " intent, country) VALUES (:id, :industry, :sector, :text, :normalised, :volume, :difficulty,"
                " :intent, :country)"
            ),
            rows,
        )
    owner.dispose()
    return [row["id"] for row in rows]


def own(account: Account, *texts: str, **values: Any) -> list[UUID]:
    """Keywords of the platform of the subject of the account's first sector."""
    return library(account.planner, account.site.sectors[0].industry_sector_id, *texts, **values)


def add(account: Account, *, sector: UUID | None = None, request_id: str = "", **which: Any) -> Any:
    if "seed_keyword_ids" in which:
        which["seed_keyword_ids"] = [str(seed) for seed in which["seed_keyword_ids"]]
    request = service.AddKeywordsFromSeedsRequest(
        site_id=account.site_id, sector_id=str(sector or account.sector_id), request_id=request_id, **which
    )
    return account.call("AddKeywordsFromSeeds", request)


def texts(account: Account) -> set[str]:
    return {keyword.text for keyword in account.rows("Keywords")}


class TestNamed:
    def test_they_are_tied_to_the_library_and_take_its_word(self, account: Account) -> None:
        (seed,) = own(account, "Moka Pot", volume=700, difficulty=12.5, intent="commercial", country="US")
        done = add(account, seed_keyword_ids=[seed])
        assert (done.added_count, done.existing_count, done.refused_count) == (1, 0, 0)
        (keyword,) = account.rows("Keywords")
        assert (keyword.text, keyword.seed_keyword_id) == ("Moka Pot", str(seed))
        assert (keyword.volume, keyword.difficulty, keyword.country) == (700, 12.5, "US")
        assert (keyword.intent, keyword.intent_source) == (
            planner_pb2.INTENT_COMMERCIAL,
            planner_pb2.INTENT_SOURCE_GIVEN,
        )

    def test_where_the_library_has_no_intent_the_rules_have(self, account: Account) -> None:
        add(account, seed_keyword_ids=own(account, "how to clean a moka pot"))
        (keyword,) = account.rows("Keywords")
        assert (keyword.intent, keyword.intent_source) == (
            planner_pb2.INTENT_INFORMATIONAL,
            planner_pb2.INTENT_SOURCE_DERIVED,
        )

    def test_what_the_sector_has_is_counted_and_stays_as_it_is(self, account: Account) -> None:
        account.add("MOKA pot", volume=5, intent="transactional")
        before = account.rows("Keywords")
        seeds = own(account, "moka pot", "aeropress", intent="commercial")
        done = add(account, seed_keyword_ids=[*seeds, seeds[1]])
        assert (done.added_count, done.existing_count) == (1, 1)
        assert before[0] in account.rows("Keywords")
        again = add(account, seed_keyword_ids=seeds)
        assert (again.added_count, again.existing_count) == (0, 2)

    def test_a_deleted_keyword_is_not_there(self, account: Account) -> None:
        seeds = own(account, "moka pot")
        add(account, seed_keyword_ids=seeds)
        delete(account, account.rows("Keywords")[0].id)
        assert add(account, seed_keyword_ids=seeds).added_count == 1

    def test_one_of_another_subject_is_refused_by_name(self, planner: Planner, account: Account) -> None:
        (mine,), (other,) = own(account, "moka pot"), library(planner, new_id(), "lawn mower")
        done = add(account, seed_keyword_ids=[mine, other])
        assert (done.added_count, done.refused_count) == (1, 1)
        assert [(seed.seed_keyword_id, seed.text) for seed in done.refused] == [(str(other), "lawn mower")]
        assert texts(account) == {"moka pot"}

    def test_another_sector_of_the_site_takes_its_own(self, planner: Planner) -> None:
        account = planner.account(sectors=2)
        second = account.site.sectors[1]
        (seed,) = library(planner, second.industry_sector_id, "green tea")
        assert add(account, seed_keyword_ids=[seed]).refused_count == 1
        assert add(account, sector=second.id, seed_keyword_ids=[seed]).added_count == 1

    def test_the_accounts_own_library_counts_too(self, account: Account) -> None:
        account.add("moka pot", volume=9)
        (private,) = account.call("ListSeedKeywords", _listing(of_first_sector(account))).seed_keywords
        sector = account.site.sectors[0]
        other = account.at(a_site())
        assert add(other, seed_keyword_ids=[private.id]).refused_count == 1
        delete(account, account.rows("Keywords")[0].id)
        assert add(account, sector=sector.id, seed_keyword_ids=[private.id]).added_count == 1
        assert account.rows("Keywords")[0].seed_keyword_id == private.id

    def test_anothers_is_not_there(self, planner: Planner, account: Account) -> None:
        account.add("moka pot")
        (private,) = account.call("ListSeedKeywords", _listing(of_first_sector(account))).seed_keywords
        nobodys = new_id()
        done = add(planner.account(), seed_keyword_ids=[private.id, nobodys])
        assert list(done.missing_seed_keyword_ids) == [private.id, str(nobodys)]
        assert (done.added_count, done.refused_count) == (0, 0)


def _listing(filter_text: str) -> service.ListSeedKeywordsRequest:
    return service.ListSeedKeywordsRequest(filter=filter_text)


class TestFound:
    def test_a_filter_and_a_search_find_what_the_list_shows(self, planner: Planner, account: Account) -> None:
        own(account, "moka pot", "moka pot gasket", "aeropress", "moka express")
        library(planner, new_id(), "moka of another subject")
        done = add(account, filter="volume <= 999", search="moka")
        assert (done.added_count, done.refused_count) == (2, 0)
        assert texts(account) == {"moka pot gasket", "moka express"}

    def test_many_are_added_at_once(self, account: Account) -> None:
        account.allow(3_000)
        own(account, *(f"keyword {number}" for number in range(2_500)), volume=1)
        assert add(account, filter="volume = 1").added_count == 2_500
        assert add(account, filter="volume = 1").existing_count == 2_500


class TestLimit:
    def test_where_the_plan_has_no_room_none_is_added(self, account: Account) -> None:
        account.allow(2)
        seeds = own(account, "a", "b", "c")
        fault = refused(add, account, seed_keyword_ids=seeds)
        assert (fault.reason, fault.metadata["wanted"]) == ("PLAN_LIMIT", "3")
        assert texts(account) == set()
        add(account, seed_keyword_ids=seeds[:2])
        assert add(account, seed_keyword_ids=seeds[:2]).existing_count == 2  # what is there needs no room

    def test_two_at_once_add_each_keyword_once(self, account: Account) -> None:
        seeds = own(account, "a", "b", "c")
        outcomes = at_once(4, lambda: add(account, seed_keyword_ids=seeds).added_count)
        assert sorted(outcomes) == [0, 0, 0, 3]
        assert len(account.rows("Keywords")) == 3


class TestAsking:
    def test_a_request_id_adds_once(self, account: Account) -> None:
        seeds = own(account, "a", "b")
        first = add(account, seed_keyword_ids=seeds, request_id="r1")
        assert add(account, seed_keyword_ids=seeds, request_id="r1") == first
        assert refused(add, account, seed_keyword_ids=seeds[:1], request_id="r1").reason == "REQUEST_ID_REUSED"

    @pytest.mark.parametrize(
        ("which", "field"),
        [
            ({}, "seed_keyword_ids"),
            ({"filter": " "}, "seed_keyword_ids"),
            ({"seed_keyword_ids": [new_id()], "search": "a"}, "seed_keyword_ids"),
            ({"seed_keyword_ids": [new_id() for _ in range(1_001)]}, "seed_keyword_ids"),
            ({"seed_keyword_ids": ["x"]}, "seed_keyword_ids"),
            ({"filter": "nonsense = 1"}, "filter"),
        ],
    )
    def test_it_is_said_by_ids_or_by_a_filter(self, account: Account, which: dict[str, Any], field: str) -> None:
        fault = refused(add, account, **which)
        assert (fault.code, [v.field for v in fault.violations]) == (Kind.INVALID_ARGUMENT, [field])

    def test_an_unknown_sector_is_named(self, account: Account) -> None:
        fault = refused(add, account, sector=new_id(), search="a")
        assert (fault.reason, fault.violations[0].field) == ("UNKNOWN_SECTOR", "sector_id")


@pytest.mark.parametrize("known", [True, False])
def test_an_accounts_own_seeds_are_of_an_account_that_is_known(planner: Planner, *, known: bool) -> None:
    account, owner = new_id(), sa.create_engine(planner.owner_url)
    insert = (
        "INSERT INTO private_seed_keyword (account_id, id, industry_id, industry_sector_id, text, normalised)"
        " SELECT :account, gen_random_uuid(), :account, :account, t, t FROM unnest(ARRAY['tea', 'coffee']) AS t"
    )
    with owner.connect() as connection, connection.begin() as transaction:
        connection.execute(sa.text("SELECT set_config('app.account', :id, true)"), {"id": str(account)})
        if known:
            connection.execute(sa.text("INSERT INTO account_ref VALUES (:account)"), {"account": account})
            assert connection.execute(sa.text(insert), {"account": account}).rowcount == 2
        else:
            with pytest.raises(sa.exc.IntegrityError, match="not known here"):
                connection.execute(sa.text(insert), {"account": account})
        transaction.rollback()
    owner.dispose()
