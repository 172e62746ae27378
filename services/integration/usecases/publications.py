"""One content at one destination: who may send it, and what became of it.

No transaction is held while a website is talked to, so the right to talk is a lease: a token and a time by the
database's clock, committed before the first call and renewed while it lasts. Who lost the lease commits nothing. A
worker that died leaves `publishing`; whoever claims it next has the destination looked at before anything is made.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.ids import new_id
from chassis.tenancy import Tenant
from services.integration import domain, repository
from services.integration.adapters.base import DestinationError, Published, TransientDestinationError
from services.integration.config import LEASE_S
from services.integration.domain import Connection, Content
from services.integration.errors import PublicationBusy
from services.integration.repository import Event, Standing

log = logging.getLogger(__name__)
_BUSY_RETRY_S_MAX = 5.0


@dataclass(frozen=True)
class Claim:
    """The right to send a content to a destination, while the lease lasts."""

    token: UUID
    standing: Standing
    content: Content
    target: Connection
    digest: str


@dataclass(frozen=True)
class Settled:
    """The destination holds this content already, as it is."""

    publication_id: UUID


def claim(
    database: Database, tenant: Tenant, content: Content, target: Connection, *, lease_s: float = LEASE_S
) -> Claim | Settled:
    """Take the right to send a content to a destination, unless it is there already.

    Raises:
        PublicationBusy: another worker has it.
    """
    digest = content.digest(target)
    with database.transaction(tenant) as transaction:
        standing = repository.lock_publication(transaction, content, target)
        verdict = domain.decide(standing.status, standing.content_digest, digest, standing.lease_left_s)
        if verdict == "settled":
            return Settled(standing.id)
        if verdict == "busy":
            raise PublicationBusy(
                f"Another worker is publishing the content {content.id} to {target.label}; try again in a moment.",
                retry_after_s=min(standing.lease_left_s, _BUSY_RETRY_S_MAX),
            )
        token = new_id()
        repository.lease(transaction, standing.id, token, lease_s)
        return Claim(token, standing, content, target, digest)


@contextmanager
def keeping(database: Database, tenant: Tenant, held: Claim, *, lease_s: float = LEASE_S) -> Iterator[None]:
    """Renew a lease for as long as the block runs; if it ends with an unforeseen error, let go at once."""
    done = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(database, tenant, held, lease_s, done), name="publication-lease", daemon=True
    )
    keeper.start()
    try:
        yield
    except DestinationError:
        raise  # foreseen: `fail` ends the lease
    except Exception:
        _let_go(database, tenant, held)
        raise
    finally:
        done.set()
        keeper.join()


def succeed(database: Database, tenant: Tenant, held: Claim, published: Published, duration_ms: int) -> None:
    """Write down that the content is there, and tell the other services.

    Raises:
        PublicationBusy: the lease was lost; whoever has it now finds the content at the destination.
    """
    standing, target = held.standing, held.target
    values = {
        "status": published.status,
        "external_id": published.external_id,
        "external_url": published.url,
        "content_digest": held.digest,
        "warnings": list(published.warnings),
        "error": "",
        "error_reason": "",
        "attempts": 0,
        "before_image": _before(standing),
        "external_metadata": dict(published.metadata),
        "publish_time": sa.func.now(),
    }
    event = Event(
        site_integration_id=target.id,
        event_type="publish",
        action="update" if standing.external_id else "create",
        success=True,
        content_id=held.content.id,
        external_id=published.external_id,
        details={"url": published.url, "warnings": list(published.warnings)},
        duration_ms=duration_ms,
    )
    fact = {
        "content_id": str(held.content.id),
        "url": published.url,
        "external_id": published.external_id,
        "platform": target.platform,
    }
    with database.transaction(tenant) as transaction:
        _end(transaction, held, values)
        repository.note_exchange(transaction, event)
        transaction.emit("integration.content_published", fact, sector_id=held.content.sector_id)
        if target.platform == "sites":
            repository.note_deployment(transaction, int(published.metadata["version"]), published.url)


def fail(database: Database, tenant: Tenant, held: Claim, error: DestinationError, duration_ms: int) -> bool:
    """Write down why it is not there; return whether another try is worth it.

    After a transient failure the publication stays `publishing`: the destination may have acted, and is looked at
    before anything is made.

    Raises:
        PublicationBusy: the lease was lost.
    """
    tries = held.standing.attempts + 1
    again = isinstance(error, TransientDestinationError) and tries < domain.TRIES_MAX
    values = {
        "status": "publishing" if again else "failed",
        "error": str(error),
        "error_reason": error.reason,
        "attempts": tries if again else 0,
    }
    event = Event(
        site_integration_id=held.target.id,
        event_type="publish",
        action="update" if held.standing.external_id else "create",
        success=False,
        error=str(error),
        content_id=held.content.id,
        external_id=held.standing.external_id,
        details={"reason": error.reason, "attempt": tries},
        duration_ms=duration_ms,
    )
    with database.transaction(tenant) as transaction:
        _end(transaction, held, values)
        repository.note_exchange(transaction, event)
    return again


def _before(standing: Standing) -> dict[str, Any]:
    """What the destination held until now; empty when it held nothing of ours."""
    if standing.publish_time is None:
        return {}
    return {
        "external_url": standing.external_url,
        "content_digest": standing.content_digest,
        "publish_time": standing.publish_time.isoformat(),
    }


def _end(transaction: Transaction, held: Claim, values: dict[str, Any]) -> None:
    if not repository.let_go(transaction, held.standing.id, held.token, values):
        raise PublicationBusy(
            f"Another worker took over publishing the content {held.content.id} to {held.target.label}.",
            retry_after_s=_BUSY_RETRY_S_MAX,
        )


def _keep(database: Database, tenant: Tenant, held: Claim, lease_s: float, done: threading.Event) -> None:
    while not done.wait(lease_s / 3):
        try:
            with database.transaction(tenant) as transaction:
                if not repository.renew(transaction, held.standing.id, held.token, lease_s):
                    return
        except sa.exc.SQLAlchemyError as error:  # the lease outlasts two missed renewals; its loss is seen at the end
            log.warning("the lease of publication %s was not renewed: %s", held.standing.id, error)


def _let_go(database: Database, tenant: Tenant, held: Claim) -> None:
    try:
        with database.transaction(tenant) as transaction:
            repository.let_go(transaction, held.standing.id, held.token, {})
    except sa.exc.SQLAlchemyError as error:  # then it ends by itself
        log.warning("publication %s keeps its lease until it ends: %s", held.standing.id, error)
