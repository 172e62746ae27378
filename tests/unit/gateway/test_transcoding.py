"""Requests of HTTP to request messages."""

from typing import Any

import pytest
from igny8.common.v1 import access_pb2

from chassis.errors import InvalidArgument, Kind, RemoteFault, Violation
from gateway.bindings import all_bindings, methods
from gateway.transcoding import Transcoder

SITE = "01990a5e-7c1f-7000-8000-0242ac120002"
KEYWORD = "01990a5e-7c1f-7000-8000-0242ac120003"
BINDINGS = {binding.rpc.name: binding for binding in all_bindings()}


def made(
    rpc: str,
    *path: str,
    query: list[tuple[str, str]] | None = None,
    body: Any = None,
    key: str = "",
) -> Any:
    return Transcoder(BINDINGS[rpc]).request(path, query or [], {} if body is None else body, key)


def wrong(rpc: str, *path: str, **parts: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as refused:
        made(rpc, *path, **parts)
    return {violation.field: violation.description for violation in refused.value.violations}


class TestBindings:
    @pytest.mark.parametrize("binding", list(BINDINGS.values()), ids=lambda b: b.rpc.name)
    def test_every_binding_can_be_compiled_and_declares_who_may_call(self, binding: Any) -> None:
        Transcoder(binding)
        assert binding.scope in {"read", "write", "manage", "operator", "edge"}
        assert binding.level != access_pb2.LEVEL_UNSPECIFIED

    def test_what_only_the_engine_may_call_is_not_reachable(self) -> None:
        assert not {"Reserve", "Capture", "Release", "Complete", "Authenticate", "ResolveSite"} & set(BINDINGS)
        assert {m.name for m in methods("billing")} > {"Reserve"}


class TestQuery:
    def test_the_fields_that_are_left_are_query_parameters(self) -> None:
        query = [("page_size", "20"), ("filter", 'status = "new"'), ("show_deleted", "true")]
        request = made("ListKeywords", SITE, query=query)
        assert (request.site_id, request.page_size, request.filter, request.show_deleted) == (
            SITE,
            20,
            'status = "new"',
            True,
        )

    @pytest.mark.parametrize(
        ("query", "field", "says"),
        [
            ([("pagesize", "1")], "pagesize", "known are page_size"),
            ([("site_id", SITE)], "site_id", "not a query parameter"),
            ([("request_id", "x")], "request_id", "not a query parameter"),
            ([("page_size", "ten")], "page_size", "whole number"),
            ([("page_size", "1_0")], "page_size", "whole number"),
            ([("page_size", "9" * 40)], "page_size", "whole number"),
            ([("page_size", "1.5")], "page_size", "whole number"),
            ([("show_deleted", "yes")], "show_deleted", "true or false"),
            ([("page_size", "1"), ("page_size", "2")], "page_size", "given twice"),
        ],
    )
    def test_a_wrong_parameter_is_named(self, query: list[tuple[str, str]], field: str, says: str) -> None:
        found = wrong("ListKeywords", SITE, query=query)
        assert list(found) == [field]
        assert says in found[field]


class TestBody:
    def test_a_field_is_the_body(self) -> None:
        request = made("CreateKeyword", SITE, body={"text": "espresso", "attributes": {"a": 1}}, key="once")
        assert request.keyword.text == "espresso"
        assert request.keyword.attributes_json == '{"a":1}'
        assert (request.site_id, request.request_id) == (SITE, "once")

    def test_the_whole_request_is_the_body(self) -> None:
        request = made("StartRun", SITE, body={"plan": {"stages": [1, 2]}, "request_id": "mine"})
        assert list(request.plan.stages) == [1, 2]
        assert (request.site_id, request.request_id) == (SITE, "mine")

    def test_a_wrong_field_is_called_as_the_body_calls_it(self) -> None:
        assert set(wrong("CreateKeyword", SITE, body={"volume": "x"})) == {"volume"}
        assert set(wrong("StartRun", SITE, body={"plan": {"stage": 1}})) == {"plan.stage"}

    def test_the_path_wins_and_a_body_that_differs_is_refused(self) -> None:
        assert made("UpdateKeyword", SITE, KEYWORD, body={"id": KEYWORD, "volume": 1}).keyword.id == KEYWORD
        assert set(wrong("UpdateKeyword", SITE, KEYWORD, body={"id": SITE})) == {"keyword_id"}
        assert set(wrong("StartRun", SITE, body={"site_id": KEYWORD})) == {"site_id"}
        assert set(wrong("CreateKeyword", SITE, body={"site_id": KEYWORD})) == {"site_id"}
        assert made("CreateKeyword", SITE, body={"site_id": SITE}).site_id == SITE

    def test_two_request_ids_are_refused(self) -> None:
        assert set(wrong("StartRun", SITE, body={"request_id": "a"}, key="b")) == {"request_id"}


class TestMask:
    def test_the_keys_of_the_body_are_what_changes(self) -> None:
        body: dict[str, Any] = {
            "id": KEYWORD,
            "volume": None,
            "attributes": {},
            "etag": "3",
            "create_time": "2026-11-22T08:00:00Z",
        }
        request = made("UpdateKeyword", SITE, KEYWORD, body=body)
        assert list(request.update_mask.paths) == ["volume", "attributes_json"]
        assert request.keyword.etag == "3"
        assert not request.keyword.HasField("volume")

    def test_a_mask_names_fields_as_rest_does(self) -> None:
        query = [("update_mask", "volume, attributes")]
        request = made("UpdateKeyword", SITE, KEYWORD, body={"volume": 3, "text": "x"}, query=query)
        assert list(request.update_mask.paths) == ["volume", "attributes_json"]

    def test_a_mask_with_an_unknown_field_is_refused(self) -> None:
        found = wrong("UpdateKeyword", SITE, KEYWORD, body={}, query=[("update_mask", "volum")])
        assert "'volum' is not a field" in found["update_mask"]

    def test_a_change_of_nothing_but_what_never_changes_is_refused(self) -> None:
        found = wrong("UpdateKeyword", SITE, KEYWORD, body={"id": KEYWORD, "status": "mapped", "etag": "3"})
        assert found == {"status": "is set by the system and cannot be changed; leave it out"}


class TestFaults:
    @pytest.mark.parametrize(
        ("rpc", "theirs", "ours"),
        [
            ("UpdateKeyword", "keyword.volume", "volume"),
            ("CreateKeyword", "keyword.attributes_json", "attributes"),
            ("StartRun", "plan.options_json", "plan.options"),
            ("ListKeywords", "filter", "filter"),
        ],
    )
    def test_a_services_field_is_called_as_rest_calls_it(self, rpc: str, theirs: str, ours: str) -> None:
        fault = RemoteFault(Kind.INVALID_ARGUMENT, "INVALID_ARGUMENT", "x", violations=[Violation(theirs, "wrong")])
        assert Transcoder(BINDINGS[rpc]).in_rest(fault).violations == (Violation(ours, "wrong"),)

    def test_the_message_calls_it_the_same(self) -> None:
        message = "keyword.volume: must be from 0; keyword.text: is required"
        found = [Violation("keyword.volume", "must be from 0"), Violation("keyword.text", "is required")]
        fault = RemoteFault(Kind.INVALID_ARGUMENT, "INVALID_ARGUMENT", message, violations=found)
        assert Transcoder(BINDINGS["UpdateKeyword"]).in_rest(fault).message == (
            "volume: must be from 0; text: is required"
        )

    def test_fields_that_a_service_lists_are_called_as_rest_calls_them(self) -> None:
        found = [Violation("update_mask", "names no field; volume, attributes_json can be changed")]
        fault = RemoteFault(Kind.INVALID_ARGUMENT, "INVALID_ARGUMENT", "x", violations=found)
        (violation,) = Transcoder(BINDINGS["UpdateKeyword"]).in_rest(fault).violations
        assert violation.description == "names no field; volume, attributes can be changed"
