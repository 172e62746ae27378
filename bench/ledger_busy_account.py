"""What the batcher gains where many charge one account at once: a charge is a Reserve and its Capture.

`python -m bench.ledger_busy_account`: through gRPC and at the function, each against the same without the batcher, that
is with a transaction for every operation as all other use cases have them; and against the batcher's own statement
without its queue. They take turns on one PostgreSQL that waits for its disk.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count

from bench import _billing
from bench._billing import Account, Callers, Installation, Load
from bench._billing_server import LEDGERS
from chassis.aio import AsyncRemote
from chassis.database import Database
from chassis.ids import new_id
from chassis.tenancy import Tenant
from services.billing import repository
from services.billing.batching import Ledger
from services.billing.domain import Reservation, Use

ACCOUNTS = 10_000
CALLERS = 32
ROUNDS = 7
SECONDS = 3.0
GOALS = {"through gRPC": 2.0, "at the function": 10.0}


def main() -> None:
    """Print the ratios and how long a call takes."""
    with ExitStack() as stack:
        made = stack.enter_context(_billing.installation(ACCOUNTS))
        accounts = dict(zip(LEDGERS, made.accounts, strict=False))
        servers = {name: stack.enter_context(_billing.server(made, name)) for name in LEDGERS}
        loads = _take_turns({name: _through_grpc(servers[name], accounts[name]) for name in LEDGERS})
        _report("through gRPC", loads)
        calls = Load(0, 0, [latency for load in loads["batched"] for latency in load.latencies_s])
        print(f"p50 {calls.percentile(50) * 1e3:.0f} ms, p99 {calls.percentile(99) * 1e3:.0f} ms (goal 50) a call")
        database = Database(made.urls.app, pool_size=CALLERS)  # nobody waits for anything but the account
        stack.callback(database.close)
        _report(
            "at the function",
            _take_turns({name: _at_function(ledger(database), accounts[name]) for name, ledger in LEDGERS.items()}),
        )
        _check(made, list(accounts.values()))


def _take_turns(acts: dict[str, Callable[[], Load]]) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {name: [] for name in acts}
    for act in acts.values():
        act()  # connections are open, statements prepared
    for _ in range(ROUNDS):
        for name, act in acts.items():
            loads[name].append(act())
    return loads


def _through_grpc(callers: Callers, account: Account) -> Callable[[], Load]:
    keys = count()

    async def act(remote: AsyncRemote, _: int) -> list[float]:
        return await _billing.charge(remote, account, f"step {next(keys)}")

    return lambda: callers.run(act, callers=CALLERS, seconds=SECONDS)


def _at_function(ledger: Ledger, account: Account) -> Callable[[], Load]:
    tenant = Tenant.of(account.passport)

    def charge() -> None:
        key, now = str(new_id()), datetime.now(UTC)
        wanted = Reservation(key, account.quote_id, "image_prompt", 1, account.run_id, None)
        assert repository.reserve(ledger.turn(tenant), wanted, now).code == "ok"
        assert repository.capture(ledger.turn(tenant), key, Use(1, "task"), now).code == "ok"

    def call(began: float) -> int:
        charges = 0
        while time.perf_counter() - began < SECONDS:
            charge()
            charges += 1
        return charges

    def act() -> Load:
        began = time.perf_counter()
        with ThreadPoolExecutor(CALLERS) as threads:
            charges = sum(threads.map(call, [began] * CALLERS))
        return Load(2 * charges, time.perf_counter() - began, [])

    return act


def _report(where: str, loads: dict[str, list[Load]]) -> None:
    rates = {name: statistics.median(load.rate for load in turns) / 2 for name, turns in loads.items()}
    for name in ("without batcher", "without queue"):
        ratios = [a.rate / b.rate for a, b in zip(loads["batched"], loads[name], strict=True)]
        goal = f", goal {GOALS[where]:.0f}" if name == "without batcher" else ""
        print(
            f"{statistics.median(ratios):5.1f} x: charges on one account at {CALLERS} callers {where}, batched against"
            f" {name}{goal} ({rates['batched']:.0f}/s against {rates[name]:.0f}/s)",
            flush=True,
        )


def _check(made: Installation, accounts: list[Account]) -> None:
    """Check that the books are right after all that."""
    database = Database(made.urls.app)
    for account in accounts:
        with database.transaction(Tenant.of(account.passport)) as transaction:
            assert not [row for row in repository.check(transaction) if row.booked != row.counted]
    database.close()


if __name__ == "__main__":
    main()
