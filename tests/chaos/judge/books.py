"""Credits: what was taken twice, and figures that are not what they are when they are counted anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.chaos.judge.evidence import OWNERS, Evidence, Row
from tests.chaos.judge.finding import Finding


def findings(evidence: Evidence) -> list[Finding]:
    """Return everything that was billed twice or has drifted."""
    billed = [*_twice(evidence), *_too_dear(evidence)]
    drifted = [*_fold(evidence), *_holds(evidence), *_grants(evidence), *_quotes(evidence), *_done(evidence)]
    return [*(Finding("billed_twice", what) for what in billed), *(Finding("drift", what) for what in drifted)]


# ── billed twice ────────────────────────────────────────────────────────────────────────────────────────────────────
def _twice(evidence: Evidence) -> Iterator[str]:
    deductions = [row for row in evidence["changes"] if row["kind"] == "deduction"]
    for name, rows, column in (
        ("deductions", deductions, "step_id"),
        ("deductions", deductions, "hold_id"),
        ("usages", evidence["usages"], "step_id"),
        ("usages", evidence["usages"], "hold_id"),
    ):
        for key, count in Counter(row[column] for row in rows if row[column]).items():
            for _ in range(count - 1):
                yield f"{count} {name} for one {column}: {key}"


def _too_dear(evidence: Evidence) -> Iterator[str]:
    """Steps for which more was captured than what they did costs at their holds' price; a step that did not succeed
    did nothing."""
    did = {row["id"]: row["result"]["actual_quantity"] for owner in OWNERS for row in evidence.applied[owner]
           if row["result"]}  # fmt: skip
    succeeded = {step["id"] for step in evidence["steps"] if step["status"] == "succeeded"}
    captured, dearest = Counter[Any](), defaultdict[Any, int](int)
    for hold in evidence["holds"]:
        cost = evidence.costs.get(hold["credit_cost_id"])
        if cost is not None and cost != (hold["unit_size"], hold["unit_credits"]):
            yield f"hold {hold['id']} has the price {hold['unit_credits']} and its version says {cost[1]}"
        if hold["step_id"] and hold["captured_credits"]:
            quantity = did.get(hold["step_id"], 0) if hold["step_id"] in succeeded else 0
            price = -(-quantity // hold["unit_size"]) * hold["unit_credits"]
            captured[hold["step_id"]] += hold["captured_credits"]
            dearest[hold["step_id"]] = max(dearest[hold["step_id"]], price)
    for step, credits in captured.items():
        if credits > dearest[step]:
            yield f"step {step} was billed {credits} credits, and did work for {dearest[step]}"


# ── drift ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _fold(evidence: Evidence) -> Iterator[str]:
    changes = defaultdict[Any, list[Row]](list)
    for change in sorted(evidence["changes"], key=lambda row: row["number"]):
        changes[change["account_id"]].append(change)
    for account in evidence["accounts"]:
        name, running = f"account {account['account_id']}", 0
        for number, change in enumerate(changes[account["account_id"]], start=1):
            running += change["amount"]
            if (change["number"], change["balance_after"]) != (number, running):
                yield f"{name}: transaction {change['id']} does not follow from the one before"
        yield from _differs(f"{name}: balance and transactions", account["posted"], running)
        counted = len(changes[account["account_id"]])
        yield from _differs(f"{name}: number of transactions", account["transaction_count"], counted)


def _holds(evidence: Evidence) -> Iterator[str]:
    pinned, taken = (
        _sums(evidence["pins"], "hold_id", "credits"),
        _sums(evidence["pins"], "hold_id", "captured_credits"),
    )
    deducted = _sums((c for c in evidence["changes"] if c["kind"] == "deduction"), "hold_id", "amount")
    used = _sums(evidence["usages"], "hold_id", "credits")
    for hold in evidence["holds"]:
        name = f"hold {hold['id']}"
        yield from _differs(f"{name}: credits and pins", hold["credits"], pinned[hold["id"]])
        yield from _differs(f"{name}: captured and taken of grants", hold["captured_credits"], taken[hold["id"]])
        yield from _differs(f"{name}: captured and deducted", hold["captured_credits"], -deducted[hold["id"]])
        yield from _differs(f"{name}: captured and used", hold["captured_credits"], used[hold["id"]])
    opened = _sums((hold for hold in evidence["holds"] if hold["state"] == "open"), "account_id", "credits")
    for account in evidence["accounts"]:
        name = f"account {account['account_id']}: held and open holds"
        yield from _differs(name, account["held"], opened[account["account_id"]])


def _grants(evidence: Evidence) -> Iterator[str]:
    states = {hold["id"]: hold["state"] for hold in evidence["holds"]}
    pinned = _sums((pin for pin in evidence["pins"] if states.get(pin["hold_id"]) == "open"), "grant_id", "credits")
    taken = _sums(evidence["pins"], "grant_id", "captured_credits")
    ended = _sums((c for c in evidence["changes"] if c["kind"] == "expiry"), "grant_id", "amount")
    for grant in evidence["grants"]:
        name = f"grant {grant['id']}"
        left = grant["credits"] - taken[grant["id"]] + ended[grant["id"]]
        yield from _differs(f"{name}: what remains", grant["remaining"], left)
        yield from _differs(f"{name}: held and pinned by open holds", grant["held"], pinned[grant["id"]])
    remaining, held = (_sums(evidence["grants"], "account_id", column) for column in ("remaining", "held"))
    for account in evidence["accounts"]:
        name = f"account {account['account_id']}"
        yield from _differs(f"{name}: balance and grants", account["posted"], remaining[account["account_id"]])
        yield from _differs(f"{name}: held and grants", account["held"], held[account["account_id"]])


def _quotes(evidence: Evidence) -> Iterator[str]:
    opened = _sums((hold for hold in evidence["holds"] if hold["state"] == "open"), "quote_id", "credits")
    taken = _sums(evidence["holds"], "quote_id", "captured_credits")
    for quote in evidence["quotes"]:
        name = f"quote {quote['id']}"
        yield from _differs(f"{name}: held and its open holds", quote["held_credits"], opened[quote["id"]])
        yield from _differs(f"{name}: captured and its holds", quote["captured_credits"], taken[quote["id"]])
        if quote["captured_credits"] + quote["held_credits"] > quote["limit_credits"]:
            yield f"{name}: more than its limit was used"


def _done(evidence: Evidence) -> Iterator[str]:
    """Captures against what the orchestrator says: its steps, stages and runs."""
    of_step = _sums(evidence["holds"], "step_id", "captured_credits")
    of_run = _sums(evidence["holds"], "run_id", "captured_credits")
    in_steps, in_stages = _sums(evidence["steps"], "run_id", "credits"), _sums(evidence["stages"], "run_id", "credits")
    for step in evidence["steps"]:
        name = f"step {step['id']} ({step['function']}): credits and captures"
        yield from _differs(name, step["credits"], of_step[step["id"]])
    for run in evidence["runs"]:
        name = f"run {run['id']}: captured and"
        yield from _differs(f"{name} captures", run["captured_credits"], of_run[run["id"]])
        yield from _differs(f"{name} steps", run["captured_credits"], in_steps[run["id"]])
        yield from _differs(f"{name} stages", run["captured_credits"], in_stages[run["id"]])
    strangers = set(of_step) - {step["id"] for step in evidence["steps"]} - {None}
    for step in strangers:
        yield from _differs(f"step {step}, which nobody knows: captures", 0, of_step[step])


def _sums(rows: Iterable[Row], key: str, column: str) -> Mapping[Any, int]:
    sums = Counter[Any]()
    for row in rows:
        sums[row[key]] += row[column]
    return sums


def _differs(what: str, booked: int, counted: int) -> Iterator[str]:
    if booked != counted:
        yield f"{what}: {booked} and {counted}"
