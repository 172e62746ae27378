"""Adding keywords of the library to a sector."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.database import Transaction
from services.planner.domain import Intent
from services.planner.imports import KeywordRow
from services.planner.repository import imports, limits, seeds
from services.planner.repository.bulk import Conditions
from services.planner.repository.seeds import FoundSeed
from services.planner.usecases.keywords import brand_of, require_sector


@dataclass(frozen=True)
class Seeds:
    """Which seeds are meant: those of `ids`, or, when there are none, those of which `where` holds."""

    ids: Sequence[UUID]
    where: Conditions


@dataclass(frozen=True)
class Added:
    """How many keywords came of seeds, and how many were there; which seeds are not there, and which do not belong."""

    added: int
    existing: int
    missing: Sequence[UUID]
    refused: Sequence[tuple[UUID, str]]


def add_keywords(transaction: Transaction, sector_id: UUID, wanted: Seeds) -> Added:
    """Add the keywords of seeds to a sector: all that it does not have, or none.

    A seed of another industry sector than the sector's own is refused. A keyword takes the seed's intent and country,
    as what somebody said of it; volume and difficulty stay the library's, and follow it.

    Raises:
        UnknownSector: the sector is not one of the site's.
        PlanLimit: the plan has no room for them.
    """
    sector = require_sector(transaction.tenant, sector_id, "sector_id")
    limit = limits.locked(transaction)
    if wanted.ids:
        found = seeds.named(transaction, sector, wanted.ids)
    else:
        found = seeds.found(transaction, sector, wanted.where)
    own = [seed for seed in found if seed.is_own]
    new = [seed for seed in own if not seed.is_there]
    limit.require(len(new))
    if new:  # as a file that states no figures
        imports.stage(transaction, map(_row, new), brand_of(transaction.tenant))
        imports.store_staged(transaction, sector, len(new))
    there = {seed.id for seed in found}
    return Added(
        added=len(new),
        existing=len(own) - len(new),
        missing=[seed_id for seed_id in dict.fromkeys(wanted.ids) if seed_id not in there],
        refused=[(seed.id, seed.text) for seed in found if not seed.is_own],
    )


def _row(seed: FoundSeed) -> KeywordRow:
    intent = None if seed.intent is None else Intent(seed.intent)
    return KeywordRow(line=0, text=seed.text, intent=intent, country=seed.country or None)
