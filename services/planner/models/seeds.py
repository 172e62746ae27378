"""The library's keywords: the platform's, and those that accounts added."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns
from chassis.tenancy import AccountRow
from services.planner.domain import Intent
from services.planner.models.base import Base


class _Seed:
    """The columns of a library keyword: the platform's, or an account's own."""

    industry_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    industry_sector_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    text: Mapped[str] = columns.text(default=None)
    normalised: Mapped[str] = columns.text(default=None)
    volume: Mapped[int | None] = mapped_column(sa.BigInteger)
    difficulty: Mapped[float | None] = mapped_column(sa.Double)
    intent: Mapped[str | None] = mapped_column(sa.Text)
    country: Mapped[str] = columns.text()


class SeedKeyword(_Seed, Base):
    """A keyword of the platform's library; operators write it, every account reads it."""

    __tablename__ = "seed_keyword"
    __table_args__ = (
        sa.UniqueConstraint("industry_sector_id", "normalised"),
        columns.one_of("intent", *Intent),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True, sort_order=-4)
    create_time: Mapped[datetime] = mapped_column(
        sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
    )


class PrivateSeedKeyword(_Seed, AccountRow, Base):
    """A library keyword that an account added; others see it only once an operator promotes it into `seed_keyword`.

    A table of its own, so that the library's unique cannot tell one tenant what another has.
    """

    __tablename__ = "private_seed_keyword"
    tenant_by_statement = True  # an import adds a hundred thousand
    __table_args__ = (
        sa.UniqueConstraint("account_id", "industry_sector_id", "normalised", name="private_seed_keyword_text_key"),
        columns.one_of("intent", *Intent),
    )


_PLATFORM, _PRIVATE = SeedKeyword.__table__, PrivateSeedKeyword.__table__
_is_the_platforms = sa.exists().where(
    _PLATFORM.c.industry_sector_id == _PRIVATE.c.industry_sector_id, _PLATFORM.c.normalised == _PRIVATE.c.normalised
)


class SeedKeywordLibrary:
    """Both libraries as one, as the caller's account sees them; what it added counts until the platform has it."""

    __table__ = sa.union_all(
        sa.select(*_PLATFORM.c),
        sa.select(*[_PRIVATE.c[column.name] for column in _PLATFORM.c]).where(~_is_the_platforms),
    ).subquery("seed_keyword_library")


class SeedCandidate:
    """Keywords that accounts added and the platform does not have, under the sweep role; never whose they are.

    The id is made of what a candidate is, as no row stands for it.
    """

    __table__ = (
        sa.select(
            sa.cast(
                sa.func.md5(sa.cast(_PRIVATE.c.industry_sector_id, sa.Text) + " " + _PRIVATE.c.normalised), sa.Uuid
            ).label("id"),
            *(_PRIVATE.c.industry_id, _PRIVATE.c.industry_sector_id, _PRIVATE.c.normalised.label("text")),
            sa.func.count().label("account_count"),
            sa.func.min(_PRIVATE.c.create_time).label("create_time"),
        )
        .where(~_is_the_platforms)
        .group_by(_PRIVATE.c.industry_id, _PRIVATE.c.industry_sector_id, _PRIVATE.c.normalised)
        .subquery("seed_candidate")
    )
