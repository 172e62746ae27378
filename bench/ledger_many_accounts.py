"""What a charge costs beside a call that does nothing: charges over many accounts against empty calls.

`python -m bench.ledger_many_accounts`: calls a second on both sides, and a charge is two of them, a Reserve and its
Capture. Both go through the same channel to the same server process, past the same interceptor, with the passports of
the same accounts in the same order; they take turns. The empty call returns an empty message. Charges are made as a
worker makes them, those of one turn of its loop together in one call (`chassis.aio`); empty calls each alone, which the
goal is about, and together too.
"""

import statistics
from contextlib import ExitStack
from itertools import count

from igny8.billing.v1 import billing_pb2, billing_service_pb2
from igny8.common.v1 import functions_service_pb2

from bench import _billing
from bench._billing import Account, Callers, Load
from chassis.aio import SOON_S, AsyncRemote

ACCOUNTS = 10_000
CALLERS = 32
ROUNDS = 7
SECONDS = 4.0
GOAL = 0.5
_ALONE_S = SOON_S + 1  # a call that may take so long travels alone
_NOTHING = "/igny8.common.v1.FunctionsService/AbandonWork"
_GET_QUOTE = "/igny8.billing.v1.BillingService/GetQuote"


def main() -> None:
    """Print the ratio."""
    with ExitStack() as stack:
        made = stack.enter_context(_billing.installation(ACCOUNTS))
        callers = stack.enter_context(_billing.server(made, "batched"))
        bench = _Bench(callers, made.accounts)
        bench.look_at_all()
        charged, alone, together = [], [], []
        for _ in range(ROUNDS):
            alone.append(bench.do_nothing(_ALONE_S))
            charged.append(bench.charge())
            together.append(bench.do_nothing(_billing.DEADLINE_S))
        _report(charged, alone, f"empty calls, goal {GOAL}")
        _report(charged, together, "empty calls that travel together too")
        calls = Load(0, 0, [latency for load in charged for latency in load.latencies_s])
        print(f"p50 {calls.percentile(50) * 1e3:.0f} ms, p99 {calls.percentile(99) * 1e3:.0f} ms a call of a charge")


def _report(charged: list[Load], empty: list[Load], what: str) -> None:
    ratio = statistics.median(a.rate / b.rate for a, b in zip(charged, empty, strict=True))
    rates = [statistics.median(load.rate for load in loads) for loads in (charged, empty)]
    print(
        f"{ratio:5.2f} x: calls of charges over {ACCOUNTS:,} accounts at {CALLERS} callers through gRPC against"
        f" {what} ({rates[0]:.0f}/s against {rates[1]:.0f}/s)"
    )


class _Bench:
    """Callers who go round the accounts; each account's two calls follow one another on both sides."""

    def __init__(self, callers: Callers, accounts: list[Account]) -> None:
        self._callers = callers
        self._accounts = accounts
        self._turn = count()

    def look_at_all(self) -> None:
        """Read a quote of each account, so that the server has met it: what it writes once for each is not measured."""

        async def act(remote: AsyncRemote, turn: int) -> list[float]:
            account = self._accounts[turn]
            request = billing_service_pb2.GetQuoteRequest(quote_id=str(account.quote_id))
            await remote.call(_GET_QUOTE, request, billing_pb2.Quote, account.passport, deadline_s=_billing.DEADLINE_S)
            return []

        self._callers.run(act, callers=CALLERS, turns=len(self._accounts))

    def charge(self) -> Load:
        """Charge one account after the other."""

        async def act(remote: AsyncRemote, _: int) -> list[float]:
            turn = next(self._turn)
            return await _billing.charge(remote, self._accounts[turn % len(self._accounts)], f"step {turn}")

        return self._callers.run(act, callers=CALLERS, seconds=SECONDS)

    def do_nothing(self, deadline_s: float) -> Load:
        """Make two empty calls for one account after the other."""

        async def act(remote: AsyncRemote, _: int) -> list[float]:
            account = self._accounts[next(self._turn) % len(self._accounts)]

            async def call() -> None:
                request, answer = functions_service_pb2.AbandonWorkRequest(), functions_service_pb2.AbandonWorkResponse
                await remote.call(_NOTHING, request, answer, account.passport, deadline_s=deadline_s)

            return await _billing.timed(call, call)

        return self._callers.run(act, callers=CALLERS, seconds=SECONDS)


if __name__ == "__main__":
    main()
