"""A worker dies before or after a call of a step; another takes it up. Once written, once paid, nothing held."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.database import Database
from chassis.passport import Issuer, Passport
from services.orchestrator.clients import AsyncPeers, Call
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.passports import SiteBook
from tests.house import House
from tests.integration.orchestrator.conftest import Owner

PHASES = ("PrepareWork", "Reserve", "Complete", "ApplyWork", "Capture")


class _Died(Exception):
    """The worker was killed."""


class _Mortal(AsyncPeers):
    """Peers of a worker that dies at one call: just before it is sent, or just after it was answered."""

    def __init__(self, house: House, method: str, moment: str) -> None:
        super().__init__(house.peer_addresses, Issuer("orchestrator", house.key))
        self._method, self._moment = method, moment

    async def send(self, call: Call[Any], passport: Passport) -> Any:
        mine = call.path.endswith(f"/{self._method}")
        if mine and self._moment == "before":
            raise _Died
        answer = await super().send(call, passport)
        if mine:
            raise _Died
        return answer


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("method", PHASES)
def test_a_step_survives_its_worker(owner: Owner, method: str, moment: str) -> None:
    owner.add_keywords()
    first = owner.start(owner.quote(stages=[1]).id)
    owner.house.work()
    assert owner.read(first.id).status == orchestrator_pb2.Run.STATUS_COMPLETED
    before = owner.balance()
    run = owner.start(owner.quote(stages=[2], max_clusters=1).id)
    owner.house.work(rounds=1)  # plans the stage
    assert asyncio.run(_die(owner.house, method, moment)) == 1
    _let_leases_end(owner.house)
    owner.house.work()
    steps = owner.steps(run.id, function="generate_ideas")
    assert Counter(step.status for step in steps) == {orchestrator_pb2.Step.STATUS_SUCCEEDED: 1}
    after = owner.balance()
    assert after.held == 0
    assert before.posted - after.posted == steps[0].credits == 6  # three ideas of two credits, once
    assert owner.ledger().ok, owner.ledger().differences


async def _die(house: House, method: str, moment: str) -> int:
    sweep = Database(house.databases["orchestrator"].sweep, pool_size=2)
    peers = _Mortal(house, method, moment)
    carrier = Carrier(sweep, peers, SiteBook(), random.Random(1))  # noqa: S311 - the same waits in every test run
    deaths = 0
    for held in claims.claim(sweep, "text", 8):
        with pytest.raises(_Died):
            await carrier.carry(held)
        deaths += 1
    await peers.close()
    sweep.close()
    return deaths


def _let_leases_end(house: House) -> None:
    sweep = Database(house.databases["orchestrator"].sweep, pool_size=1)
    with sweep.untenanted() as connection:
        connection.execute(sa.text("UPDATE step SET due = now() WHERE status = 'running'"))
    sweep.close()
