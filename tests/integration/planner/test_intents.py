"""Where a keyword's intent comes from: given by a file or a person, else derived, and never the one over the other."""

import pytest
from igny8.planner.v1 import planner_pb2

from chassis.ids import new_id
from chassis.passport import SectorClaim, SiteClaim
from chassis.testing.service import a_passport
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_keywords import create, update

GIVEN, DERIVED = planner_pb2.INTENT_SOURCE_GIVEN, planner_pb2.INTENT_SOURCE_DERIVED
COMMERCIAL, INFORMATIONAL = planner_pb2.INTENT_COMMERCIAL, planner_pb2.INTENT_INFORMATIONAL
NAVIGATIONAL = planner_pb2.INTENT_NAVIGATIONAL


def intents(account: Account) -> dict[str, tuple[int, int]]:
    return {keyword.text: (keyword.intent, keyword.intent_source) for keyword in account.rows("Keywords")}


class TestByHand:
    def test_without_one_it_is_derived(self, account: Account) -> None:
        made = create(account, text="best moka pot")
        assert (made.intent, made.intent_source) == (COMMERCIAL, DERIVED)

    def test_where_no_rule_fits_there_is_none(self, account: Account) -> None:
        made = create(account, text="moka pot")
        assert (made.intent, made.intent_source) == (planner_pb2.INTENT_UNSPECIFIED, 0)

    def test_a_given_one_stays(self, account: Account) -> None:
        made = create(account, text="best moka pot", intent=INFORMATIONAL)
        assert (made.intent, made.intent_source) == (INFORMATIONAL, GIVEN)

    def test_clearing_a_given_one_brings_the_derived_one_back(self, account: Account) -> None:
        made = create(account, text="best moka pot")
        changed = update(account, made.id, intent=NAVIGATIONAL)
        assert (changed.intent, changed.intent_source) == (NAVIGATIONAL, GIVEN)
        cleared = update(account, made.id, "intent")
        assert (cleared.intent, cleared.intent_source) == (COMMERCIAL, DERIVED)

    def test_the_sites_own_name_is_navigational(self, planner: Planner) -> None:
        sector = SectorClaim(new_id(), new_id(), "Coffee")
        site = SiteClaim(new_id(), new_id(), (sector,), "Blue Bottle", "bluebottle.example")
        account = Account(planner, planner.running.caller(a_passport(site=site)))
        assert create(account, text="Blue Bottle opening hours").intent == NAVIGATIONAL


class TestImport:
    FILE = b"keyword,volume,intent\nbest moka pot,10,\nhow to clean a moka pot,9,commercial\nmoka pot,8,\n"

    def test_what_the_file_says_is_given_and_the_rest_derived(self, account: Account) -> None:
        account.import_file(self.FILE)
        assert intents(account) == {
            "best moka pot": (COMMERCIAL, DERIVED),
            "how to clean a moka pot": (COMMERCIAL, GIVEN),
            "moka pot": (0, 0),
        }

    def test_the_same_file_changes_nothing(self, account: Account) -> None:
        account.import_file(self.FILE)
        again = account.import_file(self.FILE)
        assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 0, 3)

    def test_a_file_without_intents_leaves_a_persons(self, account: Account) -> None:
        create(account, text="best moka pot", intent=INFORMATIONAL)
        account.import_file(b"best moka pot\n")
        assert intents(account) == {"best moka pot": (INFORMATIONAL, GIVEN)}

    def test_a_later_file_that_says_it_replaces_the_derived_one(self, account: Account) -> None:
        account.import_file(b"best moka pot\n")
        account.import_file(b"keyword,volume,intent\nbest moka pot,10,transactional\n")
        assert intents(account) == {"best moka pot": (planner_pb2.INTENT_TRANSACTIONAL, GIVEN)}


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ('intent = "commercial"', {"best moka pot", "how to clean a moka pot"}),
        ('intent_source = "derived"', {"best moka pot"}),
        ('intent = "commercial" AND intent_source = "given"', {"how to clean a moka pot"}),
        ('intent_source != "given"', {"best moka pot", "moka pot"}),
    ],
)
def test_a_list_filters_by_both(account: Account, query: str, texts: set[str]) -> None:
    account.import_file(TestImport.FILE)
    assert {keyword.text for keyword in account.rows("Keywords", filter=query)} == texts
