"""A replica dies at every point of starting and resuming a run; whoever asked asks again, and nothing is done twice."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from uuid import UUID

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.clock import SystemClock
from chassis.database import Database
from chassis.passport import Issuer
from chassis.tenancy import Tenant
from services.orchestrator.clients import Peers
from services.orchestrator.passports import of_run
from services.orchestrator.usecases import running
from tests.house import House
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.crashes.calls import Calls
from tests.integration.orchestrator.crashes.supply import Supply
from tests.integration.orchestrator.crashes.witness import Witness
from tests.lives import Commits, Died, Life

Run = orchestrator_pb2.Run
FUNCTION, STEPS = "generate_ideas", 2
STARTING = ("commit", "SelectWork", "AcceptQuote", "commit")
RESUMING = ("commit", "AcceptQuote", "commit")


@contextmanager
def replica(house: House, life: Life) -> Iterator[tuple[Database, Peers]]:
    """Open what a replica of the orchestrator works with, for as long as it lives."""
    database = Database(house.databases["orchestrator"].app, pool_size=2)
    peers = Peers(house.peer_addresses, Issuer("orchestrator", house.key))
    try:
        yield Commits(database, life), Calls(peers, life)
    finally:
        peers.close()
        database.close()


def start(owner: Owner, quote_id: str, life: Life) -> None:
    """Start a run as its servicer does."""
    tenant = Tenant.of(owner.passport)
    with replica(owner.house, life) as (database, peers):
        passport = of_run(tenant.account_id, tenant.site)
        running.start_with_quote(database, peers, SystemClock(), tenant, passport, UUID(quote_id))


def resume(owner: Owner, run_id: str, quote_id: str, life: Life) -> None:
    """Resume a run as its servicer does."""
    tenant = Tenant.of(owner.passport)
    with replica(owner.house, life) as (database, peers):
        passport = of_run(tenant.account_id, tenant.site)
        running.resume(database, peers, tenant, passport, UUID(run_id), UUID(quote_id))


def test_a_start_makes_one_run_wherever_a_replica_died(supply: Supply, witness: Witness) -> None:
    owner = supply.owner
    for stop in range(len(STARTING) + 1):
        quote = owner.quote(function=FUNCTION, subject_ids=supply.subjects(FUNCTION, STEPS))
        life = Life(stop, killed=True)
        with nullcontext() if stop == len(STARTING) else pytest.raises(Died):
            start(owner, quote.id, life)
        assert life.seen == list(STARTING[:stop])
        runs = {owner.start(quote.id).id for _ in range(2)}
        assert len(runs) == 1
        witness.read_balance()
        owner.house.work()
        witness.check(runs.pop(), FUNCTION, succeeded=STEPS)


@pytest.mark.parametrize("same", [True, False], ids=["with the same quote", "with another one"])
def test_a_run_goes_on_wherever_a_replica_died_that_resumed_it(supply: Supply, witness: Witness, same: bool) -> None:
    owner = supply.owner
    for stop in range(len(RESUMING) + 1):
        run = supply.start(FUNCTION, STEPS)
        owner.change("Pause", run.id)
        quote, life = owner.quote_rest(run.id), Life(stop, killed=True)
        with nullcontext() if stop == len(RESUMING) else pytest.raises(Died):
            resume(owner, run.id, quote.id, life)
        assert life.seen == list(RESUMING[:stop])
        again = quote if same or stop == len(RESUMING) else owner.quote_rest(run.id)  # only a paused run has a rest
        assert owner.change("Resume", run.id, quote_id=again.id).status == Run.STATUS_RUNNING
        witness.read_balance()
        owner.house.work()
        witness.check(run.id, FUNCTION, succeeded=STEPS)
