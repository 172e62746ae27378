"""The metadata of billing's tables, and the few kinds of column they share."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import outbox, tenancy
from chassis.tenancy import TenantBase


class Base(TenantBase):
    """Base of billing's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """Return the check that a text column holds one of an enum's values."""
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def words() -> Mapped[str]:
    """Return a text column, empty unless it is given."""
    return mapped_column(sa.Text, server_default="", nullable=False)


def whole(*, default: int | None = 0) -> Mapped[int]:
    """Return a column of whole credits or minor units; without a default it must be given."""
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


def facts() -> Mapped[dict[str, Any]]:
    """Return a JSON object column for what only one provider or country has."""
    return mapped_column(JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False)
