"""What the orchestrator does about facts of others; each once, in the transaction that remembers the fact."""

from collections.abc import Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.outbox import Fact, Handler
from services.orchestrator import repository
from services.orchestrator.domain.settings import next_start
from services.orchestrator.usecases import running


def end_runs_of_site(tx: Transaction, fact: Fact) -> None:
    """Cancel the runs of a site that was deleted, and let no more start by themselves."""
    if fact.site_id is None:
        return
    repository.switch_off(tx, fact.site_id, "switched off: the site was deleted")  # settings first, as everywhere
    for row in repository.lock_runs_of_site(tx, fact.site_id):
        running.end(tx.connection, running.key_of(row), "Cancelled: the site was deleted. What was made is paid.")


def go_on_with_credits(tx: Transaction, fact: Fact) -> None:
    """Let the account's runs go on that wait for credits; those that need more than came pause again."""
    del fact
    for row in repository.lock_paused_runs(tx, "paused_insufficient_credits"):
        running.go_on(tx.connection, running.key_of(row), "Credits were added; the run goes on.")


def follow_account(tx: Transaction, fact: Fact) -> None:
    """Tell the next starts anew that follow the account's time zone; what is due already stays due."""
    zone, now = str(fact.payload["time_zone"]), _now(tx)
    for row in repository.lock_configs(tx):
        start = row.next_run_time
        if start is not None and start > now:
            start = next_start({**row._mapping, "account_zone": zone}, now)
        repository.set_account_zone(tx, row.id, zone, start)


def _now(tx: Transaction) -> datetime:
    now: datetime = tx.execute(sa.select(sa.func.now())).scalar_one()
    return now.astimezone(UTC)


HANDLERS: Mapping[str, Handler] = {
    "identity.site_deleted": end_runs_of_site,
    "identity.account_changed": follow_account,
    "billing.credits_granted": go_on_with_credits,
}
"""By kind of fact; `SUBSCRIPTIONS` names the orchestrator for each of them."""
