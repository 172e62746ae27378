"""Keywords one by one, and the library's keyword each is tied to."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.passport import SectorClaim
from services.planner.domain import normalise
from services.planner.models import Keyword, PrivateSeedKeyword, SeedKeyword, table

KEYWORD, PRIVATE, LIBRARY = table(Keyword), table(PrivateSeedKeyword), table(SeedKeyword)
CLUSTER_LINK = "keyword_account_id_site_id_sector_id_cluster_id_fkey"
"""The constraint that holds keyword and cluster to one sector."""


@dataclass(frozen=True)
class NewKeyword:
    """A keyword to add.

    volume: searches a month. difficulty: 0 to 100. intent: as given; derived_intent: as the rules say. country: ISO
    3166-1 alpha-2 or empty. placed_by: who chose its cluster.
    """

    sector_id: UUID
    text: str
    volume: int | None = None
    difficulty: float | None = None
    intent: str | None = None
    derived_intent: str | None = None
    country: str = ""
    impressions: int | None = None
    cluster_id: UUID | None = None
    placed_by: str = ""
    disabled: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)


def exists(transaction: Transaction, sector_id: UUID, text: str) -> bool:
    """Whether the sector has a live keyword of this text."""
    tenant = transaction.tenant
    found = sa.select(KEYWORD.c.id).where(
        *(KEYWORD.c.account_id == tenant.account_id, KEYWORD.c.site_id == tenant.site_id),
        *(KEYWORD.c.sector_id == sector_id, KEYWORD.c.normalised == normalise(text)),
        KEYWORD.c.delete_time.is_(None),
    )
    return transaction.one(found) is not None


def insert(transaction: Transaction, sector: SectorClaim, new: NewKeyword) -> UUID:
    """Add a keyword, tied to the library's of its text, or to one that the account gets of its own; return its id."""
    tenant, keyword_id = transaction.tenant, new_id()
    seed_id = _library_seed(transaction, sector, new.text)
    values = {name: getattr(new, name) for name in ("text", "volume", "difficulty", "intent", "country")}
    private_id = None if seed_id else _private_seed(transaction, sector, values)
    row = {
        **values,
        "account_id": tenant.account_id,
        "site_id": tenant.site_id,
        "sector_id": sector.id,
        "id": keyword_id,
        "seed_keyword_id": seed_id,
        "private_seed_keyword_id": private_id,
        "normalised": normalise(new.text),
        "derived_intent": new.derived_intent,
        "impressions": new.impressions,
        "cluster_id": new.cluster_id,
        "placed_by": new.placed_by,
        "disabled": new.disabled,
        "attributes": new.attributes,
    }
    transaction.execute(sa.insert(KEYWORD).values(row))
    return keyword_id


def deleted(transaction: Transaction, keyword_id: UUID) -> bool | None:
    """Whether a keyword is deleted; None when there is none."""
    row = transaction.one(sa.select(KEYWORD.c.delete_time).where(KEYWORD.c.id == keyword_id).with_for_update())
    return None if row is None else row.delete_time is not None


def restore(transaction: Transaction, keyword_id: UUID) -> None:
    """Bring a deleted keyword back. Raises IntegrityError when its text has been taken since."""
    stamps = {"delete_time": None, "update_time": sa.func.now(), "revision": KEYWORD.c.revision + 1}
    transaction.execute(sa.update(KEYWORD).where(KEYWORD.c.id == keyword_id).values(stamps))


def place(transaction: Transaction, keyword_id: UUID, by: str) -> None:
    """Say who chose the cluster that a keyword has."""
    mine = (KEYWORD.c.account_id == transaction.tenant.account_id, KEYWORD.c.id == keyword_id)
    transaction.execute(sa.update(KEYWORD).where(*mine).values(placed_by=by))


def _library_seed(transaction: Transaction, sector: SectorClaim, text: str) -> UUID | None:
    found = transaction.one(
        sa.select(LIBRARY.c.id).where(
            LIBRARY.c.industry_sector_id == sector.industry_sector_id, LIBRARY.c.normalised == normalise(text)
        )
    )
    return found.id if found else None


def _private_seed(transaction: Transaction, sector: SectorClaim, values: dict[str, Any]) -> UUID:
    """The account's own library keyword; the caller holds the account's limit, so nobody else makes it meanwhile."""
    tenant, normalised = transaction.tenant, normalise(values["text"])
    found = transaction.one(
        sa.select(PRIVATE.c.id).where(
            PRIVATE.c.account_id == tenant.account_id,
            PRIVATE.c.industry_sector_id == sector.industry_sector_id,
            PRIVATE.c.normalised == normalised,
        )
    )
    if found:
        return UUID(str(found.id))
    seed_id = new_id()
    row = {
        **values,
        "account_id": tenant.account_id,
        "id": seed_id,
        "industry_id": tenant.site.industry_id if tenant.site else None,
        "industry_sector_id": sector.industry_sector_id,
        "normalised": normalised,
    }
    transaction.execute(sa.insert(PRIVATE).values(row))
    return seed_id
