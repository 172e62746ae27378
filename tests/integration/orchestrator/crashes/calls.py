"""The calls of an orchestrator's worker or replica, which stop when its life is over."""

import asyncio
from typing import Any

from chassis.passport import Passport
from services.orchestrator.clients import AsyncPeers, Call, Peers
from tests.lives import Died, Life


class AsyncCalls(AsyncPeers):
    """The calls of one life, from an event loop."""

    def __init__(self, peers: AsyncPeers, life: Life) -> None:
        self._peers, self._life = peers, life

    async def send(self, call: Call[Any], passport: Passport) -> Any:
        if self._life.over and self._life.twice:
            both = [self._peers.send(call, passport) for _ in range(2)]
            await asyncio.gather(*both, return_exceptions=True)
            raise Died
        await asyncio.to_thread(self._life.do, _method(call))
        return await self._peers.send(call, passport)


class Calls(Peers):
    """The calls of one life, from a thread."""

    def __init__(self, peers: Peers, life: Life) -> None:
        self._peers, self._life = peers, life

    def send(self, call: Call[Any], passport: Passport, *, repeatable: bool = True) -> Any:
        self._life.do(_method(call))
        return self._peers.send(call, passport, repeatable=repeatable)


def _method(call: Call[Any]) -> str:
    return call.path.rpartition("/")[2]
