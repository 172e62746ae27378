"""The engine's passports: minted for a run's account and site after identity has said that both are active."""

import asyncio
import threading
import time
from uuid import UUID

from chassis.passport import Passport, SiteClaim
from services.orchestrator import clients
from services.orchestrator.clients import AsyncPeers, Peers, ResolvedSite

KEPT_S = 60.0
EDGE = Passport(frozenset({"edge"}))
_SIZE_MAX = 10_000


def of_run(account_id: UUID, site: SiteClaim | None, run_id: UUID | None = None) -> Passport:
    """Return what a run may do: the engine's calls and reading, for its account and site."""
    scopes = frozenset({"engine", "read"})
    return Passport(scopes, account_id, site, actor_kind="run", actor_id=str(run_id or ""))


class SiteBook:
    """Which sites are active, as identity said within the last minute."""

    def __init__(self) -> None:
        self._known: dict[tuple[UUID, UUID | None], tuple[float, ResolvedSite]] = {}
        self._asked: dict[tuple[UUID, UUID | None], asyncio.Task[ResolvedSite]] = {}  # by one event loop
        self._lock = threading.Lock()

    def ask(self, peers: Peers, account_id: UUID, site_id: UUID | None) -> SiteClaim | None:
        """Return a site's claims, from a thread.

        Raises:
            Fault: the account or site is not active, or identity cannot be reached.
        """
        known = self._look(account_id, site_id)
        if known is not None:
            return known.claim
        return self._keep(account_id, site_id, peers.send(clients.resolve_site(account_id, site_id), EDGE)).claim

    async def ask_async(
        self, peers: AsyncPeers, account_id: UUID, site_id: UUID | None, *, even_inactive: bool = False
    ) -> SiteClaim | None:
        """Return a site's claims, from an event loop; raises as `ask`.

        With `even_inactive`, those of a site that is not active any more, too, while identity has it.
        """
        known = self._look(account_id, site_id)
        if known is not None:
            return known.claim
        if even_inactive:
            return (await peers.send(clients.resolve_site(account_id, site_id, even_inactive=True), EDGE)).claim
        key = (account_id, site_id)
        asked = self._asked.get(key)
        if asked is None:  # hundreds of a site's steps begin at once, and one of them asks for all
            asked = self._asked[key] = asyncio.create_task(peers.send(clients.resolve_site(account_id, site_id), EDGE))
            asked.add_done_callback(lambda _: self._asked.pop(key))
        return self._keep(account_id, site_id, await asyncio.shield(asked)).claim

    def _look(self, account_id: UUID, site_id: UUID | None) -> ResolvedSite | None:
        with self._lock:
            known = self._known.get((account_id, site_id))
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def _keep(self, account_id: UUID, site_id: UUID | None, site: ResolvedSite) -> ResolvedSite:
        with self._lock:
            if len(self._known) > _SIZE_MAX:
                self._known.clear()
            self._known[(account_id, site_id)] = (time.monotonic() + KEPT_S, site)
        return site
