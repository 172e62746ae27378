"""Workers that stop at a chosen point of a step, between two of its calls and commits, and may go on much later."""

import asyncio
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.passport import Issuer, Passport
from services.orchestrator.clients import AsyncPeers, Call
from services.orchestrator.domain.stages import LANES
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.engine.claims import Held
from services.orchestrator.passports import SiteBook
from tests.house import House
from tests.integration.orchestrator.workers import Act

_PATIENCE_S = 60.0


class Died(BaseException):
    """The worker was killed; no `except` of the engine may take it for a failure of a step."""


@dataclass
class Life:
    """What one worker lives to see of one step.

    Args:
        stop: how many calls and commits it makes before it stops; more than there are to end the step.
        twice: whether it does not stop before the next call but makes it twice at once, as a worker that died while it
            was under way and its successor do, and dies.
        before: what is done, or raised, before calls, by method name.
        may_end: whether there may be less to do than it would live to see.
    """

    stop: int
    twice: bool = False
    before: Mapping[str, Act] = field(default_factory=dict)
    may_end: bool = False
    seen: list[str] = field(default_factory=list)
    stands: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    killed: bool = False

    def __str__(self) -> str:
        last = self.seen[self.stop - 1] if 0 < self.stop <= len(self.seen) else "the claim"
        return f"{'twice at once ' if self.twice else ''}after {self.stop} ({last})"

    @property
    def over(self) -> bool:
        """Whether it must stop now."""
        return len(self.seen) == self.stop and not self.goes_on.is_set()

    def stand(self) -> None:
        """Wait, for as long as it takes, and then go on as if nothing had been."""
        self.stands.set()
        assert self.goes_on.wait(_PATIENCE_S), "nobody woke or killed the worker"
        if self.killed:
            raise Died

    def end(self) -> None:
        """Note that nothing is to come."""
        self.stands.set()
        self.goes_on.set()


class _Line(AsyncPeers):
    """One worker's calls."""

    def __init__(self, peers: AsyncPeers, life: Life) -> None:
        self._peers, self._life = peers, life

    async def send(self, call: Call[Any], passport: Passport) -> Any:
        life, method = self._life, call.path.rpartition("/")[2]
        if life.over and life.twice:
            both = [self._peers.send(call, passport) for _ in range(2)]
            await asyncio.gather(*both, return_exceptions=True)
            raise Died
        if life.over:
            await asyncio.to_thread(life.stand)
        life.seen.append(method)
        if method in life.before:
            await asyncio.to_thread(life.before[method])
        return await self._peers.send(call, passport)


class _Ledger(Database):
    """One worker's commits."""

    def __init__(self, database: Database, life: Life) -> None:
        self._database, self._life = database, life

    @contextmanager
    def untenanted(self) -> Iterator[sa.Connection]:
        self._pass()
        with self._database.untenanted() as connection:
            yield connection

    def single(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        self._pass()
        return self._database.single(statement, parameters)

    def _pass(self) -> None:
        if self._life.over:
            self._life.stand()
        self._life.seen.append("commit")


class Walk(AbstractContextManager["Walk"]):
    """Workers of a house, one for each step that is due, each with a life of its own.

    As a context: begins when all of them stand, or have ended; at its end those that still stand are killed.

    Args:
        house: where.
        lives: as many as there are steps due.
        steps: whose lives they are, in their order; as the steps are claimed when nothing is said.
    """

    def __init__(self, house: House, lives: Sequence[Life], steps: Iterable[UUID] | None = None) -> None:
        self.lives: dict[UUID, Life] = {}
        self._house, self._given, self._steps = house, lives, steps
        self._database = Database(house.databases["orchestrator"].sweep, pool_size=8)
        self._thread = ThreadPoolExecutor(1)
        self._done: Future[None] | None = None

    def __enter__(self) -> "Walk":
        room = len(self._given)
        held = [step for lane in LANES for step in claims.claim(self._database, lane, room, site_room=room)]
        assert len(held) == len(self._given), f"{len(held)} steps are due, and {len(self._given)} lives are there"
        self.lives = dict(zip(self._steps or [step.id for step in held], self._given, strict=True))
        self._done = self._thread.submit(asyncio.run, self._live(held))
        for life in self._given:
            assert life.stands.wait(_PATIENCE_S)
            assert life.may_end or len(life.seen) >= life.stop, f"it ended before its point: {life.seen}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for life in self._given:
            life.killed = True
        try:
            self.wake()
        finally:
            self._thread.shutdown()
            self._database.close()

    def wake(self) -> None:
        """Let everybody go on, and wait until all have ended."""
        for life in self._given:
            life.goes_on.set()
        assert self._done is not None
        self._done.result(_PATIENCE_S)

    async def _live(self, held: Sequence[Held]) -> None:
        # those who stand before a commit stand in a thread
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(held) + 8))
        peers = AsyncPeers(self._house.peer_addresses, Issuer("orchestrator", self._house.key))
        try:
            await asyncio.gather(*[self._carry(step, self.lives[step.id], peers) for step in held])
        finally:
            await peers.close()

    async def _carry(self, step: Held, life: Life, peers: AsyncPeers) -> None:
        chance = random.Random(1)  # noqa: S311 - the same waits every time
        carrier = Carrier(_Ledger(self._database, life), _Line(peers, life), SiteBook(), chance)
        try:
            await carrier.carry(step)
        except Died:
            pass
        finally:
            life.end()
