"""The kinds of column that the tables of every service are made of."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """Return the check that a text column holds one of an enum's values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def text(*, default: str | None = "") -> Mapped[str]:
    """Return a text column, empty unless it is given; without a default it must be given."""
    return mapped_column(sa.Text, server_default=default, nullable=False)


def texts() -> Mapped[list[str]]:
    """Return a column of several texts, none unless they are given."""
    return mapped_column(ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False)


def whole(*, default: int | None = 0) -> Mapped[int]:
    """Return a column of whole numbers, such as credits or minor units; without a default it must be given."""
    return mapped_column(sa.BigInteger, server_default=None if default is None else str(default), nullable=False)


def flag(*, default: bool) -> Mapped[bool]:
    """Return a yes or no column."""
    return mapped_column(sa.Boolean, server_default=sa.true() if default else sa.false(), nullable=False)


def instant() -> Mapped[datetime]:
    """Return a point in time that must be given."""
    return mapped_column(sa.DateTime(timezone=True), nullable=False)


def instant_or_none() -> Mapped[datetime | None]:
    """Return a point in time that may be unknown."""
    return mapped_column(sa.DateTime(timezone=True))


def now_by_default() -> Mapped[datetime]:
    """Return a point in time that is the transaction's start unless it is given."""
    return mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def json_object() -> Mapped[dict[str, Any]]:
    """Return a column of a JSON object, empty unless it is given."""
    return mapped_column(JSONB, server_default=sa.text("'{}'"), nullable=False)
