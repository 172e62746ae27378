"""Who holds a credential, and what a passport must say of a site."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.errors import NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.tenancy import Tenant
from services.identity import domain, repository
from services.identity.errors import AccountInactive, InvalidCredential
from services.identity.security import Security


@dataclass(frozen=True)
class Principal:
    """Who is calling. `bound_site_id` is the only site the caller sees."""

    account_id: UUID | None
    actor_id: UUID
    actor_kind: str
    scopes: frozenset[str]
    bound_site_id: UUID | None = None


@dataclass(frozen=True)
class ResolvedSite:
    """A site with its industry and its working sectors; `time_zone` is its account's."""

    site: sa.Row[Any]
    industry_name: str
    sectors: Sequence[sa.Row[Any]]
    time_zone: str


def authenticate(database: Database, security: Security, credential: str, acting_for: UUID | None) -> Principal:
    """Tell who holds an API key, an access token or an operator's key.

    Raises:
        InvalidCredential: it is unknown, revoked or expired.
        AccountInactive: its account may not be used.
        PermissionDenied: somebody who is no operator asks to act for an account.
        NotFound: an operator asks to act for an account that does not exist.
    """
    kind = domain.kind_of(credential)
    if kind == "operator":
        return _operator(database, credential, acting_for)
    if acting_for is not None:
        raise PermissionDenied("Only an operator may act for another account; leave acting_for_account_id out.")
    if kind in {"account", "site"}:
        return _machine(database, security, credential)
    return _person(database, security, credential)


def resolve_site(
    database: Database, account_id: UUID, site_id: UUID | None, *, even_inactive: bool = False
) -> ResolvedSite | None:
    """Return what a passport must say of a site; None when none is named and the account is active.

    Args:
        database: under the app role.
        account_id: whose site it should be.
        site_id: the site.
        even_inactive: of a deleted or inactive site and of a suspended account too, as long as there are rows of them.

    Raises:
        NotFound: there is no such account, or no live and active site of it.
        AccountInactive: the account may not be used.
    """
    with database.untenanted() as connection:
        status = repository.account_status(connection, account_id)
    if status is None:
        raise NotFound.row("account", account_id)
    if not (even_inactive or domain.is_active(status)):
        raise AccountInactive.because(status)
    if site_id is None:
        return None
    with database.transaction(Tenant(account_id)) as transaction:
        site = repository.get_site(transaction, site_id, deleted=even_inactive)
        if site is None or not (even_inactive or site.active):
            raise NotFound.row("site", site_id)
        industry = repository.get_industry(transaction, site.industry_id)
        name = industry.name if industry else ""
        account = repository.get_account(transaction)
        zone = account.time_zone if account else ""
        return ResolvedSite(site, name, repository.working_sectors(transaction, site_id), zone)


def _person(database: Database, security: Security, token: str) -> Principal:
    claims = security.tokens.read(token)
    with database.transaction(Tenant(claims.account_id)) as transaction:
        state = repository.live_session(transaction, claims.session_id)
    if state is None or state.user_id != claims.user_id:
        raise InvalidCredential("The session was ended; sign in again.")
    if not domain.is_active(state.status):
        raise AccountInactive.because(state.status)
    return Principal(claims.account_id, claims.user_id, "user", domain.SCOPES_OF_ROLE[state.role])


def _machine(database: Database, security: Security, credential: str) -> Principal:
    with database.untenanted() as connection:
        key = repository.find_api_key(connection, domain.digest_of(credential))
    if key is None:
        raise InvalidCredential("This API key is unknown; create another.")
    if key.revoke_time is not None:
        raise InvalidCredential("This API key was revoked; create another.")
    if key.expire_time is not None and key.expire_time <= security.clock.now():
        raise InvalidCredential("This API key has expired; create another.")
    if not domain.is_active(key.account_status):
        raise AccountInactive.because(key.account_status)
    return Principal(key.account_id, key.id, "api_key", frozenset(key.scopes), key.site_id)


def _operator(database: Database, credential: str, acting_for: UUID | None) -> Principal:
    with database.untenanted() as connection:
        key = repository.find_operator_key(connection, domain.digest_of(credential))
        known = acting_for is None or repository.account_status(connection, acting_for) is not None
    if key is None or key.revoke_time is not None:
        raise InvalidCredential("This operator key is unknown or was revoked; make another.")
    if acting_for is None:
        return Principal(None, key.id, "operator", frozenset({"operator"}))
    if not known:
        raise NotFound.row("account", acting_for)
    with database.transaction(Tenant(acting_for)) as transaction:
        repository.record_operator(transaction, new_id(), key.id, key.name)
    return Principal(acting_for, key.id, "operator", domain.OPERATOR_SCOPES)
