"""Draining a lane: an event loop that claims steps and carries many at once, for at most a minute."""

import asyncio
import logging
import random
import time
from dataclasses import dataclass

import sqlalchemy as sa

from chassis.database import Database
from services.orchestrator.bells import Bells
from services.orchestrator.domain import LANES, RENEW_S
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.engine.claims import Held

log = logging.getLogger(__name__)
AT_ONCE = {"local": 8, "text": 32, "image": 16, "publish": 4, "sync": 4, "maintenance": 2}
LONGEST_S = 60.0
IDLE_S = 0.3  # an empty lane is looked at again for so long, since a stage's end fills the next lane at once


@dataclass
class Drain:
    """Drains one lane.

    Args:
        database: under the sweep role.
        carrier: carries what is claimed.
        bells: rung for the lanes that got work meanwhile.
        lane: which lane.
    """

    database: Database
    carrier: Carrier
    bells: Bells
    lane: str

    async def run(self) -> None:
        """Carry steps until the lane has been empty for a while or the minute is over; then ring if work is left."""
        await asyncio.to_thread(self.bells.answer, self.lane)
        until, idle_since = time.monotonic() + LONGEST_S, time.monotonic()
        carried: dict[asyncio.Task[None], Held] = {}
        renewal = asyncio.create_task(self._renew(carried))
        try:
            while time.monotonic() < until or carried:
                room = AT_ONCE[self.lane] - len(carried) if time.monotonic() < until else 0
                for held in await asyncio.to_thread(claims.claim, self.database, self.lane, room) if room else ():
                    carried[asyncio.create_task(self._carry(held))] = held
                if not carried and time.monotonic() - idle_since > IDLE_S:
                    break
                if carried:
                    idle_since = time.monotonic()
                await self._wait(carried)
        finally:
            renewal.cancel()
        await self._ring_others()

    async def _wait(self, carried: dict[asyncio.Task[None], Held]) -> None:
        if not carried:
            await asyncio.sleep(0.05)
            return
        done, _ = await asyncio.wait(carried, timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            carried.pop(task)
        if done:
            await self._ring_others()

    async def _carry(self, held: Held) -> None:
        try:
            await self.carrier.carry(held)
        except sa.exc.SQLAlchemyError as error:
            log.warning("step %s waits for its lease to end: %s", held.id, error)
        except Exception:  # the loop carries other steps too; this one is taken up again when its lease ends
            log.exception("step %s (%s) could not be carried", held.id, held.function)

    async def _renew(self, carried: dict[asyncio.Task[None], Held]) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await asyncio.to_thread(claims.renew, self.database, list(carried.values()))
            except sa.exc.SQLAlchemyError as error:
                log.warning("leases could not be renewed: %s", error)

    async def _ring_others(self) -> None:
        for lane in LANES:
            if lane != self.lane and await asyncio.to_thread(claims.has_due, self.database, lane):
                await asyncio.to_thread(self.bells.ring, lane)


def jitter() -> random.Random:
    """Return the chance that waits are drawn from."""
    return random.Random()  # noqa: S311 - spreads retries; nothing is secret
