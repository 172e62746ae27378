"""Keyset paging: a page is found by the last row of the one before: the millionth row costs what the first does.

A token is opaque: the order, a digest of the query it belongs to, and the key of the last row.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.errors import InvalidArgument

PAGE_SIZE = 50
PAGE_SIZE_MAX = 1000


@dataclass(frozen=True)
class Key:
    """One part of an order: an expression, how it is decoded, and its direction."""

    name: str
    expression: sa.ColumnElement[Any]
    descending: bool = False

    @property
    def comparable(self) -> sa.ColumnElement[Any]:
        """The expression with NULL as the least value of its type, so that every row has a place.

        A column that is never NULL stays as it is: an index has its order, and not that of an expression over it.
        Another column is a CASE: row level security keeps a comparison of a coalesce() out of an index, as it does
        whatever it takes for leaky.
        """
        least = None if _never_null(self.expression) else _least(self.expression.type)
        if least is None:
            return self.expression
        if isinstance(self.expression, sa.ColumnClause):
            return sa.case((self.expression.is_(None), least), else_=self.expression)
        return sa.func.coalesce(self.expression, least)


def page_size(asked: int) -> int:
    """Return how many rows a page has.

    Raises:
        InvalidArgument: negative, or above the maximum.
    """
    if not 0 <= asked <= PAGE_SIZE_MAX:
        raise InvalidArgument.field("page_size", f"must be from 0 to {PAGE_SIZE_MAX}, not {asked}")
    return asked or PAGE_SIZE


def fingerprint(*query: object) -> str:
    """Return a digest of what a list was asked for: a token of one query is refused by another."""
    return hashlib.sha256(json.dumps([str(part) for part in query]).encode()).hexdigest()[:16]


def encode(keys: Sequence[Key], values: Sequence[Any], query: str) -> str:
    """Return the token that continues after a row."""
    body = json.dumps([query, [_to_json(value) for value in values[: len(keys)]]], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def after(keys: Sequence[Key], token: str, query: str) -> sa.ColumnElement[bool]:
    """Return the condition for rows after the one a token names.

    Raises:
        InvalidArgument: the token is not one of this list.
    """
    try:
        stored, raw = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        values = [_from_json(key.expression.type, value) for key, value in zip(keys, raw, strict=True)]
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise InvalidArgument.field("page_token", "is not a token that a list returned") from error
    if stored != query:
        raise InvalidArgument.field("page_token", "belongs to a list with another filter, order or parent")
    return _beyond(keys, values)


def ordering(keys: Sequence[Key]) -> list[sa.ColumnElement[Any]]:
    """Return the ORDER BY of the keys."""
    return [key.comparable.desc() if key.descending else key.comparable.asc() for key in keys]


def _beyond(keys: Sequence[Key], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    bound = [sa.literal(value, key.expression.type) for key, value in zip(keys, values, strict=True)]
    if len({key.descending for key in keys}) == 1:  # one direction: a row comparison, which an index answers
        left, right = sa.tuple_(*[key.comparable for key in keys]), sa.tuple_(*bound)
        return left < right if keys[0].descending else left > right
    condition: sa.ColumnElement[bool] = sa.false()
    for key, value in reversed(list(zip(keys, bound, strict=True))):
        beyond = key.comparable < value if key.descending else key.comparable > value
        condition = sa.or_(beyond, sa.and_(key.comparable == value, condition))
    return condition


def _never_null(expression: sa.ColumnElement[Any]) -> bool:
    owner: object = getattr(expression, "table", None)  # of a subquery's column it is the subquery
    return isinstance(expression, sa.Column) and isinstance(owner, sa.Table) and not expression.nullable


def _least(kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any] | None:
    """The least value of a type, written out: an index over the same expression is known by its constant."""
    return next((sa.literal_column(text, kind) for kinds, text in _LEAST if isinstance(kind, kinds)), None)


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal) else value


def _from_json(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    read = next((read for kinds, read in _READERS if isinstance(kind, kinds)), _text)
    return read(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("no text that PostgreSQL could hold")
    value.encode()  # refuses half of a surrogate pair
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError("no whole number that PostgreSQL could hold")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


_LEAST: tuple[tuple[Any, str], ...] = (
    (sa.BigInteger, f"'{-(2**63)}'::bigint"),  # before Integer, which it is a kind of
    (sa.Integer, f"'{-(2**31)}'::integer"),
    (sa.Float, "'-1e300'::double precision"),
    (sa.Numeric, "'-1e300'::numeric"),
    (sa.DateTime, "'-infinity'::timestamptz"),
    (sa.Uuid, f"'{UUID(int=0)}'::uuid"),
    (sa.Boolean, "false"),
    (sa.String, "''"),
)
_READERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (sa.DateTime, datetime.fromisoformat),
    (sa.Uuid, UUID),
    (sa.Float, float),
    (sa.Numeric, lambda value: Decimal(str(value))),
    (sa.Boolean, _truth),
    (sa.Integer, _whole),
)
