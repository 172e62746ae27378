"""Runs and steps written straight into the orchestrator's database, as many as a test of claims wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.service import a_site

_RUN = sa.text(
    "INSERT INTO run (account_id, site_id, id, name, plan, by_hand, trigger)"
    " VALUES (:account, :site, :run, 'run', '{\"options\": {}}', true, 'manual')"
)
_STEPS = sa.text(
    "INSERT INTO step (account_id, site_id, run_id, id, place, stage, function, subject_id, subject_kind, lane, status,"
    " due) SELECT :account, :site, :run, gen_random_uuid(), 1, 2, 'generate_ideas', gen_random_uuid(), 'cluster',"
    " :lane, :status, now() + make_interval(secs => :in_s) FROM generate_series(1, :count)"
)
_SETTINGS = sa.text(
    "INSERT INTO automation_config (account_id, site_id, id, max_concurrent) VALUES (:account, :site, :id, :most)"
)


@dataclass(frozen=True)
class Backlog:
    """A database that runs and steps are written into, and claimed from."""

    app: Database
    sweep: Database

    def account(self, sites: int = 1) -> list[Tenant]:
        """Make an account known, with some sites; return one tenant for each."""
        account_id = new_id()
        tenants = [Tenant(account_id, a_site()) for _ in range(sites)]
        for tenant in tenants:
            with self.app.transaction(tenant):
                pass  # its first transaction writes the reference rows
        return tenants

    def steps(
        self, tenant: Tenant, count: int, *, lane: str = "text", status: str = "ready", in_s: float = 0.0
    ) -> UUID:
        """Write a run with so many steps, due in so many seconds; return its id."""
        run_id = new_id()
        key = {"account": tenant.account_id, "site": tenant.site_id, "run": run_id}
        with self.sweep.untenanted() as connection:
            connection.execute(_RUN, key)
            values = {"lane": lane, "status": status, "in_s": in_s, "count": count}
            connection.execute(_STEPS, key | values)
        return run_id

    def limit(self, tenant: Tenant, max_concurrent: int) -> None:
        """Set how many steps of a site may be carried at once."""
        key = {"account": tenant.account_id, "site": tenant.site_id, "id": new_id(), "most": max_concurrent}
        with self.app.transaction(tenant) as tx:
            tx.execute(_SETTINGS, key)

    def end(self, step_ids: Sequence[UUID]) -> None:
        """End steps well."""
        with self.sweep.untenanted() as connection:
            ended = sa.text("UPDATE step SET status = 'succeeded', phase = 'done' WHERE id = ANY(:ids)")
            connection.execute(ended, {"ids": list(step_ids)})

    def empty(self) -> None:
        """End every step."""
        with self.sweep.untenanted() as connection:
            connection.execute(sa.text("UPDATE step SET status = 'succeeded' WHERE status IN ('ready', 'running')"))

    def close(self) -> None:
        """Close every connection."""
        self.app.close()
        self.sweep.close()


def open_backlog(urls: ServiceUrls) -> Backlog:
    """Open a backlog over an orchestrator's database."""
    return Backlog(Database(urls.app, pool_size=2), Database(urls.sweep, pool_size=8))
