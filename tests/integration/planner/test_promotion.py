"""Keywords that accounts added, and that an operator takes into the platform's library."""

from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Kind
from tests.integration.planner.conftest import Planner
from tests.integration.planner.test_imports import at_once
from tests.integration.planner.test_keywords import create, delete, refused
from tests.integration.planner.test_library import HEAD, Operator, counts, operator
from tests.integration.planner.test_seeds import add

__all__ = ["operator"]


def candidates(operator: Operator, **query: Any) -> list[Any]:
    query["filter"] = " AND ".join([f'industry_sector_id = "{operator.sector}"', *filter(None, [query.get("filter")])])
    request = service.ListSeedCandidatesRequest(page_size=1000, **query)
    return list(operator.call("ListSeedCandidates", request).seed_candidates)


def promote(operator: Operator, *texts: str, request_id: str = "", **figures: Any) -> Any:
    place = {"industry_sector_id": str(operator.sector)} | figures
    promotions = [service.PromoteSeedCandidatesRequest.Promotion(text=text, **place) for text in texts]
    request = service.PromoteSeedCandidatesRequest(promotions=promotions, request_id=request_id)
    return operator.call("PromoteSeedCandidates", request)


class TestCandidates:
    def test_what_accounts_added_is_counted_and_nobody_is_named(self, operator: Operator) -> None:
        first, second = operator.customer(), operator.customer()
        first.add("Moka Pot", "aeropress", volume=700)
        second.add("MOKA pot", volume=9)
        operator.bring(HEAD + "kettle,1,,,,,coffee\n")
        second.add("kettle")  # the platform has it
        found = candidates(operator)
        assert [(seed.text, seed.account_count) for seed in found] == [("moka pot", 2), ("aeropress", 1)]
        assert {field.name for field in found[0].DESCRIPTOR.fields} == {
            *("id", "industry_id", "industry_sector_id", "text", "account_count", "create_time")
        }
        assert found[0].industry_id == str(operator.industry)
        assert candidates(operator) == found

    def test_they_are_filtered_searched_and_paged(self, operator: Operator) -> None:
        customer = operator.customer()
        customer.add("moka pot", "moka cup", "aeropress")
        operator.customer().add("moka cup")
        assert [seed.text for seed in candidates(operator, filter="account_count >= 2")] == ["moka cup"]
        assert [seed.text for seed in candidates(operator, search="moka", order_by="text")] == ["moka cup", "moka pot"]
        request = service.ListSeedCandidatesRequest(
            page_size=2, order_by="text", filter=f'industry_sector_id = "{operator.sector}"'
        )
        page = operator.call("ListSeedCandidates", request)
        request.page_token = page.next_page_token
        rest = operator.call("ListSeedCandidates", request)
        assert [s.text for s in (*page.seed_candidates, *rest.seed_candidates)] == ["aeropress", "moka cup", "moka pot"]

    def test_the_operators_role_sees_neither_accounts_nor_figures(self, planner: Planner) -> None:
        for column in ("account_id", "text", "volume"):
            with planner.sweep.untenanted() as connection, pytest.raises(sa.exc.ProgrammingError, match="denied"):
                connection.execute(sa.text(f"SELECT {column} FROM private_seed_keyword"))  # noqa: S608 - our column
        for table in ("keyword", "cluster"):
            with planner.sweep.untenanted() as connection, pytest.raises(sa.exc.ProgrammingError, match="denied"):
                connection.execute(sa.text(f"SELECT 1 FROM {table}"))  # noqa: S608 - our table

    def test_a_customer_may_not_ask(self, operator: Operator) -> None:
        customer = operator.customer().caller.allowed("read", "write", "manage")
        for method, request in (
            ("ListSeedCandidates", service.ListSeedCandidatesRequest()),
            ("PromoteSeedCandidates", service.PromoteSeedCandidatesRequest()),
        ):
            assert (
                refused(customer.call, getattr(operator.planner.stub, method), request).code is Kind.PERMISSION_DENIED
            )


