"""Sites and their sectors: made within the plan's limits, deleted and brought back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from chassis.ids import new_id
from chassis.tenancy import Tenant
from services.identity import domain, repository
from services.identity.errors import PlanLimit, SectorLimit, WrongIndustry
from services.identity.usecases.accounts import require_whole_account

DOMAIN_TAKEN = "Another site of the account has this domain; use that one, or delete it first."


@dataclass(frozen=True)
class NewSite:
    """What a new site is, and which sectors of the catalogue it begins with."""

    name: str
    domain: str
    industry_id: UUID
    platform: str
    language: str
    template_ids: tuple[UUID, ...]


def normal_domain(text: str, field: str = "site.domain") -> str:
    """Return a domain as it is stored.

    Raises:
        InvalidArgument: it is none.
    """
    name = domain.host_name(text)
    if name is None:
        raise InvalidArgument.field(field, f"{text[:60]!r} is not a host name; use one like coffee.example")
    return name


def get_catalogue(database: Database) -> tuple[Sequence[sa.RowMapping], Sequence[sa.RowMapping]]:
    """Return all industries of the platform's catalogue and all their sectors, by name."""
    with database.untenanted() as connection:
        return repository.catalogue(connection)


def create_site(transaction: Transaction, asked: NewSite) -> sa.RowMapping:
    """Make a site with its first sectors.

    Raises:
        InvalidArgument: naming the field that is wrong.
        NotFound: there is no such industry.
        PlanLimit, SectorLimit, WrongIndustry: too many sites or sectors, or sectors of another industry.
        AlreadyExists: a live site of the account has the domain.
    """
    require_whole_account(transaction.tenant)
    name = _checked(asked)
    _require_room(transaction)
    if repository.get_industry(transaction, asked.industry_id) is None:
        raise NotFound.row("industry", asked.industry_id)
    templates = _templates(transaction, asked.industry_id, asked.template_ids, "industry_sector_ids")
    site = repository.add_site(
        transaction,
        {
            "id": new_id(),
            "name": asked.name.strip(),
            "domain": name,
            "industry_id": asked.industry_id,
            "platform": asked.platform,
            "language": asked.language,
        },
    )
    if site is None:
        raise AlreadyExists(DOMAIN_TAKEN)
    for template in templates:
        _add_sector(transaction, site["id"], template, template.name)
    return site


def delete_site(database: Database, tenant: Tenant, site_id: UUID, etag: str) -> sa.RowMapping:
    """Hide a site and tell the other services.

    Raises:
        NotFound: there is no such live site.
        Aborted: it was changed since the etag was read.
    """
    with database.transaction(tenant) as transaction:
        site = repository.get_site(transaction, site_id, lock=True)
        if site is None:
            raise NotFound.row("site", site_id)
        if etag and etag != str(site.revision):
            raise Aborted("The site was changed by somebody else; read it again and repeat the deletion.")
        transaction.emit("identity.site_deleted", {}, site_id=site_id)
        return repository.set_site_deleted(transaction, site_id, deleted=True)


def undelete_site(database: Database, tenant: Tenant, site_id: UUID) -> sa.RowMapping:
    """Bring a site back; one that is not deleted is returned as it is.

    Raises:
        NotFound: there is no such site.
        PlanLimit: the plan allows no more.
        AlreadyExists: another live site took the domain meanwhile.
    """
    try:
        with database.transaction(tenant) as transaction:
            site = repository.get_site(transaction, site_id, deleted=True)
            if site is None:
                raise NotFound.row("site", site_id)
            if site.delete_time is None:
                return site._mapping
            _require_room(transaction)
            return repository.set_site_deleted(transaction, site_id, deleted=False)
    except sa.exc.IntegrityError as error:
        raise AlreadyExists(DOMAIN_TAKEN) from error


def create_sector(database: Database, tenant: Tenant, template_id: UUID, name: str) -> sa.RowMapping:
    """Add a sector to the tenant's site; it is called as its template unless a name is given.

    Raises:
        NotFound: the site is gone.
        SectorLimit, WrongIndustry: the site has five, or the template is of another industry.
        AlreadyExists: the site has a sector of this template.
    """
    problem = domain.problem_with_name(name) if name else None
    if problem:
        raise InvalidArgument.field("sector.name", problem)
    with database.transaction(tenant) as transaction:
        site = repository.get_site(transaction, tenant.site_id, lock=True)
        if site is None:
            raise NotFound.row("site", tenant.site_id)
        if repository.count_sectors(transaction, site.id) >= domain.SECTORS_MAX:
            raise _too_many_sectors()
        template = _templates(transaction, site.industry_id, [template_id], "sector.industry_sector_id")[0]
        return _add_sector(transaction, site.id, template, name.strip() or template.name)


def _checked(asked: NewSite) -> str:
    problems = {
        "site.name": domain.problem_with_name(asked.name),
        "site.language": domain.problem_with_language(asked.language),
        "industry_sector_ids": "names a sector twice" if _repeats(asked.template_ids) else None,
    }
    for field, problem in problems.items():
        if problem:
            raise InvalidArgument.field(field, problem)
    if len(asked.template_ids) > domain.SECTORS_MAX:
        raise _too_many_sectors()
    return normal_domain(asked.domain)


def _require_room(transaction: Transaction) -> None:
    """Lock the account's row, so that two sites at once cannot both be the last one allowed."""
    account = repository.get_account(transaction, lock=True)
    if account is None:
        raise NotFound.row("account", transaction.tenant.account_id)
    if repository.count_sites(transaction) >= account.max_sites:
        allowed = f"{account.max_sites} site" + ("s" if account.max_sites != 1 else "")
        raise PlanLimit(
            f"The plan {account.plan.capitalize()} allows {allowed}; delete one or take a larger plan.",
            metadata={"plan": account.plan, "limit": str(account.max_sites)},
        )


def _templates(transaction: Transaction, industry_id: UUID, ids: Sequence[UUID], field: str) -> list[sa.Row[Any]]:
    found = repository.get_templates(transaction, industry_id, ids)
    for template_id in ids:
        if template_id not in found:
            raise WrongIndustry.field(field, f"{template_id} is no sector of the site's industry; list its sectors")
    return [found[template_id] for template_id in ids]


def _add_sector(transaction: Transaction, site_id: UUID, template: sa.Row[Any], name: str) -> sa.RowMapping:
    values = {"industry_id": template.industry_id, "industry_sector_id": template.id, "name": name}
    row = repository.add_sector(transaction, {"id": new_id(), "site_id": site_id, **values})
    if row is None:
        raise AlreadyExists(f"The site has a sector made from {template.name!r}.")
    return row


def _repeats(ids: Sequence[UUID]) -> bool:
    return len(set(ids)) < len(ids)


def _too_many_sectors() -> SectorLimit:
    return SectorLimit(f"A site has at most {domain.SECTORS_MAX} sectors; put the rest into another site.")
