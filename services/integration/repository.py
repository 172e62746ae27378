"""Every query of integration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.ids import new_id
from services.integration import domain
from services.integration.domain import Connection, Content
from services.integration.models import Base

_INTEGRATION = Base.metadata.tables["site_integration"]
_EVENT = Base.metadata.tables["sync_event"]
_PUBLICATION = Base.metadata.tables["publication"]
_DEPLOYMENT = Base.metadata.tables["deployment_record"]
_NOW = sa.func.clock_timestamp()  # the database's clock: workers on several machines share the leases
_LIVE = _INTEGRATION.c.delete_time.is_(None)
_FREE = {"lease_token": None, "lease_until": None}


@dataclass(frozen=True)
class Standing:
    """How a content stands at a destination, read under a lock."""

    id: UUID
    status: str
    content_digest: str
    external_id: str
    external_url: str
    attempts: int
    create_time: datetime
    publish_time: datetime | None
    lease_left_s: float


@dataclass(frozen=True)
class Event:
    """A line of the feed."""

    site_integration_id: UUID
    event_type: str
    action: str
    success: bool
    error: str = ""
    content_id: UUID | None = None
    external_id: str = ""
    details: Mapping[str, Any] | None = None
    duration_ms: int = 0


# ── destinations ──


def insert_connection(transaction: Transaction, values: Mapping[str, Any]) -> UUID:
    """Connect a destination; return its id. Raises IntegrityError when the site has one of this platform."""
    row_id = new_id()
    tenant = transaction.tenant
    key = {"account_id": tenant.account_id, "site_id": tenant.site_id, "id": row_id}
    transaction.execute(sa.insert(_INTEGRATION).values(**key, **values))
    return row_id


def connection(transaction: Transaction, row_id: UUID) -> Connection | None:
    """Return a destination that is connected."""
    row = transaction.one(_select_connections().where(_INTEGRATION.c.id == row_id))
    return None if row is None else Connection(**row._asdict())


def active_connections(transaction: Transaction) -> list[Connection]:
    """Return the site's destinations that are published to, in the order in which they were connected."""
    statement = _select_connections().where(_of_site(transaction), _INTEGRATION.c.active).order_by(_INTEGRATION.c.id)
    return [Connection(**row._asdict()) for row in transaction.all(statement)]


def update_connection(transaction: Transaction, row_id: UUID, values: Mapping[str, Any], etag: str) -> bool:
    """Change a destination; False when it is not there or not at this etag any more."""
    statement = (
        sa.update(_INTEGRATION)
        .where(_INTEGRATION.c.id == row_id, _LIVE)
        .values(**values, revision=_INTEGRATION.c.revision + 1, update_time=sa.func.now())
    )
    if etag:
        statement = statement.where(sa.cast(_INTEGRATION.c.revision, sa.Text) == etag)
    return transaction.execute(statement).rowcount == 1


def forget_site(transaction: Transaction, site_id: UUID) -> None:
    """Disconnect every destination of a site that was deleted, and forget its credentials."""
    gone = {"delete_time": sa.func.now(), "active": False, "credentials": None}
    transaction.execute(sa.update(_INTEGRATION).where(_INTEGRATION.c.site_id == site_id, _LIVE).values(**gone))


def note_exchange(transaction: Transaction, event: Event) -> None:
    """Write a line of the feed, and how the destination stands since. The etag stays: nobody edited anything."""
    tenant = transaction.tenant
    values = {
        "account_id": tenant.account_id,
        "site_id": tenant.site_id,
        "id": new_id(),
        "site_integration_id": event.site_integration_id,
        "event_type": event.event_type,
        "action": event.action,
        "success": event.success,
        "error": event.error,
        "content_id": event.content_id,
        "external_id": event.external_id,
        "details": dict(event.details or {}),
        "duration_ms": event.duration_ms,
    }
    transaction.execute(sa.insert(_EVENT).values(**values))
    standing = {"sync_status": "succeeded" if event.success else "failed", "last_error": event.error}
    transaction.execute(
        sa.update(_INTEGRATION)
        .where(_INTEGRATION.c.id == event.site_integration_id, _LIVE)
        .values(**standing, last_sync_time=sa.func.now())
    )


# ── publications ──


def settled_contents(transaction: Transaction, content_ids: Sequence[UUID], destinations: Sequence[UUID]) -> set[UUID]:
    """Return the contents that are at every one of the destinations, or were taken back from it by a person."""
    statement = (
        sa.select(_PUBLICATION.c.content_id)
        .where(
            _PUBLICATION.c.content_id.in_(content_ids),
            _PUBLICATION.c.site_integration_id.in_(destinations),
            _PUBLICATION.c.status.in_((*domain.THERE, "retracted")),
        )
        .group_by(_PUBLICATION.c.content_id)
        .having(sa.func.count() == len(destinations))
    )
    return {row.content_id for row in transaction.all(statement)}


