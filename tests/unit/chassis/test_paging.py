"""Page tokens: what goes in comes out, and nothing forged gets to the database."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from chassis import paging
from chassis.errors import InvalidArgument

TABLE = sa.table(
    "t",
    sa.column("id", sa.Uuid),
    sa.column("name", sa.Text),
    sa.column("volume", sa.BigInteger),
    sa.column("score", sa.Double),
    sa.column("active", sa.Boolean),
    sa.column("when", sa.DateTime(timezone=True)),
)
ROW = UUID("0197a1b2-0000-7000-8000-000000000000")
QUERY = paging.fingerprint("a", "b")


def keys(*names: str, descending: tuple[str, ...] = ()) -> list[paging.Key]:
    return [paging.Key(name, TABLE.c[name], descending=name in descending) for name in names]


def token_of(body: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")


class TestTokens:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", "two words"),
            ("volume", 2**40),
            ("score", 0.25),
            ("active", True),
            ("when", datetime(2026, 11, 22, tzinfo=UTC)),
        ],
    )
    def test_the_row_it_names_comes_back(self, name: str, value: object) -> None:
        order = keys(name, "id")
        condition = paging.after(order, paging.encode(order, [value, ROW], QUERY), QUERY)
        bound = set(condition.compile().params.values())
        assert {value, ROW} <= bound

    def test_one_of_another_query_is_refused(self) -> None:
        token = paging.encode(keys("id"), [ROW], paging.fingerprint("other"))
        with pytest.raises(InvalidArgument, match="another filter"):
            paging.after(keys("id"), token, QUERY)

    @pytest.mark.parametrize(
        "body",
        [
            None,
            [],
            [QUERY],
            [QUERY, []],
            [QUERY, [1, str(ROW)]],
            [QUERY, ["x\0", str(ROW)]],
            [QUERY, ["\ud800", str(ROW)]],
            [QUERY, ["x", "no id"]],
            [QUERY, ["x", 7]],
            {"query": QUERY},
        ],
    )
    def test_a_forged_one_is_refused(self, body: object) -> None:
        with pytest.raises(InvalidArgument) as refused:
            paging.after(keys("name", "id"), token_of(body), QUERY)
        assert refused.value.violations[0].field == "page_token"

    @pytest.mark.parametrize("number", [2**63, -(2**70), 1.5, True, "1"])
    def test_a_number_that_no_column_holds_is_refused(self, number: object) -> None:
        with pytest.raises(InvalidArgument):
            paging.after(keys("volume", "id"), token_of([QUERY, [number, str(ROW)]]), QUERY)

    def test_a_deeply_nested_one_is_refused(self) -> None:
        raw = base64.urlsafe_b64encode(b"[" * 100_000).decode()
        with pytest.raises(InvalidArgument):
            paging.after(keys("id"), raw, QUERY)

    @given(st.text(max_size=80))
    def test_anything_is_read_or_refused(self, token: str) -> None:
        with pytest.raises(InvalidArgument):
            paging.after(keys("name", "id"), token, QUERY)


class TestOrder:
    def test_one_direction_is_a_row_comparison(self) -> None:
        order = keys("volume", "id")
        condition = paging.after(order, paging.encode(order, [5, ROW], QUERY), QUERY)
        assert str(condition).startswith("(CASE WHEN (t.volume IS NULL)")

    def test_mixed_directions_are_spelled_out(self) -> None:
        order: list[Any] = keys("volume", "name", descending=("volume",))
        condition = paging.after(order, paging.encode(order, [5, "x"], QUERY), QUERY)
        assert " OR " in str(condition)


@pytest.mark.parametrize(("asked", "given_"), [(0, 50), (1, 1), (1000, 1000)])
def test_a_page_has_a_size(asked: int, given_: int) -> None:
    assert paging.page_size(asked) == given_


@pytest.mark.parametrize("asked", [-1, 1001])
def test_a_size_out_of_bounds_is_refused(asked: int) -> None:
    with pytest.raises(InvalidArgument):
        paging.page_size(asked)


@pytest.mark.parametrize(
    ("column", "order"),
    [
        (sa.Column("id", sa.Uuid, primary_key=True), "t.id ASC"),
        (sa.Column("name", sa.Text, nullable=False), "t.name ASC"),
        (
            sa.Column("volume", sa.BigInteger),
            "CASE WHEN (t.volume IS NULL) THEN '-9223372036854775808'::bigint ELSE t.volume END ASC",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_only_what_can_be_null_is_ordered_by_an_expression(column: sa.Column[Any], order: str) -> None:
    sa.Table("t", sa.MetaData(), column)
    assert [str(part) for part in paging.ordering([paging.Key(column.name, column)])] == [order]
