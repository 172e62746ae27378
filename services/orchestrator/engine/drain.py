"""Draining a lane: an event loop that claims steps and carries many at once, for at most a minute.

A model may take minutes, and a handful of drains of one lane are all the children that a worker has: so every drain
also carries steps of lanes whose bell nobody answers. A lane says how many of its steps a drain carries, not which.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf

from chassis.database import DATABASE_ERRORS, Database
from services.orchestrator.bells import Bells
from services.orchestrator.domain.stages import FUNCTIONS, LANES, LEASE_S, RENEWALS, ROOM, SITE_ROOM
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.engine.claims import Held

log = logging.getLogger(__name__)
LONGEST_S = 60.0
NEGLECTED_S = 1.0  # a step that could have been claimed for so long has no drain of its own lane
RING_S = 0.2  # what is done in this time rings the next lanes once
IDLE_S = 0.3  # an empty lane is looked at again for so long, since a stage's end fills the next lane at once
AHEAD = 1.5  # of a lane's room: to be prepared and ended while the models of others think
ASKING = {function.lane for function in FUNCTIONS.values() if function.model}  # lanes whose steps wait for turns

Carried = dict[asyncio.Task[None], Held]


@dataclass
class Drain:
    """Drains one lane.

    Args:
        database: under the sweep role.
        carrier: carries what is claimed.
        bells: rung for the lanes that got work meanwhile.
        lane: which lane.
        stopping: whether the worker is to end: what is under way is carried on, who waits for a model is handed on, and
            nothing else is claimed.
        room: how many steps of each lane are carried at once; `AHEAD` times as many of the own lane, where it asks
            models, when it has been full for a while, which says that no other drain has room for them either.
        site_room: how many of one site all workers together carry at once in each lane.
        looked: when neglected lanes were last looked for, by the monotonic clock.
        rung: when other lanes were last rung, by the monotonic clock.
        full_since: when the lane's room was taken and has been at every look since, by the monotonic clock.
        unrung: whether steps have ended since, which may have filled other lanes.
        lease_s: seconds that a step is claimed for at a time.
    """

    database: Database
    carrier: Carrier
    bells: Bells
    lane: str
    stopping: Callable[[], bool] = lambda: False
    room: Mapping[str, int] = field(default_factory=lambda: ROOM)
    site_room: Mapping[str, int] = field(default_factory=lambda: SITE_ROOM)
    looked: float = 0.0
    rung: float = 0.0
    full_since: float = inf
    unrung: bool = False
    lease_s: float = LEASE_S

    async def run(self) -> None:
        """Carry steps until the lane has been empty for a while or the minute is over; then ring if work is left."""
        await asyncio.to_thread(self.bells.answer, self.lane)
        until, idle_since = time.monotonic() + LONGEST_S, time.monotonic()
        carried: Carried = {}
        renewal = asyncio.create_task(self._renew(carried))
        try:
            while carried or (time.monotonic() < until and not self.stopping()):
                for held in await self._claim(carried, own=time.monotonic() < until):
                    carried[asyncio.create_task(self._carry(held))] = held
                if carried:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since > IDLE_S:
                    break
                await self._wait(carried)
        finally:
            renewal.cancel()
        await self._ring_others()

    async def _claim(self, carried: Carried, *, own: bool) -> list[Held]:
        """Claim what there is room for: of the own lane, and while that is at work, of lanes that nobody looks at."""
        if self.stopping():
            self.carrier.hand_on(len(carried))
            return []
        lanes = [self.lane] if own else []
        try:
            if any(held.lane == self.lane for held in carried.values()):
                lanes += await self._neglected()
            return [held for lane in lanes for held in await self._claim_lane(lane, carried)]
        except DATABASE_ERRORS as error:  # the steps under way go on; their calls were paid for
            log.warning("no steps of lane %s can be claimed: %s", self.lane, error)
            return []

    async def _claim_lane(self, lane: str, carried: Carried) -> list[Held]:
        count, now = sum(held.lane == lane for held in carried.values()), time.monotonic()
        ahead = lane == self.lane and lane in ASKING and now - self.full_since > NEGLECTED_S
        room = ceil(self.room[lane] * (AHEAD if ahead else 1)) - count
        if room <= 0:
            return []
        most = self.site_room[lane]
        held = await asyncio.to_thread(claims.claim, self.database, lane, room, lease_s=self.lease_s, site_room=most)
        if lane == self.lane:
            self.full_since = min(self.full_since, now) if count + len(held) >= self.room[lane] else inf
        return held

    async def _neglected(self) -> list[str]:
        if time.monotonic() - self.looked < NEGLECTED_S:
            return []
        self.looked = time.monotonic()
        others = [lane for lane in LANES if lane != self.lane]
        return await self._due(others, late_s=NEGLECTED_S)

    async def _due(self, lanes: Sequence[str], *, late_s: float = 0.0) -> list[str]:
        return await asyncio.to_thread(claims.due_lanes, self.database, lanes, late_s=late_s, site_room=self.site_room)

    async def _wait(self, carried: Carried) -> None:
        if not carried:
            await asyncio.sleep(0.05)
            return
        done, _ = await asyncio.wait(carried, timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            carried.pop(task)
        self.unrung = self.unrung or bool(done)
        if self.unrung and time.monotonic() - self.rung > RING_S:
            self.unrung, self.rung = False, time.monotonic()
            await self._ring_others()

    async def _carry(self, held: Held) -> None:
        try:
            await self.carrier.carry(held)
        except DATABASE_ERRORS as error:
            log.warning("step %s waits for its lease to end: %s", held.id, error)
        except Exception:  # the loop carries other steps too; this one is taken up again when its lease ends
            log.exception("step %s (%s) could not be carried", held.id, held.function)

    async def _renew(self, carried: Carried) -> None:
        while True:
            await asyncio.sleep(self.lease_s / RENEWALS)
            try:
                await asyncio.to_thread(claims.renew, self.database, list(carried.values()), lease_s=self.lease_s)
            except DATABASE_ERRORS as error:
                log.warning("leases could not be renewed: %s", error)

    async def _ring_others(self) -> None:
        others = [lane for lane in LANES if lane != self.lane]
        try:
            for lane in await self._due(others):
                if not await asyncio.to_thread(self.bells.ring, lane):
                    return  # neither can the others be rung; the sweeper will
        except DATABASE_ERRORS as error:
            log.warning("nobody was rung: %s", error)


def jitter() -> random.Random:
    """Return the chance that waits are drawn from."""
    return random.Random()  # noqa: S311 - spreads retries; nothing is secret