def unfinished_contents(transaction: Transaction, destinations: Sequence[UUID]) -> list[UUID]:
    """Return contents that one of the destinations should have and has not, oldest first; at most 1,000."""
    statement = (
        sa.select(_PUBLICATION.c.content_id)
        .where(
            _PUBLICATION.c.site_integration_id.in_(destinations),
            _PUBLICATION.c.status.in_(("pending", "publishing", "failed")),
        )
        .distinct()
        .order_by(_PUBLICATION.c.content_id)
        .limit(1000)
    )
    return [row.content_id for row in transaction.all(statement)]


def lock_publication(transaction: Transaction, content: Content, target: Connection) -> Standing:
    """Return how a content stands at a destination, made when it is new, and locked until the transaction ends."""
    tenant = transaction.tenant
    made = insert(_PUBLICATION).values(
        account_id=tenant.account_id,
        site_id=tenant.site_id,
        sector_id=content.sector_id,
        id=new_id(),
        content_id=content.id,
        site_integration_id=target.id,
        platform=target.platform,
    )
    transaction.execute(made.on_conflict_do_nothing())
    column = _PUBLICATION.c
    left = sa.func.coalesce(sa.extract("epoch", column.lease_until - _NOW), 0)
    row = transaction.execute(
        sa.select(
            column.id,
            column.status,
            column.content_digest,
            column.external_id,
            column.external_url,
            column.attempts,
            column.create_time,
            column.publish_time,
            sa.cast(left, sa.Double).label("lease_left_s"),
        )
        .where(column.content_id == content.id, column.site_integration_id == target.id)
        .with_for_update()
    ).one()
    return Standing(**row._asdict())


def lease(transaction: Transaction, publication_id: UUID, token: UUID, lease_s: float) -> None:
    """Hold a publication that is locked and free."""
    held = {"status": "publishing", "lease_token": token, "lease_until": _after(lease_s)}
    transaction.execute(_change(_PUBLICATION.c.id == publication_id, held))


def renew(transaction: Transaction, publication_id: UUID, token: UUID, lease_s: float) -> bool:
    """Hold it for longer; False when somebody else holds it now."""
    statement = sa.update(_PUBLICATION).where(_held(publication_id, token)).values(lease_until=_after(lease_s))
    return transaction.execute(statement).rowcount == 1


def let_go(transaction: Transaction, publication_id: UUID, token: UUID, values: Mapping[str, Any]) -> bool:
    """End a lease with what became of it; False, and nothing is changed, when somebody else holds it now."""
    statement = _change(_held(publication_id, token), {**values, **_FREE})
    return transaction.execute(statement).rowcount == 1


def give_up(transaction: Transaction, content_id: UUID, error: str) -> None:
    """Mark what was being sent, and is not any more, as failed."""
    idle = sa.or_(_PUBLICATION.c.lease_until.is_(None), _PUBLICATION.c.lease_until < _NOW)
    where = sa.and_(_PUBLICATION.c.content_id == content_id, _PUBLICATION.c.status == "publishing", idle)
    transaction.execute(_change(where, {"status": "failed", "error": error, "attempts": 0, **_FREE}))


def note_deployment(transaction: Transaction, version: int, url: str) -> None:
    """Remember which version of a built-in site is shown."""
    tenant = transaction.tenant
    statement = insert(_DEPLOYMENT).values(
        account_id=tenant.account_id,
        site_id=tenant.site_id,
        id=new_id(),
        version=version,
        deployed_version=version,
        status="deployed",
        deployment_url=url,
        deploy_time=sa.func.now(),
    )
    transaction.execute(statement.on_conflict_do_nothing())


def _select_connections() -> sa.Select[Any]:
    column = _INTEGRATION.c
    return sa.select(column.id, column.platform, column.base_url, column.config, column.credentials).where(_LIVE)


def _of_site(transaction: Transaction) -> sa.ColumnElement[bool]:
    return _INTEGRATION.c.site_id == transaction.tenant.site_id


def _held(publication_id: UUID, token: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(_PUBLICATION.c.id == publication_id, _PUBLICATION.c.lease_token == token)


def _after(seconds: float) -> sa.ColumnElement[Any]:
    return _NOW + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _change(where: sa.ColumnElement[bool], values: Mapping[str, Any]) -> sa.Update:
    stamps = {"revision": _PUBLICATION.c.revision + 1, "update_time": sa.func.now()}
    return sa.update(_PUBLICATION).where(where).values(**values, **stamps)
