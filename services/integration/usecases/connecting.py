"""Connecting a site to destinations: make, change, try, disconnect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.clock import Clock
from chassis.database import Database, Transaction
from chassis.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from chassis.outbox import Fact
from chassis.tenancy import Tenant
from services.integration import domain, repository
from services.integration.adapters.base import ConnectionReport
from services.integration.destinations import Destinations
from services.integration.errors import CredentialsMissing

_PLATFORM_KEY = "site_integration_platform_key"
_CONFIG_CHARS_MAX = domain.SETTING_CHARS_MAX


@dataclass(frozen=True)
class Wanted:
    """A destination as somebody asks for it; `credentials` is None when it says nothing about them."""

    platform: str
    base_url: str
    config: Mapping[str, Any]
    credentials: Mapping[str, Any] | None


def create_site_integration(transaction: Transaction, destinations: Destinations, wanted: Wanted) -> UUID:
    """Connect a destination and return its id; it is published to from now on.

    Raises:
        AddressRefused: the address is not one this system calls.
        CredentialsMissing: the destination needs others.
        AlreadyExists: the site has one of this platform.
    """
    loopback = destinations.outbound.allow_loopback
    credentials = domain.check_credentials(wanted.platform, wanted.credentials or {})
    values = {
        "platform": wanted.platform,
        "platform_type": domain.TYPE_OF_PLATFORM[wanted.platform],
        "base_url": domain.check_address(wanted.platform, wanted.base_url, allow_loopback=loopback),
        "config": _checked_config(wanted.config),
        "credentials": destinations.seal(transaction.tenant, credentials),
        "active": True,
    }
    try:
        return repository.insert_connection(transaction, values)
    except sa.exc.IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) != _PLATFORM_KEY:
            raise
        raise AlreadyExists(
            f"The site is connected to {wanted.platform} already; change that connection, or disconnect it first."
        ) from error


def update_site_integration(
    database: Database, tenant: Tenant, destinations: Destinations, row_id: UUID, changes: Mapping[str, Any], etag: str
) -> None:
    """Change a destination.

    Args:
        database: integration's.
        tenant: account and site.
        destinations: seals credentials.
        row_id: which.
        changes: of base_url, config, credentials and active, only what changes.
        etag: the one it was read with; any when empty.

    Raises:
        NotFound: it is not connected.
        Aborted: somebody else changed it meanwhile.
        AddressRefused: see `create_site_integration`.
        CredentialsMissing: it moved to another server, and the credentials given for the old one are not sent there.
    """
    with database.transaction(tenant) as transaction:
        found = _connected(transaction, row_id)
        values = {name: changes[name] for name in ("active",) if name in changes}
        if "config" in changes:
            values["config"] = _checked_config(changes["config"])
        if "credentials" in changes:
            credentials = domain.check_credentials(found.platform, changes["credentials"])
            values["credentials"] = destinations.seal(tenant, credentials)
        if "base_url" in changes:
            values["base_url"] = _new_address(found, changes, allow_loopback=destinations.outbound.allow_loopback)
        if not repository.update_connection(transaction, row_id, values, etag):
            raise Aborted("The destination was changed by somebody else; read it again and repeat the change.")


def delete_site_integration(database: Database, tenant: Tenant, row_id: UUID, etag: str) -> None:
    """Disconnect a destination and forget its credentials; publications stay listed.

    Raises:
        NotFound: it is not connected.
        Aborted: somebody else changed it meanwhile.
    """
    with database.transaction(tenant) as transaction:
        _connected(transaction, row_id)
        gone = {"delete_time": sa.func.now(), "active": False, "credentials": None}
        if not repository.update_connection(transaction, row_id, gone, etag):
            raise Aborted("The destination was changed by somebody else; read it again and repeat.")


def try_site_integration(
    database: Database, tenant: Tenant, destinations: Destinations, row_id: UUID, clock: Clock
) -> ConnectionReport:
    """Try a destination, note in the feed how it went, and return what was found.

    Raises:
        NotFound: it is not connected.
    """
    with database.transaction(tenant) as transaction:
        found = _connected(transaction, row_id)
    began = clock.monotonic()
    report = destinations.open(tenant, found).test_connection()
    failed = next((check for check in report.checks if not check.ok), None)
    event = repository.Event(
        site_integration_id=row_id,
        event_type="test",
        action="find",
        success=report.ok,
        error=f"{failed.name}: {failed.detail} {failed.hint}".strip() if failed else "",
        details={"checks": [check.name for check in report.checks]},
        duration_ms=round((clock.monotonic() - began) * 1000),
    )
    with database.transaction(tenant) as transaction:
        repository.note_exchange(transaction, event)
    return report


def forget_deleted_site(transaction: Transaction, fact: Fact) -> None:
    """Take in `identity.site_deleted`: nothing of ours may sign in at its destinations any more."""
    if fact.site_id is not None:
        repository.forget_site(transaction, fact.site_id)


HANDLERS: Mapping[str, Callable[[Transaction, Fact], None]] = {"identity.site_deleted": forget_deleted_site}


def _connected(transaction: Transaction, row_id: UUID) -> domain.Connection:
    found = repository.connection(transaction, row_id)
    if found is None:
        raise NotFound.row("site integration", row_id)
    return found


def _checked_config(config: Mapping[str, Any]) -> dict[str, Any]:
    if len(str(config)) > _CONFIG_CHARS_MAX:
        raise InvalidArgument.field(
            "site_integration.config_json", f"must not have more than {_CONFIG_CHARS_MAX} characters"
        )
    return dict(config)


def _new_address(found: domain.Connection, changes: Mapping[str, Any], *, allow_loopback: bool) -> str:
    """The checked address. A stored password never follows to another server: whoever may edit may not read it."""
    address = domain.check_address(found.platform, changes["base_url"], allow_loopback=allow_loopback)
    moved = found.base_url and address and not domain.same_place(found.base_url, address)
    if moved and found.credentials and "credentials" not in changes:
        raise CredentialsMissing("The address leads to another server; give the credentials for it together with it.")
    return address
