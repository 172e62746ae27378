"""API keys of accounts and sites, and the keys of operators."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.tenancy import Tenant
from services.identity import domain, repository
from services.identity.usecases.accounts import require_whole_account


@dataclass(frozen=True)
class NewKey:
    """What a new API key may do, and until when."""

    name: str
    site_id: UUID | None
    scopes: tuple[str, ...]
    expire_time: datetime | None


def create_api_key(
    database: Database, tenant: Tenant, asked: NewKey, *, holder_scopes: frozenset[str], clock: Clock
) -> tuple[sa.RowMapping, str]:
    """Make an API key; return its row and the key itself, which is not stored.

    Args:
        database: identity's.
        tenant: whose key it is; one that names a site makes keys of that site only.
        asked: the key; without scopes it may read and write.
        holder_scopes: what the caller may do: nobody gives away more.
        clock: tells whether the end lies ahead.

    Raises:
        InvalidArgument: naming the field that is wrong.
        PermissionDenied: the key would be allowed more than the caller.
        NotFound: there is no such site.
    """
    scopes = _scopes(asked, holder_scopes)
    _check(asked, clock.now())
    if asked.site_id is None:
        require_whole_account(tenant)
    secret = domain.new_secret("account" if asked.site_id is None else "site")
    values = {
        "id": new_id(),
        "name": asked.name.strip(),
        "site_id": asked.site_id,
        "scopes": scopes,
        "prefix": secret.prefix,
        "key_hash": secret.digest,
        "expire_time": asked.expire_time,
    }
    with database.transaction(tenant) as transaction:
        if asked.site_id is not None and repository.get_site(transaction, asked.site_id) is None:
            raise NotFound.row("site", asked.site_id)
        return repository.add_api_key(transaction, values), secret.text


def revoke_api_key(database: Database, tenant: Tenant, key_id: UUID, clock: Clock) -> sa.RowMapping:
    """Revoke an API key; revoking twice changes nothing.

    Raises:
        NotFound: there is no such key.
    """
    with database.transaction(tenant) as transaction:
        row = repository.revoke_api_key(transaction, key_id, clock.now())
    if row is None:
        raise NotFound.row("api key", key_id)
    return row


def create_operator_key(owner: sa.Engine, name: str) -> str:
    """Make an operator's key and return it; only who holds the owner role's URL can.

    Raises:
        InvalidArgument: the name is empty or too long.
    """
    problem = domain.problem_with_name(name)
    if problem:
        raise InvalidArgument.field("name", problem)
    secret = domain.new_secret("operator")
    values = {"id": new_id(), "name": name.strip(), "prefix": secret.prefix, "key_hash": secret.digest}
    with owner.begin() as connection:
        repository.add_operator_key(connection, values)
    return secret.text


def is_operator_key(owner: sa.Engine, text: str) -> bool:
    """Return whether a text is an operator's key that was not revoked."""
    with owner.connect() as connection:
        key = repository.find_operator_key(connection, domain.digest_of(text))
    return key is not None and key.revoke_time is None


def _scopes(asked: NewKey, holder_scopes: frozenset[str]) -> list[str]:
    scopes = sorted(set(asked.scopes or ("read", "write")))
    unknown = set(scopes) - set(domain.KEY_SCOPES)
    if unknown:
        raise InvalidArgument.field(
            "api_key.scopes", f"{min(unknown)!r} is unknown; use {', '.join(domain.KEY_SCOPES)}"
        )
    beyond = set(scopes) - holder_scopes
    if beyond:
        raise PermissionDenied(f"You may not give the scope {min(beyond)}: you do not have it.")
    return scopes


def _check(asked: NewKey, now: datetime) -> None:
    problem = domain.problem_with_name(asked.name)
    if problem:
        raise InvalidArgument.field("api_key.name", problem)
    if asked.expire_time is not None and asked.expire_time <= now:
        raise InvalidArgument.field("api_key.expire_time", "must lie ahead")
