"""From an HTTP request to the service's method and back."""

import socket
import time
from uuid import uuid4

import pytest
import requests

from chassis.errors import Kind, RemoteFault
from tests.integration.gateway.conftest import Client, House

KEYWORD = "01990a5e-7c1f-7000-8000-0242ac120003"


def keywords(house: House) -> str:
    return f"/v1/sites/{house.world.site_id}/keywords"


def a_keyword(house: House, **values: object) -> dict[str, object]:
    return {"text": "espresso", "sector_id": str(house.world.sector_id), **values}


def refused(response: requests.Response, status: int, reason: str) -> dict[str, object]:
    document: dict[str, object] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, document["status"], document["reason"]) == (status, status, reason)
    assert document["request_id"] == response.headers["x-request-id"]
    return document


class TestTranslation:
    def test_path_and_query_become_the_request_and_the_answer_has_every_key(self, house: House, owner: Client) -> None:
        answer = owner("GET", keywords(house), params={"page_size": 10, "filter": 'status = "new"'})
        request, passport = house.planner.calls.last("ListKeywords")
        assert answer.status_code == 200
        assert (request.site_id, request.page_size, request.filter) == (
            str(house.world.site_id),
            10,
            'status = "new"',
        )
        listed = answer.json()
        assert listed["total_size"] == 1
        assert listed["keywords"][0]["status"] == "new"
        assert listed["keywords"][0]["volume"] is None
        assert passport.site is not None
        assert passport.site.domain == "coffee.example"
        assert [sector.name for sector in passport.site.sectors] == ["Coffee machines"]

    def test_a_body_becomes_the_resource(self, house: House, owner: Client) -> None:
        body = a_keyword(house, volume=5, attributes={"brand": "x"})
        answer = owner("POST", keywords(house), json=body, headers={"Idempotency-Key": "once"})
        request, _ = house.planner.calls.last("CreateKeyword")
        assert answer.json()["attributes"] == {"brand": "x"}
        assert (request.request_id, request.keyword.volume) == ("once", 5)

    def test_a_patch_changes_the_keys_of_its_body(self, house: House, owner: Client) -> None:
        owner("PATCH", f"{keywords(house)}/{KEYWORD}", json={"volume": None, "disabled": True})
        request, _ = house.planner.calls.last("UpdateKeyword")
        assert list(request.update_mask.paths) == ["volume", "disabled"]
        assert (request.keyword.id, request.keyword.site_id) == (KEYWORD, str(house.world.site_id))

    def test_a_verb_of_the_path_and_an_empty_body_do(self, house: House, owner: Client) -> None:
        answer = owner("POST", f"/v1/runs/{KEYWORD}:pause")
        assert (answer.status_code, answer.json()["status"]) == (200, "paused")
        _, passport = house.orchestrator.calls.last("PauseRun")
        assert passport.site is None  # an account's method: no site is named

    def test_a_quote_has_more_time_than_other_calls(self, house: House, owner: Client) -> None:
        answer = owner("POST", f"/v1/sites/{house.world.site_id}/runs:quote", json={"plan": {"stages": [1]}})
        assert answer.json()["expected_credits"] > 20

    def test_a_services_refusal_keeps_its_reason_and_names_the_bodys_field(self, house: House, owner: Client) -> None:
        document = refused(owner("POST", keywords(house), json=a_keyword(house, volume=-1)), 400, "INVALID_ARGUMENT")
        assert document["violations"] == [{"field": "volume", "description": "must not be negative"}]

    def test_credits_have_their_own_status(self, house: House, owner: Client) -> None:
        house.orchestrator.refuse = RemoteFault(
            Kind.FAILED_PRECONDITION, "INSUFFICIENT_CREDITS", "12 are needed.", metadata={"needed": "12"}
        )
        try:
            answer = owner("POST", f"/v1/sites/{house.world.site_id}/runs", json={"plan": {"stages": [1]}})
        finally:
            house.orchestrator.refuse = None
        assert refused(answer, 402, "INSUFFICIENT_CREDITS")["metadata"] == {"needed": "12"}

    def test_what_a_service_does_not_offer_is_501(self, house: House, owner: Client) -> None:
        refused(owner("GET", f"/v1/sites/{house.world.site_id}/clusters"), 501, "UNIMPLEMENTED")

    def test_a_service_that_is_gone_is_503_with_a_time_to_try_again(self, house: House, owner: Client) -> None:
        answer = owner("POST", f"/v1/sites/{house.world.site_id}/contents/{KEYWORD}:approve", json={})
        refused(answer, 503, "UNAVAILABLE")
        assert int(answer.headers["retry-after"]) >= 1


