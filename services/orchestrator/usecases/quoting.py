"""A quote: what a run would do and cost, from the real queue, and what later stages will find from ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from chassis.database import Database
from chassis.errors import FailedPrecondition, NotFound
from chassis.ids import new_id
from chassis.passport import Passport
from chassis.tenancy import Tenant
from chassis.work import Selection
from services.orchestrator import clients, repository
from services.orchestrator.clients import Peers, PricedLine, QuoteLine
from services.orchestrator.domain.estimates import Past, Ratios, StageEstimate, Walk
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import FUNCTIONS
from services.orchestrator.errors import NothingToReplay
from services.orchestrator.usecases import queues, replays, subjects
from services.orchestrator.usecases.replays import Replay
from services.orchestrator.usecases.running import plan_from_json


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
        InvalidArgument: a job by hand names a row that its function cannot be run on.
        SubjectBusy: another run is at work on one that it names.
        NothingToDo: nothing waits for it.
        Fault: an owner or billing refused, or cannot be reached.
    """
    with database.transaction(tenant) as tx:
        subjects.refuse_busy(tx, plan)
        past = repository.read_past(tx, tenant.site_id, plan.functions)
    found = queues.find(peers, passport, plan)
    subjects.require_offered(plan, found[plan.functions[0]])
    subjects.require_something(plan, found[plan.functions[0]])
    estimates = _estimate(plan, past, found)
    return _make(database, peers, tenant, passport, Order(plan, estimates, plan.max_credits, *(ids or (None, None))))


def quote_rest(
    database: Database, peers: Peers, tenant: Tenant, passport: Passport, run_id: UUID, max_credits: int
) -> dict[str, Any]:
    """Return what is left of a paused run, stored so that the run can go on with it.

    Of the open stage that is what its steps still need; those whose Apply was sent are paid under the quote that they
    reserved on. Stages to come find what waits now and what the open one will make.

    Args:
        passport: the engine's, for the tenant.
        run_id: at the tenant's site.
        max_credits: the rest may not cost more; 0 for no such cap. The cap of the run's plan was for its first quote.

    Raises:
        NotFound: there is no such run.
        FailedPrecondition: it is not paused.
        Fault: an owner or billing refused, or cannot be reached.
    """
    with database.transaction(tenant) as tx:
        run = repository.read_run(tx, run_id)
        if run is None:
            raise NotFound.row("run", run_id)
        if run.status != "paused":
            raise FailedPrecondition(
                f"The run is {run.status}; only the rest of a paused one can be quoted.",
                metadata={"status": run.status},
            )
        rest = {row.function: row for row in repository.read_stages(tx, [run_id]) if row.state != "closed"}
        waiting = {name: repository.read_waiting(tx, run_id, row.place) for name, row in rest.items()}
        plan = plan_from_json(run.plan)
        past = repository.read_past(tx, tenant.site_id, plan.functions)
    left = replace(plan, functions=tuple(name for name in plan.functions if name in rest))
    planned = {name: waiting[name] for name, row in rest.items() if row.state == "open"}
    estimates = _estimate(left, past, queues.find(peers, passport, left, planned))
    return _make(database, peers, tenant, passport, Order(plan, estimates, max_credits, None, run_id, resumes=True))


@dataclass(frozen=True)
class Order:
    """What a quote is made of.

    Args:
        plan: the run's.
        estimates: of each function that is still to be done.
        max_credits: at most; 0 for no such cap.
        quote_id: its id; None for a new one.
        run_id: the run's; None for a new one.
        resumes: whether the run is there.
    """

    plan: Plan
    estimates: Sequence[StageEstimate]
    max_credits: int
    quote_id: UUID | None = None
    run_id: UUID | None = None
    resumes: bool = False


def quote_replay(
    database: Database, peers: Peers, tenant: Tenant, passport: Passport, wanted: Replay
) -> dict[str, Any]:
    """Return what it would cost to do failed steps again, stored so that a run of one function can be started with it.

    What its owner does not offer any more is left out.

    Raises:
        NothingToReplay: none of them has failed and can be done, or all were replayed.
        ReplayOpen: a run is doing one of them again.
        SubjectBusy: another run is at work on what one of them is about.
        InvalidArgument: they are of several functions, or of runs with different options.
        Fault: the owner or billing refused, or cannot be reached.
    """
    with database.transaction(tenant) as tx:
        failed = replays.choose(tx, wanted)
    plan = replays.plan_of(failed, wanted)
    found = queues.find(peers, passport, plan)[plan.functions[0]]
    offered = {item.subject_id for item in found.items}
    left = [row for row in failed if row.subject_id in offered]
    if not left:
        why = found.skip_reason or "what failed was done since, is gone, or is disabled"
        raise NothingToReplay(f"There is nothing to do again: {why}.")
    return quote_run(database, peers, tenant, passport, replays.plan_of(left, wanted))


def _estimate(plan: Plan, past: Mapping[str, Past], found: Mapping[str, Selection]) -> list[StageEstimate]:
    walk = Walk(plan, Ratios(past))
    return [walk.estimate(name, found[name]) for name in plan.functions]


def _make(database: Database, peers: Peers, tenant: Tenant, passport: Passport, order: Order) -> dict[str, Any]:
    """Have an order priced, and store it as a quote."""
    priced = peers.send(clients.create_quote(new_id(), _to_be_priced(order.estimates), order.max_credits), passport)
    available = peers.send(clients.available_credits(), passport)
    prices = {line.operation: line for line in priced.lines}
    values = {
        "id": order.quote_id or new_id(),
        "run_id": order.run_id or new_id(),
        "resumes": order.resumes,
        "plan": asdict(order.plan),
        "lines": [_line(estimate, prices) for estimate in order.estimates],
        "billing_quote_id": priced.id,
        "expected_credits": priced.expected_credits,
        "limit_credits": priced.limit_credits,
        "expire_time": priced.expire_time,
    }
    with database.transaction(tenant) as tx:
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
    priced = {}
    if price is not None:
        names = ("expected_credits", "limit_credits", "unit_size", "unit", "unit_credits", "price_version")
        priced = {name: getattr(price, name) for name in names}
    return {
        "stage": function.stage,
        "function": function.name,
        "items": estimate.items,
        "waiting": estimate.waiting,
        "expected_quantity": estimate.expected_quantity,
        "limit_quantity": estimate.limit_quantity,
        "operation": function.operation,
        "basis": estimate.basis,
        "skip_reason": estimate.skip_reason,
        **priced,
    }
