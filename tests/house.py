"""The whole house in one process: seven real services over real databases and real gRPC, without worker or gateway.

For tests that need several services at once. A step is carried when the test says so: `house.work()`.
"""

import asyncio
import importlib
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis import secrets
from chassis.client import Remote
from chassis.config import Environment
from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.passport import Issuer, Passport, SiteClaim, generate_key
from chassis.server import Server
from chassis.service import Built
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import ALL_SCOPES
from services.orchestrator.clients import AsyncPeers, Peers
from services.orchestrator.domain.stages import LANES
from services.orchestrator.engine import claims
from services.orchestrator.engine.carry import Carrier
from services.orchestrator.passports import SiteBook
from services.orchestrator.relay import Relay

M = TypeVar("M", bound=Message)
SERVICES = ("identity", "ai", "planner", "writer", "billing", "integration", "orchestrator")  # who is called first


@dataclass(frozen=True)
class House:
    """Running services.

    Args:
        remotes: by service, minting passports as an issuer that everybody believes everything.
        addresses: by service.
        databases: by service, the URLs of its roles.
        folder: where objects, sites and runs lie.
        key: the orchestrator's private key.
    """

    remotes: dict[str, Remote]
    addresses: dict[str, str]
    databases: dict[str, ServiceUrls]
    folder: Path
    key: str

    def call(self, path: str, request: Message, answer_type: type[M], passport: Passport) -> M:
        """Call "/igny8.planner.v1.PlannerService/ListKeywords" of its service; raises the Fault that it raised."""
        service = path.split(".")[1]
        answer: M = self.remotes[service].call_path(path, request, answer_type, passport, deadline_s=10.0)
        return answer

    def relay(self) -> None:
        """Carry the facts that lie in the outboxes now."""
        urls = self.databases["orchestrator"]
        sweep, own = Database(urls.sweep, pool_size=2), Database(urls.app, pool_size=2)
        peers = Peers(self.peer_addresses, Issuer("orchestrator", self.key))
        Relay(sweep, peers, own).round()
        peers.close()
        own.close()
        sweep.close()

    def work(self, *, rounds: int = 400) -> int:
        """Carry steps of every lane until none is due, waiting out short backoffs; return how many were carried."""
        return asyncio.run(self._work(rounds))

    async def _work(self, rounds: int) -> int:
        sweep = Database(self.databases["orchestrator"].sweep, pool_size=4)
        peers = AsyncPeers(self.peer_addresses, Issuer("orchestrator", self.key))
        carrier = Carrier(sweep, peers, SiteBook(), random.Random(1))  # noqa: S311 - the same waits in every test run
        carried = 0
        try:
            for _ in range(rounds):
                held = [step for lane in LANES for step in claims.claim(sweep, lane, 8)]
                if not held and not await self._wait_for_due(sweep):
                    break
                await asyncio.gather(*[carrier.carry(step) for step in held])
                carried += len(held)
        finally:
            await peers.close()
            sweep.close()
        return carried

    async def _wait_for_due(self, sweep: Database) -> bool:
        """Wait while steps of running runs are about to become due; return whether there are any."""
        soon = sa.text(
            "SELECT EXISTS (SELECT 1 FROM step JOIN run ON run.account_id = step.account_id AND run.id = step.run_id"
            " WHERE run.status = 'running' AND step.status = 'ready' AND step.due < now() + interval '5 s')"
        )
        with sweep.untenanted() as connection:
            waiting = bool(connection.execute(soon).scalar_one())
        if waiting:
            await asyncio.sleep(0.1)
        return waiting

    @property
    def peer_addresses(self) -> dict[str, str]:
        return {name: address for name, address in self.addresses.items() if name != "orchestrator"}


@contextmanager
def open_house(databases: TemplateDatabases, folder: Path, **settings: str) -> Iterator[House]:
    """Open a house for the length of a `with` block, with fresh databases.

    Args:
        databases: where its databases are made.
        folder: where its objects, sites and runs lie.
        settings: environment variables beside the usual ones: AI_BASE_URL="http://127.0.0.1:8081/v1".
    """
    with ExitStack() as stack:
        urls = {name: stack.enter_context(databases.fresh(name)) for name in SERVICES}
        keys = {name: generate_key() for name in ("test", "orchestrator", "planner", "writer", "integration")}
        trust = {name: {"public_key": public, "scopes": sorted(ALL_SCOPES)} for name, (_, public) in keys.items()}
        common = {
            "PASSPORT_TRUST": json.dumps(trust),
            "SESSION_KEY": generate_key()[0],
            "SECRETS_KEYS": json.dumps({"test": secrets.generate_key()}),
            "OBJECTS_URL": (folder / "objects").as_uri(),
            "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing listens there: the test does the work itself
            "RUNS_DIR": str(folder / "runs"),
            "SITES_ROOT": str(folder / "sites"),
            "SITES_BASE_URL": "http://sites.test",
            "OUTBOUND_ALLOW_LOOPBACK": "true",
            **settings,
        }
        addresses: dict[str, str] = {}
        for name in SERVICES:
            built = _build(name, urls[name], {**common, "PASSPORT_KEY": keys.get(name, keys["test"])[0]}, addresses)
            server = Server("127.0.0.1:0", built.offers, built.config.verifier, threads=16)
            server.start()
            stack.callback(built.close)
            stack.callback(server.stop, 0.5)
            addresses[name] = f"127.0.0.1:{server.port}"
        issuer = Issuer("test", keys["test"][0])
        remotes = {name: Remote(name, address, issuer) for name, address in addresses.items()}
        for remote in remotes.values():
            stack.callback(remote.close)
        yield House(remotes, addresses, urls, folder, keys["orchestrator"][0])


def _build(name: str, urls: ServiceUrls, common: dict[str, str], addresses: dict[str, str]) -> Built:
    upper = name.upper()
    own = {f"{upper}_LISTEN": "127.0.0.1:0", f"{upper}_DATABASE_URL": urls.app, f"{upper}_SWEEP_URL": urls.sweep}
    others = {f"{other.upper()}_ADDRESS": address for other, address in addresses.items()}
    module = importlib.import_module(f"services.{name}.__main__")
    built: Built = module.build(Environment({**common, **own, **others}))
    return built


def at_site(passport: Passport, site: SiteClaim | None) -> Passport:
    """Return a passport for a site, or for the whole account."""
    return replace(passport, site=site)


def engine(account_id: UUID, site: SiteClaim | None = None) -> Passport:
    """Return a passport with every scope for an account and site."""
    return Passport(ALL_SCOPES, account_id, site, actor_kind="user", actor_id=str(account_id))
