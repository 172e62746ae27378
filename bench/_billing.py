"""Billing as it runs in production, for benchmarks: a PostgreSQL that waits for its disk, a server process, callers.

The accounts have a history and the planner knows of it, as it does after a minute of anybody's use.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from google.protobuf.message import Message
from igny8.billing.v1 import billing_pb2, billing_service_pb2

from chassis import migrate
from chassis.aio import AsyncRemote
from chassis.embedded.roles import ServiceUrls
from chassis.passport import Issuer, Passport, generate_key
from chassis.testing.postgres import TemplateDatabases, postgres_server
from chassis.testing.processes import Wanted, free_address, serving_processes
from tests.integration.billing.crowd import PLENTY, Somebody, crowd

HOLDS = 5  # of each account's history
DEADLINE_S = 10.0


class Account(NamedTuple):
    """Somebody whose credits are used: who calls for him, on which quote of which run."""

    passport: Passport
    quote_id: UUID
    run_id: UUID


@dataclass(frozen=True)
class Installation:
    """A database of billing with accounts in it."""

    urls: ServiceUrls = field(repr=False)
    accounts: list[Account]


@contextmanager
def installation(accounts: int) -> Iterator[Installation]:
    """A database with so many accounts, for the length of a `with` block."""
    with postgres_server(durable=True) as server, TemplateDatabases(server, _migrate).fresh("billing") as urls:
        made = crowd(server.admin_url, urls.owner, accounts=accounts, holds=HOLDS)
        yield Installation(urls, [Account(_passport(each), each.quote_id, each.run_id) for each in made])


def _migrate(service: str, owner_url: str) -> None:
    migrate.upgrade(f"services.{service}", owner_url, app_role=f"{service}_app", sweep_role=f"{service}_sweep")


def _passport(whose: Somebody) -> Passport:
    return Passport(frozenset({"engine"}), whose.account_id, whose.site)


@contextmanager
def server(made: Installation, ledger: str) -> Iterator["Callers"]:
    """Billing's server in a process of its own, for the length of a `with` block.

    Args:
        made: what it stores in.
        ledger: how it does what concerns holds: one of `bench._billing_server.LEDGERS`.
    """
    private, public = generate_key()
    address = free_address()
    environment = {
        "BILLING_LISTEN": address,
        "BILLING_DATABASE_URL": made.urls.app,
        "BILLING_SWEEP_URL": made.urls.sweep,
        "PASSPORT_TRUST": json.dumps({"orchestrator": {"public_key": public, "scopes": ["engine"]}}),
        "BENCH_LEDGER": ledger,
    }
    wanted = Wanted("bench._billing_server", address, environment)
    with serving_processes([wanted]) as failures:
        assert not failures, failures
        yield Callers(address, Issuer("orchestrator", private))


class Load(NamedTuple):
    """What callers got done."""

    calls: int
    seconds: float
    latencies_s: list[float]

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def percentile(self, hundredth: int) -> float:
        """Return the latency in seconds that so many of a hundred calls did not exceed."""
        return statistics.quantiles(self.latencies_s, n=100, method="inclusive")[hundredth - 1]


Act = Callable[[AsyncRemote, int], Awaitable[list[float]]]
"""What a caller does in his n-th turn; returns how long each of its calls took, in seconds."""


@dataclass(frozen=True)
class Callers:
    """Those who call a server, as the orchestrator does: asyncio, a long-lived channel, passports of their own."""

    address: str
    issuer: Issuer = field(repr=False)

    def run(self, act: Act, *, callers: int, seconds: float = PLENTY, turns: int = PLENTY) -> Load:
        """Have so many callers act again and again, for a while or for so many turns in all.

        Args:
            act: called with turns that count up over all callers.
            callers: at once.
            seconds: after which nobody begins another turn.
            turns: after which there is none.
        """
        return asyncio.run(self._run(act, callers, seconds, iter(range(turns))))

    async def _run(self, act: Act, callers: int, seconds: float, turns: Iterator[int]) -> Load:
        remote = AsyncRemote("billing", self.address, self.issuer)
        await remote.channel.channel_ready()
        latencies = list[float]()
        began = time.perf_counter()

        async def call() -> None:
            while time.perf_counter() - began < seconds and (turn := next(turns, None)) is not None:
                latencies.extend(await act(remote, turn))

        await asyncio.gather(*(call() for _ in range(callers)))
        took = time.perf_counter() - began
        await remote.close()
        return Load(len(latencies), took, latencies)


async def timed(*calls: Callable[[], Awaitable[object]]) -> list[float]:
    """Make calls one after the other; return the seconds that each took."""
    times = [time.perf_counter()]
    for call in calls:
        await call()
        times.append(time.perf_counter())
    return [after - before for before, after in pairwise(times)]


async def charge(remote: AsyncRemote, account: Account, key: str) -> list[float]:
    """Reserve and capture a credit; return the seconds that each call took."""
    reserve = billing_service_pb2.ReserveRequest(
        key=key, quote_id=str(account.quote_id), run_id=str(account.run_id), operation="image_prompt", quantity=1
    )
    capture = billing_service_pb2.CaptureRequest(key=key, quantity=1, object_kind="task")

    async def call(method: str, request: Message, captured: int) -> None:
        path = f"/igny8.billing.v1.BillingService/{method}"
        hold = await remote.call(path, request, billing_pb2.Hold, account.passport, deadline_s=DEADLINE_S)
        assert (hold.credits, hold.captured_credits) == (1, captured)

    return await timed(lambda: call("Reserve", reserve, 0), lambda: call("Capture", capture, 1))