class TestOutages:
    def test_a_call_under_a_key_is_repeated_through_a_short_outage(self, house: House, owner: Client) -> None:
        house.orchestrator.outages = 2
        path, headers = f"/v1/sites/{house.world.site_id}/runs", {"Idempotency-Key": str(uuid4())}
        assert owner("POST", path, json={}, headers=headers).status_code == 200
        ids = [request.request_id for name, request, *_ in house.orchestrator.calls.made if name == "StartRun"]
        assert ids[-3:] == [headers["Idempotency-Key"]] * 3

    def test_a_call_without_one_is_made_once(self, house: House, owner: Client) -> None:
        house.orchestrator.outages = 1
        before = house.orchestrator.calls.count("StartRun")
        refused(owner("POST", f"/v1/sites/{house.world.site_id}/runs", json={}), 503, "UNAVAILABLE")
        assert house.orchestrator.calls.count("StartRun") == before + 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "headers", "status", "reason"),
        [
            (b"{", {"Content-Type": "application/json"}, 400, "MALFORMED_BODY"),
            (b'{"a": NaN}', {"Content-Type": "application/json"}, 400, "MALFORMED_BODY"),
            (b'{"text": "\xff"}', {"Content-Type": "application/json"}, 400, "MALFORMED_BODY"),
            (b"[" * 5000, {"Content-Type": "application/json"}, 400, "MALFORMED_BODY"),
            (b"[]", {"Content-Type": "application/json; charset=utf-8"}, 400, "INVALID_ARGUMENT"),
            (b'{"nope": 1}', {"Content-Type": "application/json"}, 400, "INVALID_ARGUMENT"),
            (b"text=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
            (b"{}", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ],
    )
    def test_a_body_that_is_not_one_is_refused(
        self, house: House, owner: Client, body: bytes, headers: dict[str, str], status: int, reason: str
    ) -> None:
        calls = house.planner.calls.count("CreateKeyword")
        refused(owner("POST", keywords(house), data=body, headers=headers), status, reason)
        assert house.planner.calls.count("CreateKeyword") == calls

    @pytest.mark.parametrize("chunked", [False, True])
    def test_twenty_megabytes_of_json_are_refused_unparsed(self, house: House, owner: Client, *, chunked: bool) -> None:
        body = b'{"text": "' + b"x" * 20_000_000 + b'"}'
        pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
        began = time.monotonic()
        answer = owner(
            "POST", keywords(house), data=pieces if chunked else body, headers={"Content-Type": "application/json"}
        )
        refused(answer, 413, "BODY_TOO_LARGE")
        assert time.monotonic() - began < 5

    def test_an_unknown_path_and_a_wrong_method_are_told_apart(self, owner: Client) -> None:
        refused(owner("GET", "/v1/nothing"), 404, "NO_SUCH_ROUTE")
        answer = owner("PUT", "/v1/sites")
        refused(answer, 405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == "GET, POST"

    def test_a_method_for_the_engine_has_no_path(self, owner: Client) -> None:
        refused(owner("POST", "/igny8.billing.v1.BillingService/Reserve"), 404, "NO_SUCH_ROUTE")

    def test_an_unknown_query_parameter_is_named(self, house: House, owner: Client) -> None:
        document = refused(owner("GET", keywords(house), params={"limit": 5}), 400, "INVALID_ARGUMENT")
        assert document["violations"][0]["field"] == "limit"  # type: ignore[index]  # it is a list of objects


class TestRequestId:
    def test_a_sane_one_is_kept_through_to_the_service(self, house: House, owner: Client) -> None:
        answer = owner("GET", keywords(house), headers={"X-Request-Id": "my-request-0001"})
        assert answer.headers["x-request-id"] == "my-request-0001"
        assert house.planner.calls.made[-1][3] == "my-request-0001"

    @pytest.mark.parametrize("given", ["short", "has a space in it", "x" * 200, "<script>alert(1)</script>"])
    def test_any_other_is_replaced(self, owner: Client, given: str) -> None:
        answer = owner("GET", "/healthz", headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] != given

    @pytest.mark.parametrize("key", ["x" * 201, "with space"])
    def test_an_idempotency_key_that_is_none_is_refused(self, house: House, owner: Client, key: str) -> None:
        answer = owner("POST", keywords(house), json={"text": "x"}, headers={"Idempotency-Key": key})
        refused(answer, 400, "INVALID_ARGUMENT")


class TestClientGone:
    def test_the_service_is_told_to_stop(self, house: House) -> None:
        house.planner.cancelled.clear()
        host, _, port = house.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            request = f"GET {keywords(house)}?search=slow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer owner\r\n\r\n"
            connection.sendall(request.encode())
            until = time.monotonic() + 5
            while house.planner.calls.last_search() != "slow" and time.monotonic() < until:
                time.sleep(0.01)
        began = time.monotonic()
        assert house.planner.cancelled.wait(5)
        assert time.monotonic() - began < 1.0  # and not when the method ended by itself


class TestPages:
    @pytest.mark.parametrize(
        "path", ["/", "/docs", "/docs/docs.js", "/docs/swagger-ui-bundle.js", "/problems/not-found"]
    )
    def test_a_page_allows_nothing_from_elsewhere(self, house: House, path: str) -> None:
        answer = requests.get(house.url + path, timeout=5)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "https://" not in answer.text[:2000] or path.endswith(".js")

    def test_the_type_of_a_problem_leads_to_its_explanation(self, house: House, owner: Client) -> None:
        problem = owner("GET", "/v1/nothing").json()
        page = requests.get(house.url + problem["type"], timeout=5)
        assert "NO_SUCH_ROUTE" in page.text
        assert requests.get(house.url + f"/problems/{uuid4()}", timeout=5).status_code == 404

    def test_a_page_can_be_asked_about(self, house: House) -> None:
        answer = requests.head(house.url + "/openapi.json", timeout=5)
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["content-length"]) > 100_000

    def test_readiness_names_who_is_missing(self, house: House) -> None:
        answer = requests.get(house.url + "/readyz", timeout=5)
        assert answer.status_code == 503
        assert answer.json()["services"] == {
            "identity": "ok",
            "planner": "ok",
            "writer": "unavailable",
            "ai": "unavailable",
            "billing": "ok",
            "integration": "unavailable",
            "orchestrator": "ok",
        }

    def test_requests_are_counted_by_template(self, house: House, owner: Client) -> None:
        owner("GET", keywords(house))
        text = requests.get(house.url + "/metrics", timeout=5).text
        assert 'route="/v1/sites/{site_id}/keywords",status="200"' in text
        assert str(house.world.site_id) not in text
