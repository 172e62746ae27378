"""The OpenAPI document."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.bindings import all_bindings
from gateway.openapi import for_swagger_ui, make_document
from gateway.openapi.comments import comment

METHODS = {"get", "post", "patch", "delete", "put"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return make_document(all_bindings())


def walk(value: Any) -> Iterator[Any]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(item)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield path, operation


class TestDocument:
    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        for part in walk(document):
            if isinstance(part, dict) and "$ref" in part:
                target = document
                for name in part["$ref"].removeprefix("#/").split("/"):
                    target = target[name]
                assert target

    def test_every_operation_has_its_own_id_a_summary_and_its_path_parameters(self, document: dict[str, Any]) -> None:
        found = list(operations(document))
        assert (
            len({operation["operationId"] for _, operation in found}) == len(found) == len(all_bindings()) + 5
        )  # by hand: upload, library file, two exports, events
        for path, operation in found:
            assert operation["summary"]
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert "default" in operation["responses"]

    def test_every_field_of_every_answer_is_described(self, document: dict[str, Any]) -> None:
        for name, schema in document["components"]["schemas"].items():
            for field, inner in schema["properties"].items():
                assert inner.get("description"), f"{name}.{field}"

    def test_an_answer_has_every_key_and_says_what_may_be_null(self, document: dict[str, Any]) -> None:
        keyword = document["components"]["schemas"]["Keyword"]
        assert set(keyword["required"]) == set(keyword["properties"])
        assert keyword["properties"]["volume"]["type"] == ["integer", "null"]
        assert None in keyword["properties"]["status"]["enum"]
        assert "attributes_json" not in keyword["properties"]

    def test_secrets_are_taken_and_never_given(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        assert "credentials" in schemas["SiteIntegrationInput"]["properties"]
        assert "credentials" not in schemas["SiteIntegration"]["properties"]
        assert "id" not in schemas["KeywordInput"]["properties"]

    def test_only_what_comes_before_signing_in_is_open(self, document: dict[str, Any]) -> None:
        open_ids = {op["operationId"] for _, op in operations(document) if op.get("security") == []}
        assert open_ids == {"SignUp", "LogIn", "RefreshSession", "LogOut"}

    def test_the_page_gets_it_without_what_only_3_1_knows(self, document: dict[str, Any]) -> None:
        older = for_swagger_ui(document)
        assert older["openapi"] == "3.0.3"
        assert older["paths"].keys() == document["paths"].keys()
        for part in walk(older):
            if isinstance(part, dict):
                assert not isinstance(part.get("type"), list)
                assert part.get("type") != "null"


class TestComments:
    @pytest.mark.parametrize(
        "name",
        [
            "igny8.planner.v1.PlannerService",
            "igny8.planner.v1.PlannerService.ListKeywords",
            "igny8.planner.v1.ListKeywordsRequest.filter",
            "igny8.orchestrator.v1.Run.Status.STATUS_PAUSED",
            "igny8.common.v1.ErrorReason.ERROR_REASON_NOT_FOUND",
        ],
    )
    def test_what_stands_in_the_proto_is_found(self, name: str) -> None:
        assert len(comment(name)) > 5
