"""Queries over runs and their quotes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from services.orchestrator.domain.stages import ACTIVE
from services.orchestrator.repository.tables import RunKey, config, is_run, quote, run


def active_run(tx: Transaction, site_id: UUID) -> sa.Row[Any] | None:
    """Return the site's automation run that is not finished, or None."""
    where = (run.c.site_id == site_id, run.c.status.in_(ACTIVE), sa.not_(run.c.by_hand))
    return tx.one(sa.select(run).where(*where))


def read_run(tx: Transaction, run_id: UUID, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return a run, or None; with `lock`, hold it until the transaction ends."""
    statement = sa.select(run).where(run.c.id == run_id)
    return tx.one(statement.with_for_update() if lock else statement)


def lock_paused_runs(tx: Transaction, reason: str) -> Sequence[sa.Row[Any]]:
    """Return the runs of the tenant that are paused for a reason, and hold them until the transaction ends.

    Those that are running are held too: one that is about to pause for it either has, or sees what this one wrote.
    """
    active = sa.select(run).where(run.c.status.in_(ACTIVE)).order_by(run.c.id).with_for_update()
    return [row for row in tx.all(active) if row.status == "paused" and row.pause_reason == reason]


def credits_came(connection: sa.Connection, key: RunKey, step_id: UUID) -> bool:
    """Return whether credits were added to the account since a step wrote that it was about to ask for some."""
    return bool(connection.execute(_CREDITS_CAME, {"account": key.account_id, "step": step_id}).scalar_one())


_CREDITS_CAME = sa.text(
    "SELECT EXISTS (SELECT FROM inbox i JOIN step s ON s.account_id = i.account_id WHERE i.account_id = :account"
    " AND s.id = :step AND i.kind = 'billing.credits_granted' AND i.create_time > s.update_time)"
)


def lock_daily_credits(connection: sa.Connection, key: RunKey) -> int:
    """Return what a site may use in a day, which nobody changes until the transaction ends; 0 for no limit."""
    where = (config.c.account_id == key.account_id, config.c.site_id == key.site_id)
    statement = sa.select(config.c.daily_credits).where(*where).with_for_update(read=True)
    return int(connection.execute(statement).scalar() or 0)


def lock_runs_to_resume(connection: sa.Connection, limit: int = 100) -> Sequence[sa.Row[Any]]:
    """Return some paused runs of every tenant whose time to go on has come, and hold them; not those held by others."""
    where = (run.c.status == "paused", run.c.resume_time <= sa.func.now())
    statement = sa.select(run).where(*where).order_by(run.c.resume_time).limit(limit)
    return connection.execute(statement.with_for_update(skip_locked=True)).all()


def resume_now(tx: Transaction, site_id: UUID, reason: str) -> None:
    """Let a site's runs that are paused for a reason go on as soon as somebody looks."""
    where = (run.c.site_id == site_id, run.c.status == "paused", run.c.pause_reason == reason)
    tx.execute(sa.update(run).where(*where).values(resume_time=sa.func.now()))


def lock_runs_of_site(tx: Transaction, site_id: UUID) -> Sequence[sa.Row[Any]]:
    """Return a site's runs that have not ended, and hold them until the transaction ends."""
    where = (run.c.site_id == site_id, run.c.status.in_(ACTIVE))
    return tx.all(sa.select(run).where(*where).order_by(run.c.id).with_for_update())


def insert_run(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Insert a run; return False when it exists already (the same quote was started twice)."""
    row = {"account_id": tx.tenant.account_id, "site_id": tx.tenant.site_id, **values}
    statement = insert(run).values(row).on_conflict_do_nothing(index_elements=["account_id", "id"])
    return tx.one(statement.returning(run.c.id)) is not None


def set_status(connection: sa.Connection, key: RunKey, status: str, **values: Any) -> None:
    """Change a run's status and what goes with it."""
    changes = {"status": status, "update_time": sa.func.now(), "revision": run.c.revision + 1, **values}
    connection.execute(sa.update(run).where(*is_run(key)).values(changes))


def insert_quote(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Insert a run's quote; one that is there under its id stays, unless it has expired."""
    row = {"account_id": tx.tenant.account_id, "site_id": tx.tenant.site_id, **values}
    statement = (
        insert(quote)
        .values(row)
        .on_conflict_do_update(index_elements=["account_id", "id"], set_=row, where=quote.c.expire_time < sa.func.now())
    )
    tx.execute(statement)


def read_quote(tx: Transaction, quote_id: UUID) -> sa.Row[Any] | None:
    """Return a run's quote, or None."""
    return tx.one(sa.select(quote).where(quote.c.id == quote_id))