class TestPromote:
    def test_every_account_has_it_with_the_operators_figures(self, operator: Operator) -> None:
        operator.customer().add("moka pot", volume=700)
        change = promote(operator, "Moka Pot", volume=500, difficulty=12.5, country="US")
        assert (counts(change), change.kind, change.status) == (
            *((1, 0, 0, 0), planner_pb2.LibraryChange.KIND_PROMOTION, planner_pb2.LibraryChange.STATUS_APPLIED),
        )
        assert (change.created_by, change.applied_by) == (operator.name, operator.name)
        (seed,) = operator.library().values()
        assert (seed.text, seed.volume, seed.difficulty, seed.country) == ("Moka Pot", 500, 12.5, "US")
        assert seed.industry_id == str(operator.industry)
        assert candidates(operator) == []

    def test_keywords_that_are_there_stay_as_they_are(self, operator: Operator) -> None:
        customer = operator.customer()
        customer.add("moka pot", volume=700)
        before = customer.rows("Keywords")
        promote(operator, "moka pot", volume=5)
        assert customer.rows("Keywords") == before

    def test_what_is_added_from_now_on_is_the_platforms(self, operator: Operator) -> None:
        customer = operator.customer()
        (keyword,) = customer.add("moka pot", volume=700)
        promote(operator, "moka pot", volume=5)
        platforms = operator.library()["moka pot"].id
        delete(customer, keyword)
        again = create(customer)
        assert (again.seed_keyword_id, again.volume) == (platforms, 5)
        other = operator.customer()
        other.import_file(b"MOKA pot\n")
        assert other.rows("Keywords")[0].seed_keyword_id == platforms
        assert add(operator.customer(), seed_keyword_ids=[platforms]).added_count == 1

    def test_the_account_sees_it_once_in_its_library(self, operator: Operator) -> None:
        customer = operator.customer()
        customer.add("moka pot", "aeropress", volume=700)
        promote(operator, "Moka Pot")
        request = service.ListSeedKeywordsRequest(filter=f'industry_sector_id = "{operator.sector}"', order_by="text")
        seen = customer.call("ListSeedKeywords", request).seed_keywords
        assert [seed.text for seed in seen] == ["Moka Pot", "aeropress"]

    def test_twice_changes_nothing(self, operator: Operator) -> None:
        operator.customer().add("moka pot")
        promote(operator, "moka pot", volume=5)
        before = operator.library()
        again = promote(operator, "moka pot", volume=9)
        assert (counts(again), operator.library()) == ((0, 0, 1, 0), before)
        assert sorted(at_once(3, lambda: counts(promote(operator, "moka pot")))) == [(0, 0, 1, 0)] * 3

    def test_at_once_it_is_taken_once(self, operator: Operator) -> None:
        operator.customer().add("moka pot")
        outcomes = at_once(4, lambda: counts(promote(operator, "moka pot")))
        assert sorted(outcomes) == [(0, 0, 1, 0)] * 3 + [(1, 0, 0, 0)]

    def test_a_request_id_is_for_one_promotion(self, operator: Operator) -> None:
        operator.customer().add("moka pot", "aeropress")
        first = promote(operator, "moka pot", request_id="r1")
        assert promote(operator, "moka pot", request_id="r1") == first
        assert refused(promote, operator, "aeropress", request_id="r1").reason == "REQUEST_ID_REUSED"

    def test_what_no_account_has_is_left_out_by_name(self, operator: Operator) -> None:
        operator.customer().add("moka pot")
        change = promote(operator, "moka pot", "teapot", "MOKA pot")
        assert counts(change) == (1, 0, 0, 2)
        assert [(line.line, line.reason, line.text) for line in operator.lines(change, "wrong")] == [
            (2, "no_candidate", "teapot"),
            (3, "duplicate", "MOKA pot"),
        ]

    def test_a_preview_of_the_same_keyword_is_outdated(self, operator: Operator) -> None:
        operator.customer().add("moka pot")
        looked = operator.preview(HEAD + "moka pot,5,,,,,coffee\n")
        promote(operator, "moka pot")
        assert refused(operator.apply, looked).reason == "PREVIEW_OUTDATED"

    @pytest.mark.parametrize(
        ("figures", "field"),
        [
            ({"volume": -1}, "promotions[0].volume"),
            ({"difficulty": 101}, "promotions[0].difficulty"),
            ({"country": "usa"}, "promotions[0].country"),
            ({"intent": 99}, "promotions.intent"),
        ],
    )
    def test_a_wrong_figure_is_named(self, operator: Operator, figures: dict[str, Any], field: str) -> None:
        fault = refused(promote, operator, "moka pot", **figures)
        assert (fault.code, [v.field for v in fault.violations]) == (Kind.INVALID_ARGUMENT, [field])

    @pytest.mark.parametrize(("texts", "field"), [(("???",), "promotions[0].text"), (("a",) * 1_001, "promotions")])
    def test_what_is_no_keyword_is_refused(self, operator: Operator, texts: tuple[str, ...], field: str) -> None:
        assert refused(promote, operator, *texts).violations[0].field == field


def test_an_account_that_adds_a_keyword_meanwhile_keeps_it(operator: Operator) -> None:
    """Whoever comes first: the keyword is tied to one seed, and its text is in the library once."""
    customers = [operator.customer() for _ in range(4)]
    operator.customer().add("moka pot")
    todo = [partial(promote, operator, "moka pot"), *(partial(create, customer) for customer in customers)]

    def do() -> None:
        todo.pop()()

    at_once(len(todo), do)
    for customer in customers:
        (keyword,) = customer.rows("Keywords")
        assert keyword.seed_keyword_id
        request = service.ListSeedKeywordsRequest(filter=f'industry_sector_id = "{operator.sector}"')
        assert [seed.text for seed in customer.call("ListSeedKeywords", request).seed_keywords] == ["moka pot"]
