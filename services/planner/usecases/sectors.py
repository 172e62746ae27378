"""Which sectors a function works on, and whether they have enough keywords: one validator for people and runs."""

from collections.abc import Mapping, Sequence, Sized
from uuid import UUID

from chassis.errors import NotFound
from chassis.passport import SectorClaim
from chassis.tenancy import Tenant
from chassis.work import Item, Selection, Work
from services.planner import domain
from services.planner.domain import MINIMUM_KEYWORDS
from services.planner.errors import TooFewKeywords


def named(tenant: Tenant, subject_ids: Sequence[UUID]) -> list[SectorClaim]:
    """Return the site's sectors that these ids name, or all when there are none."""
    sectors = tenant.site.sectors if tenant.site else ()
    return [sector for sector in sectors if not subject_ids or sector.id in subject_ids]


def of(work: Work) -> SectorClaim:
    """Return the sector that a step works on.

    Raises:
        NotFound: it is not one of the site's.
    """
    sector = work.tenant.sector(work.subject_id)
    if sector is None:
        raise NotFound.row("sector", work.subject_id)
    return sector


def with_enough(sectors: Sequence[SectorClaim], counts: Mapping[UUID, int], limit: int) -> Selection:
    """Return the sectors that have enough keywords; quantities are keywords.

    Args:
        sectors: those that were asked for.
        counts: their keywords, by the sector's id.
        limit: as many at most.
    """
    items = [
        Item(sector.id, "sector", sector.name, counts[sector.id], counts[sector.id])
        for sector in sectors
        if counts.get(sector.id, 0) >= MINIMUM_KEYWORDS
    ]
    return Selection(items[:limit], len(items), "" if items else _skip_reason(sectors, counts))


def require_enough(keywords: Sized, sector: SectorClaim) -> None:
    """Check that a sector has enough keywords.

    Raises:
        TooFewKeywords: it has not.
    """
    try:
        domain.require_enough_keywords(keywords)
    except domain.TooFewKeywords as error:
        raise TooFewKeywords(
            _too_few(sector, len(keywords)), metadata={"ready": str(len(keywords)), "needed": str(MINIMUM_KEYWORDS)}
        ) from error


def _skip_reason(sectors: Sequence[SectorClaim], counts: Mapping[UUID, int]) -> str:
    if not sectors:
        return "The site has none of these sectors; add one, or choose another."
    return " ".join(_too_few(sector, counts.get(sector.id, 0)) for sector in sectors)


def _too_few(sector: SectorClaim, count: int) -> str:
    verb = "keyword is" if count == 1 else "keywords are"
    return f"{count} {verb} ready in {sector.name}; clustering needs {MINIMUM_KEYWORDS}."
