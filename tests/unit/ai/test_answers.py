"""What a model's answer must be, what is repaired, and what it cost."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ai.domain import (
    Completion,
    Ending,
    Usage,
    cost_micros,
    mismatch,
    one_line,
    pack_vectors,
    parse_answer,
    request_digest,
    schema_problem,
    strict_json,
    unit_vectors,
    unpack_vectors,
    usable_text,
)
from services.ai.errors import STORED, AnswerMalformed, AnswerTruncated, ProviderRefused
from services.planner.ideas import ANSWER_SCHEMA
from services.writer.domain.answers import ARTICLE_SCHEMA, PROMPTS_SCHEMA

SCHEMA = {
    "type": "object",
    "required": ["title"],
    "properties": {
        "title": {"type": "string", "minLength": 2, "maxLength": 8},
        "rank": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
        "sure": {"type": "boolean"},
        "share": {"type": "number"},
        "inner": {"type": "object", "required": ["x"]},
    },
}
FITS = {"title": "Moka", "rank": 3, "tags": ["a"], "sure": True, "share": 0.5, "inner": {"x": None}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
schemas = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"]),
            "enum": st.lists(json_values, max_size=3),
            "minimum": st.integers(-5, 5),
            "maxLength": st.integers(0, 5),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["object", "array"])},
        optional={
            "properties": st.dictionaries(st.text(max_size=5), inner, max_size=3),
            "required": st.lists(st.text(max_size=5), max_size=2),
            "items": inner,
            "minItems": st.integers(0, 3),
        },
    ),
    max_leaves=6,
)


class TestParseAnswer:
    @pytest.mark.parametrize(
        "text",
        [
            '{"title": "Moka"}',
            '\ufeff  {"title": "Moka"}\n',
            '```json\n{"title": "Moka"}\n```',
            'Sure! Here is it:\n\n{"title": "Moka"}\n\nShall I go on?',
            '<think>The title {might} be [Moka].</think>{"title": "Moka"}',
        ],
    )
    def test_takes_the_one_object(self, text: str) -> None:
        assert parse_answer(text, SCHEMA) == '{"title": "Moka"}'

    def test_keeps_letters_as_they_are(self) -> None:
        assert parse_answer('{"title": "Caf\\u00e9 \\ud83c\\udf75"}', {}) == '{"title": "Café 🍵"}'

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "no JSON object"),
            ("null", "no JSON object"),
            ('"title"', "no JSON object"),
            ('{"title": "Mo', "not JSON"),
            ("{'title': 'Moka'}", "not JSON"),
            ('{"title": "Moka",}', "not JSON"),
            ('[{"title": "Moka"}]', "more than one"),
            ('{"title": "Moka"} {"title": "Tea"}', "more than one"),
            ('{"title": "Moka"}}', "more than one"),
            ("<think>Hm { so {", "not JSON"),
            ('{"title": "Moka", "title": "Tea"}', "twice"),
            ('{"title": "Mo\\u0000ka"}', "NUL"),
            ('{"title": "\\ud83c"}', "surrogate"),
            ('{"ti\\u0000tle": "Moka"}', "NUL"),
            ('{"share": NaN}', "NaN"),
            ('{"share": -Infinity}', "Infinity"),
            ('{"share": 1e400}', "too large"),
            ('{"share": ' + "9" * 5000 + "}", "not JSON"),
            ('{"inner": ' + "[" * 70 + "]" * 70 + "}", "deeper than 64"),
            ('{"inner": ' * 100_000, "not JSON"),
            ("{" + " " * 1_000_000 + "}", "1,000,002 characters"),
        ],
        ids=lambda value: repr(value[:30]),
    )
    def test_refuses_what_is_not_certain(self, text: str, says: str) -> None:
        with pytest.raises(AnswerMalformed, match=says):
            parse_answer(text, {})

    @given(st.text() | json_values.map(json.dumps) | st.text(alphabet='{}[]",:\\u0dn "', max_size=40), schemas)
    def test_never_fails_otherwise(self, text: str, schema: dict[str, Any]) -> None:
        with contextlib.suppress(AnswerMalformed):
            parsed = parse_answer(text, schema)
            assert isinstance(json.loads(parsed), dict)
            parsed.encode()

    @given(st.dictionaries(st.text(), json_values), st.sampled_from(["{}", "```json\n{}\n```", "Well: {} - done."]))
    def test_returns_what_was_written_or_refuses(self, value: dict[str, Any], around: str) -> None:
        with contextlib.suppress(AnswerMalformed):
            assert json.loads(parse_answer(around.replace("{}", json.dumps(value)), {})) == value


class TestMismatch:
    def test_finds_nothing_where_all_fits(self) -> None:
        assert mismatch(FITS, SCHEMA, "answer") == ""
        assert mismatch(FITS | {"rank": None, "more": 1}, SCHEMA, "answer") == ""

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"title": 5}, "answer.title should be string"),
            ({"title": "M"}, "answer.title is too short"),
            ({"title": "Moka pots!"}, "answer.title is too long"),
            ({"rank": "3"}, "answer.rank should be integer or null"),
            ({"rank": True}, "answer.rank should be integer or null"),
            ({"rank": 0}, "answer.rank is too small"),
            ({"rank": 10}, "answer.rank is too large"),
            ({"tags": {}}, "answer.tags should be array"),
            ({"tags": []}, "answer.tags has too few items"),
            ({"tags": ["a", "a", "b"]}, "answer.tags has too many items"),
            ({"tags": ["a", "c"]}, "answer.tags[1] should be one of a, b"),
            ({"sure": 1}, "answer.sure should be boolean"),
            ({"share": True}, "answer.share should be number"),
            ({"inner": {}}, "answer.inner.x is missing"),
        ],
    )
    def test_says_where_and_what(self, change: dict[str, Any], says: str) -> None:
        assert mismatch(FITS | change, SCHEMA, "answer") == says

    def test_says_what_is_missing(self) -> None:
        assert mismatch({}, SCHEMA, "answer") == "answer.title is missing"


class TestSchemaProblem:
    @pytest.mark.parametrize("schema", [{}, SCHEMA, ANSWER_SCHEMA, ARTICLE_SCHEMA, PROMPTS_SCHEMA])
    def test_reads_what_the_owners_ask_for(self, schema: dict[str, Any]) -> None:
        assert schema_problem(json.loads(json.dumps(schema))) == ""

    @pytest.mark.parametrize(
        ("schema", "says"),
        [
            ([], "schema should be an object"),
            ({"type": "poem"}, "schema.type"),
            ({"type": ["string", ["null"]]}, "schema.type"),
            ({"type": 5}, "schema.type"),
            ({"required": "title"}, "schema.required should be list"),
            ({"required": [["title"]]}, "schema.required should be a list of names"),
            ({"enum": {}}, "schema.enum should be list"),
            ({"minItems": "3"}, "schema.minItems should be int"),
            ({"maximum": True}, "schema.maximum should be int or float"),
            ({"items": {"type": "poem"}}, "schema.items.type"),
            ({"properties": {"title": 5}}, "schema.properties.title should be an object"),
        ],
    )
    def test_names_what_cannot_be_read(self, schema: Any, says: str) -> None:
        assert schema_problem(schema).startswith(says)

    @given(json_values, json_values)
    def test_lets_through_only_what_mismatch_can_read(self, schema: Any, value: Any) -> None:
        if schema_problem(schema) == "":
            mismatch(value, schema, "answer")


class TestStrictJson:
    @given(st.text() | json_values.map(json.dumps))
    def test_is_json_that_utf_8_carries_or_a_value_error(self, text: str) -> None:
        with contextlib.suppress(ValueError):
            assert "\\u0000" not in json.dumps(strict_json(text), allow_nan=False, ensure_ascii=False).replace(
                "\\\\", ""
            )


class TestUsableText:
    def test_is_the_answer(self) -> None:
        assert usable_text(a_completion('{"title": "Moka"}'), SCHEMA) == '{"title": "Moka"}'

    @pytest.mark.parametrize(
        ("ending", "error"), [(Ending.CUT_OFF, AnswerTruncated), (Ending.REFUSED, ProviderRefused)]
    )
    def test_is_nothing_that_did_not_end_well(self, ending: Ending, error: type[Exception]) -> None:
        with pytest.raises(error):
            usable_text(a_completion('{"title": "Moka"}', ending), SCHEMA)


def a_completion(text: str, ending: Ending = Ending.COMPLETE) -> Completion:
    return Completion(text, "openai", "m", Usage(1, 1), ending)


class TestOneLine:
    def test_keeps_nothing_that_breaks_a_log_or_a_row(self) -> None:
        assert one_line("a\0b\r\n\x1b[31mc\ud800  d", 20) == "a b [31mc d"

    @given(st.text(alphabet=st.characters(categories=["Cc", "Cs", "L", "Zs"])), st.integers(1, 50))
    def test_is_short_and_storable(self, text: str, most: int) -> None:
        line = one_line(text, most)
        assert len(line) <= most
        assert "\0" not in line
        line.encode()


class TestVectors:
    def test_have_the_length_one(self) -> None:
        assert unit_vectors([[3, 4], [0, 2]], 2) == [[0.6, 0.8], [0, 1]]

    @pytest.mark.parametrize(
        "vectors", [[], [[1.0]], [[1.0], [1.0, 0.0]], [[0.0], [1.0]], [[math.inf], [1.0]], [[], []]]
    )
    def test_are_refused_when_they_cannot_be_compared(self, vectors: list[list[float]]) -> None:
        with pytest.raises(AnswerMalformed):
            unit_vectors(vectors, 2)

    @given(st.lists(st.lists(st.floats(-1, 1, width=32), max_size=5), max_size=5))
    def test_come_back_as_they_were_packed(self, vectors: list[list[float]]) -> None:
        assert unpack_vectors(pack_vectors(vectors)) == vectors


class TestCost:
    @pytest.mark.parametrize(
        ("usage", "micros"),
        [
            (Usage(), 0),
            (Usage(1_000_000, 1_000_000), 12_500_000),
            (Usage(1, 0), 3),  # 2.5 rounded up
            (Usage(1, 1), 13),  # 12.5 rounded up once, not twice
            (Usage(images=3), 30_000_000),
        ],
    )
    def test_is_rounded_up_once(self, usage: Usage, micros: int) -> None:
        assert cost_micros(usage, 2_500_000, 10_000_000) == micros


class TestRequestDigest:
    def test_knows_the_same_question(self) -> None:
        assert request_digest("t", {"a": 1, "b": 2}) == request_digest("t", {"b": 2, "a": 1})
        assert request_digest("t", {"a": 1}) != request_digest("t", {"a": 2}) != request_digest("u", {"a": 2})


class TestStoredFailures:
    def test_are_never_taken_for_an_infrastructure_that_is_asked_again_under_the_same_id(self) -> None:
        assert "CALL_IN_FLIGHT" not in STORED
        assert "UNAVAILABLE" not in STORED
