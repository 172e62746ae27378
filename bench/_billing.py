"""Billing as it runs in production, for benchmarks: a PostgreSQL that waits for its disk, a server process, callers.

The accounts have a history and the planner knows of it, as it does after a minute of anybody's use.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

import psycopg
from igny8.billing.v1 import billing_pb2, billing_service_pb2

from chassis import migrate
from chassis.aio import AsyncRemote
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import ServiceUrls
from chassis.passport import Issuer, Passport, SiteClaim, generate_key
from chassis.testing.postgres import TemplateDatabases, postgres_server
from chassis.testing.processes import Wanted, free_address, serving_processes

PLENTY = 10**9
HOLDS = 5  # of each account's history
DEADLINE_S = 10.0
_SERVICE = "/igny8.billing.v1.BillingService"

# The history of every account, consistent in itself: a grant, an accepted quote, and holds of one credit each that
# were captured.
_SEED = """
CREATE TEMP TABLE made AS
    SELECT gen_random_uuid() AS account, gen_random_uuid() AS site, gen_random_uuid() AS industry,
        gen_random_uuid() AS granted, gen_random_uuid() AS quote, gen_random_uuid() AS run
    FROM generate_series(1, %(accounts)s);
CREATE TEMP TABLE used AS
    SELECT m.*, n, gen_random_uuid() AS hold, gen_random_uuid() AS change
    FROM made m, generate_series(1, %(holds)s) AS n;
INSERT INTO account_ref SELECT account FROM made;
INSERT INTO site_ref SELECT account, site, industry FROM made;
INSERT INTO credit_account (account_id, posted, transaction_count)
    SELECT account, %(plenty)s - %(holds)s, %(holds)s + 1 FROM made;
INSERT INTO credit_grant (account_id, id, key, kind, priority, credits, remaining, effective_time, post_time)
    SELECT account, granted, 'seed', 'bonus', 100, %(plenty)s, %(plenty)s - %(holds)s, now(), now() FROM made;
INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after, grant_id)
    SELECT account, gen_random_uuid(), 1, 'purchase', %(plenty)s, %(plenty)s, granted FROM made;
INSERT INTO quote (account_id, site_id, id, key, request, expected_credits, limit_credits, captured_credits, run_id,
        accept_time, expire_time)
    SELECT account, site, quote, 'seed', '{}', %(plenty)s, %(plenty)s, %(holds)s, run, now(), now() + interval '1 day'
    FROM made;
INSERT INTO hold (account_id, site_id, id, key, state, quote_id, run_id, operation, quantity, unit_credits, credits,
        captured_credits, captured_quantity, close_time)
    SELECT account, site, hold, 'seed ' || n, 'captured', quote, run, 'image_prompt', 1, 1, 1, 1, 1, now() FROM used;
INSERT INTO hold_grant SELECT account, hold, granted, 1, 1, 1 FROM used;
INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after, site_id, run_id, hold_id)
    SELECT account, change, 1 + n, 'deduction', -1, %(plenty)s - n, site, run, hold FROM used;
INSERT INTO credit_usage (account_id, site_id, id, hold_id, key, operation, quantity, credits, run_id, transaction_id)
    SELECT account, site, gen_random_uuid(), hold, 'seed ' || n, 'image_prompt', 1, 1, run, change FROM used;
"""


class Account(NamedTuple):
    """Somebody whose credits are used: who calls for him, on which quote of which run."""

    passport: Passport
    quote_id: UUID
    run_id: UUID


@dataclass(frozen=True)
class Installation:
    """A database of billing with accounts in it."""

    urls: ServiceUrls = field(repr=False)
    accounts: Sequence[Account]


@contextmanager
def installation(accounts: int) -> Iterator[Installation]:
    """A database with so many accounts, for the length of a `with` block."""
    with postgres_server(durable=True) as server, TemplateDatabases(server, _migrate).fresh("billing") as urls:
        yield Installation(urls, _seed(server, urls, accounts))


def _migrate(service: str, owner_url: str) -> None:
    migrate.upgrade(f"services.{service}", owner_url, app_role=f"{service}_app", sweep_role=f"{service}_sweep")


def _seed(server: EmbeddedPostgres, urls: ServiceUrls, accounts: int) -> list[Account]:
    name = psycopg.conninfo.conninfo_to_dict(urls.owner.replace("+psycopg", ""))["dbname"]
    with psycopg.connect(server.admin_url, dbname=name, autocommit=True) as admin:  # no policy holds the superuser
        with admin.cursor() as cursor:
            values = {"accounts": accounts, "holds": HOLDS, "plenty": PLENTY}
            for statement in _SEED.split(";\n"):
                cursor.execute(statement, values if "%(" in statement else None)
        admin.execute("VACUUM ANALYZE")
        rows = admin.execute("SELECT account, site, industry, quote, run FROM made").fetchall()
    return [
        Account(Passport(frozenset({"engine"}), account, SiteClaim(site, industry)), quote, run)
        for account, site, industry, quote, run in rows
    ]


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

    def run(self, act: Act, *, callers: int, seconds: float) -> Load:
        """Have so many callers act again and again for a while.

        Args:
            act: called with turns that count up over all callers.
            callers: at once.
            seconds: after which nobody begins another turn.
        """
        return asyncio.run(self._run(act, callers, seconds))

    async def _run(self, act: Act, callers: int, seconds: float) -> Load:
        remote = AsyncRemote("billing", self.address, self.issuer)
        await act(remote, 0)  # the channel is open
        turns, latencies = iter(range(1, PLENTY)), list[float]()
        began = time.perf_counter()

        async def call() -> None:
            while time.perf_counter() - began < seconds:
                latencies.extend(await act(remote, next(turns)))

        await asyncio.gather(*(call() for _ in range(callers)))
        took = time.perf_counter() - began
        await remote.close()
        return Load(len(latencies), took, latencies)


async def charge(remote: AsyncRemote, account: Account, key: str) -> list[float]:
    """Reserve and capture a credit; return the seconds that each call took."""
    reserve = billing_service_pb2.ReserveRequest(
        key=key, quote_id=str(account.quote_id), run_id=str(account.run_id), operation="image_prompt", quantity=1
    )
    capture = billing_service_pb2.CaptureRequest(key=key, quantity=1, object_kind="task")
    times = [time.perf_counter()]
    for method, request in (("Reserve", reserve), ("Capture", capture)):
        hold = await remote.call(
            f"{_SERVICE}/{method}", request, billing_pb2.Hold, account.passport, deadline_s=DEADLINE_S
        )
        times.append(time.perf_counter())
        assert (hold.credits, hold.captured_credits) == (1, method == "Capture")
    return [after - before for before, after in pairwise(times)]
