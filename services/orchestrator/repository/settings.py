"""Queries over sites' settings and the platform's own upkeep."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.ids import new_id
from services.orchestrator.repository.tables import config, task


def read_config(tx: Transaction, site_id: UUID) -> sa.Row[Any] | None:
    """Return a site's settings, or None."""
    return tx.one(sa.select(config).where(config.c.site_id == site_id))


def lock_config(tx: Transaction) -> sa.Row[Any]:
    """Return a site's settings and hold them until the transaction ends.

    Settings that nobody has changed have no row, and are read with the etag "0": revision 0 is what they start from.
    """
    key = {"account_id": tx.tenant.account_id, "site_id": tx.tenant.site_id}
    tx.execute(insert(config).values(id=new_id(), revision=0, **key).on_conflict_do_nothing())
    return tx.execute(sa.select(config).where(config.c.site_id == tx.tenant.site_id).with_for_update()).one()


def write_config(tx: Transaction, values: Mapping[str, Any]) -> sa.Row[Any]:
    """Change a site's settings, which are locked; return them."""
    statement = sa.update(config).where(config.c.site_id == tx.tenant.site_id).values({**values, **_stamps()})
    return tx.execute(statement.returning(config)).one()


def switch_off(tx: Transaction, site_id: UUID, words: str) -> None:
    """Let no more runs of a site start by themselves, and say why."""
    changes = {"enabled": False, "next_run_time": None, "last_outcome": words, **_stamps()}
    tx.execute(sa.update(config).where(config.c.site_id == site_id).values(changes))


def lock_configs(tx: Transaction) -> Sequence[sa.Row[Any]]:
    """Return the settings of all sites of the tenant, and hold them until the transaction ends."""
    return tx.all(sa.select(config).order_by(config.c.id).with_for_update())


def set_account_zone(tx: Transaction, row_id: UUID, zone: str, next_run_time: datetime | None) -> None:
    """Keep an account's time zone with a site's settings, and the next start that follows from it."""
    changes = {"account_zone": zone, "next_run_time": next_run_time}
    tx.execute(sa.update(config).where(config.c.id == row_id).values(changes))


def _stamps() -> dict[str, Any]:
    return {"revision": config.c.revision + 1, "update_time": sa.func.now()}


def read_maintenance_tasks(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Return the platform's periodic work by name."""
    return connection.execute(sa.select(task).order_by(task.c.name)).all()


def hasten_maintenance_task(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    """Make a periodic work due now; None when there is none of that name."""
    now = sa.update(task).where(task.c.name == name).values(next_time=sa.func.clock_timestamp())
    return connection.execute(now.returning(task)).one_or_none()
