"""The library's keywords that somebody wants to have in a sector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.passport import SectorClaim
from services.planner.models import Keyword, SeedKeywordLibrary, table

KEYWORD, LIBRARY = table(Keyword), SeedKeywordLibrary.__table__


@dataclass(frozen=True)
class FoundSeed:
    """A keyword of the library beside a sector.

    intent, country: as the library has them. is_own: whether it is of the sector's own subject. is_there: whether the
    sector has a live keyword of its text.
    """

    id: UUID
    text: str
    intent: str | None
    country: str
    is_own: bool
    is_there: bool


def named(transaction: Transaction, sector: SectorClaim, ids: Sequence[UUID]) -> list[FoundSeed]:
    """Return those of some seeds that are there, whatever subject they are of."""
    return _read(transaction, sector, [LIBRARY.c.id == sa.any_(sa.literal(list(ids), sa.ARRAY(sa.Uuid)))])


def found(transaction: Transaction, sector: SectorClaim, where: Sequence[sa.ColumnElement[bool]]) -> list[FoundSeed]:
    """Return the seeds of the sector's own subject of which this holds."""
    return _read(transaction, sector, [*where, LIBRARY.c.industry_sector_id == sector.industry_sector_id])


def _read(transaction: Transaction, sector: SectorClaim, where: Sequence[sa.ColumnElement[bool]]) -> list[FoundSeed]:
    is_own = LIBRARY.c.industry_sector_id == sector.industry_sector_id
    columns = [LIBRARY.c[name] for name in ("id", "text", "intent", "country")]
    chosen = sa.select(*columns, is_own.label("is_own"), _is_there(transaction, sector).label("is_there"))
    rows = transaction.all(chosen.where(*where).order_by(LIBRARY.c.id))
    return [FoundSeed(row.id, row.text, row.intent, row.country, row.is_own, row.is_there) for row in rows]


def _is_there(transaction: Transaction, sector: SectorClaim) -> sa.ColumnElement[Any]:
    tenant = transaction.tenant
    same = sa.exists().where(
        *(KEYWORD.c.account_id == tenant.account_id, KEYWORD.c.site_id == tenant.site_id),
        *(KEYWORD.c.sector_id == sector.id, KEYWORD.c.normalised == LIBRARY.c.normalised),
        KEYWORD.c.delete_time.is_(None),
    )
    return same.correlate(LIBRARY)
