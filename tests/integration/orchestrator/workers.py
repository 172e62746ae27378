"""A worker whose calls a test can stand beside: before each one, after it, or instead of it."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.passport import Issuer, Passport
from services.orchestrator.clients import AsyncPeers, Call
from services.orchestrator.domain.stages import LANES, ROOM
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.models import ASIDE
from services.orchestrator.passports import SiteBook
from tests.house import House

Act = Callable[[], object]


@dataclass
class Worker:
    """Carries steps of a house; what is to happen around its calls is told by method name.

    Args:
        house: where.
        before: done before a call is sent; what it raises is what the call raises.
        after: done after a call was answered, before the answer is returned.
        room: how many models of each lane are asked at once.
        stopping: whether it is to end.
    """

    house: House
    before: dict[str, Act] = field(default_factory=dict)
    after: dict[str, Act] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    room: Mapping[str, int] = field(default_factory=lambda: ROOM)
    stopping: Callable[[], bool] = lambda: False

    def round(self) -> int:
        """Carry what is due now, one claim a lane; return how many steps."""
        return asyncio.run(self._round())

    async def _round(self) -> int:
        peers = _Peers(self)
        with sweeping(self.house) as database:
            chance = random.Random(1)  # noqa: S311 - the same waits every time
            carrier = Carrier(database, peers, SiteBook(), chance, room=self.room, stopping=self.stopping)
            held = [step for lane in LANES for step in claims.claim(database, lane, 50)]
            await asyncio.gather(*[carrier.carry(step) for step in held])
            await peers.close()
        return len(held)


def around(house: House, moment: str, method: str, act: Act) -> Worker:
    """Return a worker that does something "before" or "after" a method is called."""
    return Worker(house, before={method: act}) if moment == "before" else Worker(house, after={method: act})


class _Peers(AsyncPeers):
    def __init__(self, worker: Worker) -> None:
        super().__init__(worker.house.peer_addresses, Issuer("orchestrator", worker.house.key))
        self._worker = worker

    async def send(self, call: Call[Any], passport: Passport) -> Any:
        method = call.path.rpartition("/")[2]
        self._worker.sent.append(method)
        if method in self._worker.before:
            await asyncio.to_thread(self._worker.before[method])
        answer = await super().send(call, passport)
        if method in self._worker.after:
            await asyncio.to_thread(self._worker.after[method])
        return answer


@contextmanager
def sweeping(house: House) -> Iterator[Database]:
    """Open the orchestrator's database as its workers see it."""
    database = Database(house.databases["orchestrator"].sweep, pool_size=4)
    try:
        yield database
    finally:
        database.close()


_MAKE_DUE = sa.text(
    "UPDATE step SET due = now() WHERE status IN ('ready', 'running') AND due < :aside AND (:all OR id = ANY(:steps))"
)


def make_due(house: House, steps: Sequence[UUID] | None = None) -> None:
    """Let every lease and every wait end now, or those of some steps; steps of paused runs stay where they are."""
    with sweeping(house) as database, database.untenanted() as connection:
        connection.execute(_MAKE_DUE, {"aside": ASIDE, "all": steps is None, "steps": list(steps or [])})


def failing(fault: Exception) -> Act:
    """Return an act that raises."""

    def act() -> None:
        raise fault

    return act
