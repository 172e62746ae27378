"""Whether the gateway lives, and whether it can do its work."""

import asyncio

from starlette.responses import Response

from chassis.clock import Clock
from gateway.cache import TimedCache
from gateway.exchange import Exchange
from gateway.methods import json_response
from gateway.remotes import Remotes

_KEPT_S = 1.0  # however often readiness is asked for, the services are asked once a second


async def alive(exchange: Exchange) -> Response:  # noqa: ARG001 - an endpoint
    """Say that this process answers."""
    return json_response({"status": "ok"})


class Readiness:
    """Says whether every service says that it serves: 200 or 503, and which."""

    def __init__(self, remotes: Remotes, clock: Clock) -> None:
        self._remotes = remotes
        self._states: TimedCache[str, dict[str, bool]] = TimedCache(clock, lifetime_s=_KEPT_S)

    async def __call__(self, exchange: Exchange) -> Response:  # noqa: ARG002 - an endpoint
        """Return the state of every service."""
        states = await self._states.get("all", self._ask)
        ready = all(states.values())
        services = {name: "ok" if serving else "unavailable" for name, serving in states.items()}
        document = {"status": "ok" if ready else "unavailable", "services": services}
        return json_response(document, 200 if ready else 503)

    async def _ask(self) -> dict[str, bool]:
        names = self._remotes.names
        return dict(zip(names, await asyncio.gather(*map(self._remotes.is_serving, names)), strict=True))
