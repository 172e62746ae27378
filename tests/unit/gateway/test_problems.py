"""Faults as problem documents."""

import orjson
import pytest

from chassis.errors import Fault, Kind, RemoteFault, Violation
from gateway import errors, problems


def answer(fault: Fault) -> tuple[int, dict[str, object], dict[str, str]]:
    response = problems.response(fault, instance="/v1/account", request_id="req-12345")
    return response.status_code, orjson.loads(response.body), dict(response.headers)


class TestStatus:
    @pytest.mark.parametrize("kind", list(Kind))
    def test_every_kind_has_one_with_a_title(self, kind: Kind) -> None:
        assert problems.TITLES[problems.status_of(RemoteFault(kind, "ANY", "x"))]

    @pytest.mark.parametrize(
        ("kind", "reason", "status"),
        [
            (Kind.INVALID_ARGUMENT, "INVALID_ARGUMENT", 400),
            (Kind.UNAUTHENTICATED, "INVALID_CREDENTIAL", 401),
            (Kind.FAILED_PRECONDITION, "INSUFFICIENT_CREDITS", 402),
            (Kind.RESOURCE_EXHAUSTED, "QUOTE_EXHAUSTED", 402),
            (Kind.PERMISSION_DENIED, "PERMISSION_DENIED", 403),
            (Kind.NOT_FOUND, "NOT_FOUND", 404),
            (Kind.ALREADY_EXISTS, "ALREADY_EXISTS", 409),
            (Kind.FAILED_PRECONDITION, "WRONG_STATE", 409),
            (Kind.ABORTED, "ETAG_MISMATCH", 409),
            (Kind.RESOURCE_EXHAUSTED, "PLAN_LIMIT", 429),
            (Kind.INTERNAL, "INTERNAL", 500),
            (Kind.UNIMPLEMENTED, "UNIMPLEMENTED", 501),
            (Kind.UNAVAILABLE, "UNAVAILABLE", 503),
            (Kind.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", 504),
        ],
    )
    def test_a_failure_has_its_status(self, kind: Kind, reason: str, status: int) -> None:
        assert answer(RemoteFault(kind, reason, "x"))[0] == status

    @pytest.mark.parametrize(
        ("fault", "status"),
        [
            (errors.NoSuchRoute("/x"), 404),
            (errors.MethodNotAllowed("PUT", ["GET"]), 405),
            (errors.BodyTooSlow("x"), 408),
            (errors.BodyTooLarge(10), 413),
            (errors.UnsupportedMediaType("", "application/json"), 415),
            (errors.RateLimited("x", retry_after_s=0.2), 429),
            (errors.MalformedBody("x"), 400),
        ],
    )
    def test_a_failure_of_http_has_its_status(self, fault: Fault, status: int) -> None:
        assert answer(fault)[0] == status


class TestDocument:
    def test_it_says_all_that_the_fault_says(self) -> None:
        fault = RemoteFault(
            Kind.FAILED_PRECONDITION,
            "INSUFFICIENT_CREDITS",
            "The run needs 12 credits and 3 are available.",
            metadata={"needed": "12"},
            violations=[Violation("plan.max_articles", "lower it")],
        )
        _, document, headers = answer(fault)
        assert headers["content-type"] == "application/problem+json"
        assert document == {
            "type": "/problems/insufficient-credits",
            "title": "Not enough credits",
            "status": 402,
            "detail": "The run needs 12 credits and 3 are available.",
            "instance": "/v1/account",
            "request_id": "req-12345",
            "reason": "INSUFFICIENT_CREDITS",
            "violations": [{"field": "plan.max_articles", "description": "lower it"}],
            "metadata": {"needed": "12"},
        }

    @pytest.mark.parametrize(
        ("fault", "header", "value"),
        [
            (RemoteFault(Kind.UNAUTHENTICATED, "X", "x"), "www-authenticate", 'Bearer realm="igny8"'),
            (RemoteFault(Kind.UNAVAILABLE, "X", "x"), "retry-after", "1"),
            (RemoteFault(Kind.RESOURCE_EXHAUSTED, "X", "x", retry_after_s=7.2), "retry-after", "8"),
            (errors.MethodNotAllowed("PUT", ["PATCH", "GET"]), "allow", "GET, PATCH"),
        ],
    )
    def test_the_header_that_a_status_needs_is_there(self, fault: Fault, header: str, value: str) -> None:
        assert answer(fault)[2][header] == value
