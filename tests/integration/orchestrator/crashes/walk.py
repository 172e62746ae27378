"""Workers of a house, each stopped at another point of a step."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from uuid import UUID

from chassis.database import Database
from chassis.passport import Issuer
from services.orchestrator.clients import AsyncPeers
from services.orchestrator.domain.stages import LANES
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.engine.claims import Held
from services.orchestrator.passports import SiteBook
from tests.house import House
from tests.integration.orchestrator.crashes.calls import AsyncCalls
from tests.lives import PATIENCE_S, Commits, Died, Life


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
            assert life.stands.wait(PATIENCE_S)
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
        self._done.result(PATIENCE_S)

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
        carrier = Carrier(Commits(self._database, life), AsyncCalls(peers, life), SiteBook(), chance)
        try:
            await carrier.carry(step)
        except Died:
            pass
        finally:
            life.end()
