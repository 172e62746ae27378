"""Keywords as a file: pieces passed on as they come, and nothing that looks whole when it is not."""

from typing import Any

import pytest
import requests

from tests.integration.gateway.conftest import Client, House
from tests.integration.gateway.test_methods import refused


def path(house: House) -> str:
    return f"/v1/sites/{house.world.site_id}/keywords:export"


def test_the_pieces_are_one_file(house: House, owner: Client) -> None:
    query = {"filter": "volume > 0", "order_by": "volume desc", "search": "a"}
    answer = owner("GET", path(house), params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="keywords.csv"'
    assert answer.content.decode() == "keyword,volume\r\ncafé,2\r\nlatte,1\r\n"
    request, passport = house.planner.calls.last("ExportKeywords")
    assert (request.filter, request.order_by, request.search, request.page_token) == (*query.values(), "2")
    assert str(passport.site and passport.site.id) == str(house.world.site_id)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"filter": "wrong"}, "filter"),
        ({"page_size": "5"}, "page_size"),
        ([("search", "a"), ("search", "b")], "search"),
    ],
)
def test_what_is_wrong_is_a_problem_document(house: House, owner: Client, query: Any, field: str) -> None:
    answer = owner("GET", path(house), params=query)
    refused(answer, 400, "INVALID_ARGUMENT")
    assert [violation["field"] for violation in answer.json()["violations"]] == [field]


def test_a_file_that_cannot_be_ended_is_cut(house: House, owner: Client) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        owner("GET", path(house), params={"search": "broken"})


def test_anothers_site_is_not_there(house: House) -> None:
    assert house.client("stranger")("GET", path(house)).status_code == 404
    assert house.client("")("GET", path(house)).status_code == 401


def test_an_operator_gets_the_platforms_library(house: House, owner: Client) -> None:
    answer = house.client("staff")("GET", "/v1/seed-keywords:export", params={"search": "a"})
    assert (answer.status_code, answer.content) == (200, b"keyword,sector\r\n")
    assert answer.headers["content-disposition"] == 'attachment; filename="library.csv"'
    request, passport = house.planner.calls.last("ExportSeedKeywords")
    assert (request.search, passport.account_id) == ("a", None)
    assert owner("GET", "/v1/seed-keywords:export").status_code == 403
