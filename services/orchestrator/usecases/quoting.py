"""A quote: what a run would do and cost, from the real queue, and what later stages will find from ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from chassis.database import Database
from chassis.ids import new_id
from chassis.passport import Passport
from chassis.tenancy import Tenant
from services.orchestrator import clients, repository
from services.orchestrator.clients import Peers, PricedLine, QuoteLine
from services.orchestrator.domain.estimates import Ratios, StageEstimate, Walk
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import FUNCTIONS
from services.orchestrator.usecases import queues


def quote_run(
    database: Database,
    peers: Peers,
    tenant: Tenant,
    passport: Passport,
    plan: Plan,
    ids: tuple[UUID, UUID] | None = None,
) -> dict[str, Any]:
    """Return what a run would do and cost, stored so that a run can be started with it.

    Args:
        passport: the engine's, for the tenant.
        plan: with defaults filled in.
        ids: of the quote and of the run that it is for, where a repeat must not make another; what is stored under
            them and has not expired stays, and need not be what is returned here.

    Raises:
        Fault: an owner or billing refused, or cannot be reached.
    """
    with database.transaction(tenant) as tx:
        ratios = Ratios(repository.read_past(tx, tenant.site_id, plan.functions))
    walk = Walk(plan, ratios)
    found = queues.find(peers, passport, plan)
    estimates = [walk.estimate(name, found[name]) for name in plan.functions]
    quote_id, run_id = ids or (new_id(), new_id())
    priced = peers.send(clients.create_quote(new_id(), _to_be_priced(estimates), plan.max_credits), passport)
    available = peers.send(clients.available_credits(), passport)
    prices = {line.operation: line for line in priced.lines}
    with database.transaction(tenant) as tx:
        values = {
            "id": quote_id,
            "run_id": run_id,
            "plan": asdict(plan),
            "lines": [_line(estimate, prices) for estimate in estimates],
            "billing_quote_id": priced.id,
            "expected_credits": priced.expected_credits,
            "limit_credits": priced.limit_credits,
            "expire_time": priced.expire_time,
        }
        repository.insert_quote(tx, values)
    return {**values, "site_id": tenant.site_id, "available_credits": available}


def _to_be_priced(estimates: Sequence[StageEstimate]) -> list[QuoteLine]:
    return [
        QuoteLine(
            FUNCTIONS[e.function].stage, FUNCTIONS[e.function].operation, e.expected_quantity, e.limit_quantity, e.items
        )
        for e in estimates
        if FUNCTIONS[e.function].operation and e.items
    ]


def _line(estimate: StageEstimate, prices: Mapping[str, PricedLine]) -> dict[str, Any]:
    """Return an estimate as it is stored: the fields of a RunQuoteLine by name."""
    function = FUNCTIONS[estimate.function]
    price = prices.get(function.operation)
    return {
        "stage": function.stage,
        "function": function.name,
        "items": estimate.items,
        "waiting": estimate.waiting,
        "expected_quantity": estimate.expected_quantity,
        "limit_quantity": estimate.limit_quantity,
        "operation": function.operation,
        "expected_credits": price.expected_credits if price else 0,
        "limit_credits": price.limit_credits if price else 0,
        "basis": estimate.basis,
        "skip_reason": estimate.skip_reason,
    }
