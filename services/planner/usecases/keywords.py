"""Adding keywords by hand, and bringing deleted ones back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from chassis import call
from chassis.database import Database, Transaction
from chassis.errors import AlreadyExists, InvalidArgument, NotFound
from chassis.passport import SectorClaim
from chassis.tenancy import Tenant
from services.planner.domain import display_text, keyword_problem, normalise
from services.planner.errors import KeywordExists, UnknownSector
from services.planner.intents import NO_BRAND, Brand, derive_intent
from services.planner.repository import clusters, keywords, limits
from services.planner.repository.keywords import NewKeyword


def create_keyword(transaction: Transaction, new: NewKeyword) -> UUID:
    """Add one keyword to a sector; return its id.

    Raises:
        InvalidArgument: the text is no keyword, or the cluster is not of the sector.
        UnknownSector: the sector is not one of the site's.
        KeywordExists: the sector has it.
        PlanLimit: the plan allows no more.
    """
    sector = require_sector(transaction.tenant, new.sector_id, "keyword.sector_id")
    clean = replace(new, text=display_text(new.text))
    problem = keyword_problem(clean.text)
    if problem:
        raise InvalidArgument.field("keyword.text", problem)
    limit = limits.locked(transaction)
    if keywords.exists(transaction, sector.id, clean.text):
        raise KeywordExists(clean.text)
    limit.require(1)
    derived = derive_intent(normalise(clean.text), brand_of(transaction.tenant))
    with cluster_of_the_sector():
        keyword_id = keywords.insert(transaction, sector, replace(clean, derived_intent=derived))
    _require_live(transaction, clean.cluster_id)
    return keyword_id


def placed(transaction: Transaction, keyword_id: UUID, values: Mapping[str, Any]) -> None:
    """Remember who has chosen a keyword's cluster, after he has; one that was taken out of its cluster is free.

    Raises:
        InvalidArgument: the cluster was merged into another one.
    """
    if "cluster_id" in values:
        _require_live(transaction, values["cluster_id"])
        keywords.place(transaction, keyword_id, call.passport().actor if values["cluster_id"] else "")


def _require_live(transaction: Transaction, cluster_id: UUID | None) -> None:
    """Called after the keyword is written, when the triggers that sum hold its cluster: nobody merges it any more."""
    if cluster_id is not None and not clusters.live(transaction, [cluster_id]):
        raise InvalidArgument.field("keyword.cluster_id", "was merged into another cluster; choose that one")


def undelete_keyword(database: Database, tenant: Tenant, keyword_id: UUID) -> None:
    """Bring a deleted keyword back; one that is not deleted stays as it is.

    Raises:
        NotFound: there is none.
        AlreadyExists: the sector has got another keyword of this text.
        PlanLimit: the plan allows no more.
    """
    with database.transaction(tenant) as transaction:
        limit = limits.locked(transaction)
        is_deleted = keywords.deleted(transaction, keyword_id)
        if is_deleted is None:
            raise NotFound.row("keyword", keyword_id)
        if not is_deleted:
            return
        limit.require(1)
        try:
            keywords.restore(transaction, keyword_id)
        except IntegrityError as error:
            raise AlreadyExists("The sector has got another keyword of this text; delete that one first.") from error


def brand_of(tenant: Tenant) -> Brand:
    """Return what the tenant's site is searched by; nothing for a whole account."""
    site = tenant.site
    if site is None:
        return NO_BRAND
    return Brand.of(site.name, site.domain, [site.industry, *(sector.name for sector in site.sectors)])


def require_sector(tenant: Tenant, sector_id: UUID, field: str) -> SectorClaim:
    """Return the site's sector that a field names.

    Raises:
        UnknownSector: it is not one of the site's.
    """
    sector = tenant.sector(sector_id)
    if sector is None and tenant.site is not None:
        raise UnknownSector(field, sector_id, tenant.site)
    if sector is None:
        raise ValueError("A sector belongs to a site; the method's access level should be LEVEL_SITE.")
    return sector


@contextmanager
def cluster_of_the_sector() -> Iterator[None]:
    """Say which field is wrong when a keyword is put into a cluster that is not of its sector."""
    try:
        yield
    except IntegrityError as error:
        diagnostics = getattr(error.orig, "diag", None)
        if getattr(diagnostics, "constraint_name", None) != keywords.CLUSTER_LINK:
            raise
        raise InvalidArgument.field("keyword.cluster_id", "is not a cluster of the keyword's sector") from error
