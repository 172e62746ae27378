"""The filter language: what it reads, and that nothing but InvalidArgument ever comes out of it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidArgument
from chassis.filters import AllOf, AnyOf, Comparison, Not, parse_filter

A, B, C = Comparison("a", "=", "1"), Comparison("b", "=", "2"), Comparison("c", "=", "3")
WORDS = st.sampled_from(
    ["a", "status", "=", "!=", "<=", ":", "AND", "OR", "NOT", "(", ")", '"x"', '"', "\\", "1", " ", "\0"]
)


class TestParse:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", None),
            ("  ", None),
            ("a = 1", A),
            ("a=1 AND b=2", AllOf((A, B))),
            ("a=1 OR b=2", AnyOf((A, B))),
            ("a=1 AND b=2 OR c=3", AllOf((A, AnyOf((B, C))))),
            ("(a=1 AND b=2) OR c=3", AnyOf((AllOf((A, B)), C))),
            ("NOT a=1", Not(A)),
            ("NOT (a=1 OR b=2)", Not(AnyOf((A, B)))),
            ('name = "two words"', Comparison("name", "=", "two words")),
            (r'name = "a \"quote\" and \\"', Comparison("name", "=", 'a "quote" and \\')),
            ('name : "("', Comparison("name", ":", "(")),
            ("volume >= 100", Comparison("volume", ">=", "100")),
        ],
    )
    def test_or_binds_tighter_than_and(self, text: str, expected: object) -> None:
        assert parse_filter(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "a",
            "a =",
            "= 1",
            "a = = 1",
            "a = 1 b = 2",
            "(a = 1",
            "a = 1)",
            "A = 1",
            'a = "open',
            "AND",
            "NOT",
            "a = 1 AND",
            "(" * 30 + "a = 1" + ")" * 30,
            " AND ".join(["a = 1"] * 51),
            "a = " + "1" * 3000,
        ],
    )
    def test_what_is_no_filter_is_refused_by_name(self, text: str) -> None:
        with pytest.raises(InvalidArgument) as refused:
            parse_filter(text)
        assert [violation.field for violation in refused.value.violations] == ["filter"]

    @given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=30).map(" ".join)))
    def test_anything_is_read_or_refused(self, text: str) -> None:
        with contextlib.suppress(InvalidArgument):  # anything else fails the test
            parse_filter(text)
