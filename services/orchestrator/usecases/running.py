"""Starting, pausing, resuming and cancelling runs: each one transaction; the steps follow what the run's row says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.clock import Clock
from chassis.database import Database, Transaction
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, RequestIdReused
from chassis.passport import Passport
from chassis.tenancy import Tenant
from services.orchestrator import clients, repository
from services.orchestrator.clients import Peers
from services.orchestrator.domain.estimates import Past
from services.orchestrator.domain.pace import expected_pace_s
from services.orchestrator.domain.plan import Plan, run_name
from services.orchestrator.domain.stages import ENDED, FUNCTIONS
from services.orchestrator.errors import QuoteInvalid, RunActive
from services.orchestrator.repository import RunKey
from services.orchestrator.usecases import queues, replays, subjects

_ACTIVE_INDEX = "run_one_active_automation_idx"
GOES_ON = frozenset({"paused_insufficient_credits", "daily_limit_reached"})
"""Why a run is paused that goes on by itself: when credits come, or on another day."""
_RESUME_TRIES = 5
_USED_UP = "The run's quote is used up; ask for one for what is left of it, with the run's id, and resume with that."


@dataclass(frozen=True)
class Outlook:
    """What is known of a run when it starts, each by function.

    Args:
        waiting: items that wait.
        expected: items that it will work on.
        past: what the site's last runs did.
    """

    waiting: Mapping[str, int]
    expected: Mapping[str, int]
    past: Mapping[str, Past]


def start_with_quote(
    database: Database,
    peers: Peers,
    clock: Clock,
    tenant: Tenant,
    passport: Passport,
    quote_id: UUID,
    schedule_time: datetime | None = None,
) -> UUID:
    """Start the run a quote was made for; starting it again returns the same run.

    Args:
        schedule_time: the start of a schedule that it is made for.

    Raises:
        QuoteInvalid: there is no such quote at the site, or it has expired.
        RunActive: another automation run of the site is not finished.
        ReplayOpen: another run is doing the steps again that this one was to do again.
        Fault: billing refused (INSUFFICIENT_CREDITS).
    """
    with database.transaction(tenant) as tx:
        quote = repository.read_quote(tx, quote_id)
        if quote is None:
            raise NotFound.row("quote", quote_id)
        run_id: UUID = quote.run_id
        if quote.resumes:
            raise QuoteInvalid("The quote is for what is left of a run; resume that run with it.")
        plan = plan_from_json(quote.plan)
        if repository.read_run(tx, run_id) is not None:
            return run_id
        if quote.expire_time < clock.now():
            raise QuoteInvalid("The quote has expired; ask for another.")
        _refuse_second_run(tx, plan, run_id)
        replays.refuse_open(tx, plan)
        subjects.refuse_busy(tx, plan, run_id)
        past = repository.read_past(tx, tenant.site_id, plan.functions)
    quoted = {line["function"]: line for line in quote.lines}
    waiting = {name: line.get("waiting", 0) for name, line in quoted.items()} | queues.count(peers, passport, plan)
    peers.send(clients.accept_quote(quote.billing_quote_id, run_id), passport)
    budget = {"billing_quote_id": quote.billing_quote_id, "quoted_credits": quote.limit_credits}
    outlook = Outlook(waiting, {name: line["items"] for name, line in quoted.items()}, past)
    _insert(database, clock, tenant, run_id, plan, outlook, {**budget, "schedule_time": schedule_time})
    return run_id


def start_free(
    database: Database, peers: Peers, clock: Clock, tenant: Tenant, passport: Passport, plan: Plan, run_id: UUID
) -> None:
    """Start a run that costs nothing; starting it again under the same id changes nothing.

    Raises:
        InvalidArgument: something in it has a price and needs a quote, or a row is named that cannot be worked on.
        SubjectBusy: another run is at work on a row that is named.
        RequestIdReused: the id was used for another plan.
        RunActive: another automation run of the site is not finished.
    """
    if not plan.is_free:
        raise InvalidArgument.field("quote_id", "is required for work that costs credits; ask for a quote first")
    if _is_started(database, tenant, plan, run_id):
        return
    waiting = _waiting(peers, passport, plan)
    with database.transaction(tenant) as tx:
        subjects.refuse_busy(tx, plan, run_id)
        past = repository.read_past(tx, tenant.site_id, plan.functions)
    expected = {name: min(count, plan.cap(name) or count) for name, count in waiting.items()}
    if not _insert(database, clock, tenant, run_id, plan, Outlook(waiting, expected, past), {}):
        _is_started(database, tenant, plan, run_id)  # by somebody at this moment


def _is_started(database: Database, tenant: Tenant, plan: Plan, run_id: UUID) -> bool:
    """Return whether a run is there.

    Raises:
        RequestIdReused: it has another plan.
    """
    with database.transaction(tenant) as tx:
        existing = repository.read_run(tx, run_id)
    if existing is not None and plan_from_json(existing.plan) != plan_from_json(_as_stored(plan)):
        raise RequestIdReused("The request id was used for another run; send a new one.")
    return existing is not None


def _waiting(peers: Peers, passport: Passport, plan: Plan) -> dict[str, int]:
    """Return how many items wait for each function; all that a job by hand names must be among them."""
    if not (plan.by_hand and plan.subject_ids):
        return queues.count(peers, passport, plan)
    found = queues.find(peers, passport, plan)
    subjects.require_offered(plan, found[plan.functions[0]])
    return {name: selection.total for name, selection in found.items()}


def pause(database: Database, tenant: Tenant, run_id: UUID) -> None:
    """Stop a run before its next phases. Pausing a paused run only keeps it from going on by itself.

    Raises:
        NotFound: there is no such run.
        FailedPrecondition: it has ended.
    """
    with database.transaction(tenant) as tx:
        row = _not_ended(tx, run_id, "paused")
        if row.status == "paused" and row.pause_reason not in GOES_ON:
            return
        key = key_of(row)
        repository.set_status(tx.connection, key, "paused", pause_reason="paused_by_user", resume_time=None)
        repository.add_event(tx.connection, key, "run_paused", "Paused.", payload={"reason": "paused_by_user"})
        repository.put_aside(tx.connection, key)


def resume(
    database: Database, peers: Peers, tenant: Tenant, passport: Passport, run_id: UUID, quote_id: UUID | None
) -> None:
    """Go on with a paused run, with a new quote when one is given. Resuming a running run changes nothing.

    Raises:
        NotFound: there is no such run or quote.
        FailedPrecondition: it has ended.
        QuoteInvalid: its quote is used up and no other was given, the one given is not for this run, or somebody
            resumed it with another one at this moment.
        Fault: billing refused (INSUFFICIENT_CREDITS).
    """
    with database.transaction(tenant) as tx:
        row = _not_ended(tx, run_id, "resumed")
        quote = _quote_for(tx, row, quote_id) if quote_id else None
    budget = _budget(peers, passport, row, quote)
    for _ in range(_RESUME_TRIES):
        seen = row.billing_quote_id
        with database.transaction(tenant) as tx:
            row = _not_ended(tx, run_id, "resumed")
            if not budget or row.billing_quote_id in {seen, budget["billing_quote_id"]}:
                _go_on_with(tx, row, budget)
                return
        # Somebody resumed it with another quote at this moment. Billing knows which of the two it took last.
        if peers.send(clients.get_quote(budget["billing_quote_id"]), passport).replaced:
            break
    raise QuoteInvalid("The run was resumed with another quote at this moment; look at it again.")


def _go_on_with(tx: Transaction, row: sa.Row[Any], budget: Mapping[str, Any]) -> None:
    """Let a run, which is locked, go on with a budget that billing has agreed to."""
    if row.billing_quote_id == budget.get("billing_quote_id"):
        budget = {}  # a repeat promises nothing more
    if row.status == "running" and not budget:
        return
    if row.pause_reason == "quote_exhausted" and not budget:
        raise QuoteInvalid(_USED_UP)
    go_on(tx.connection, key_of(row), "Resumed.", **budget)


def go_on(connection: sa.Connection, key: RunKey, message: str, **values: Any) -> None:
    """Let a paused run, which is locked, go on; in a transaction of the caller's.

    Args:
        connection: of the caller.
        key: the run.
        message: why, for people.
        values: other columns of it that change.
    """
    repository.set_status(connection, key, "running", pause_reason="", resume_time=None, **values)
    repository.count_on(connection, key)
    repository.add_event(connection, key, "run_resumed", message)
    repository.wake_steps(connection, key, in_batches=True)


def resume_due(database: Database) -> int:
    """Let runs go on that were paused until a time that has come; return how many.

    Args:
        database: under the sweep role. Replicas may do this at once: each run goes on once.
    """
    with database.untenanted() as connection:
        due = repository.lock_runs_to_resume(connection)
        for row in due:
            go_on(connection, key_of(row), "A new day began where the site is; the run goes on.")
    return len(due)


def cancel(database: Database, tenant: Tenant, run_id: UUID) -> None:
    """Stop a run for good. Cancelling a cancelled run changes nothing.

    Raises:
        NotFound: there is no such run.
        FailedPrecondition: it has ended otherwise.
    """
    with database.transaction(tenant) as tx:
        row = _found(tx, run_id)
        if row.status == "cancelled":
            return
        row = _not_ended(tx, run_id, "cancelled")
        end(tx.connection, key_of(row), "Cancelled; what was made is kept and paid.")


def end(connection: sa.Connection, key: RunKey, message: str) -> None:
    """Cancel a run that has not ended and is locked; in a transaction of the caller's."""
    repository.set_status(connection, key, "cancelled", end_time=sa.func.now(), pause_reason="", resume_time=None)
    repository.cancel_untouched_steps(connection, key)
    repository.wake_steps(connection, key)
    repository.add_event(connection, key, "run_cancelled", message)


def plan_from_json(raw: Mapping[str, Any]) -> Plan:
    """Return a stored plan."""
    lists = {name: tuple(raw.get(name, ())) for name in ("functions", "subject_ids", "replays")}
    return Plan(**{**raw, **lists})


def _insert(
    database: Database,
    clock: Clock,
    tenant: Tenant,
    run_id: UUID,
    plan: Plan,
    outlook: Outlook,
    more: Mapping[str, Any],
) -> bool:
    """Insert a run with its stages and the step that plans the first; return False when it exists already."""
    trigger = "scheduled" if more.get("schedule_time") else "manual"
    name = run_name(clock.now(), trigger)
    try:
        with database.transaction(tenant) as tx:
            values = {
                "id": run_id,
                "name": name,
                "plan": _as_stored(plan),
                "by_hand": plan.by_hand,
                "trigger": trigger,
                "current_stage": 0 if plan.by_hand else FUNCTIONS[plan.functions[0]].stage,
            }
            if not repository.insert_run(tx, {**values, **more}):
                return False
            replays.take(tx, plan, run_id)
            key = RunKey(tenant.account_id, tenant.site_id, run_id)
            repository.insert_stages(tx.connection, key, _stage_rows(plan, outlook))
            first = FUNCTIONS[plan.functions[0]]
            repository.insert_planning_step(tx.connection, key, 1, first.stage, f"Plan {first.name}")
            names = {"functions": list(plan.functions)}
            repository.add_event(tx.connection, key, "run_started", f"{name} started.", payload=names)
            return True
    except sa.exc.IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", "") != _ACTIVE_INDEX:
            raise
        with database.transaction(tenant) as tx:
            _refuse_second_run(tx, plan, run_id)
            if repository.read_run(tx, run_id) is not None:
                return False
        raise RunActive(name) from error  # the other run ended between the insert and the look


def _as_stored(plan: Plan) -> dict[str, Any]:
    return {**asdict(plan), **{name: list(getattr(plan, name)) for name in ("functions", "subject_ids", "replays")}}


def _stage_rows(plan: Plan, outlook: Outlook) -> Sequence[dict[str, Any]]:
    rows = []
    for place, name in enumerate(plan.functions, start=1):
        expected = outlook.expected.get(name, 0)
        row = {
            "place": place,
            "stage": FUNCTIONS[name].stage,
            "function": name,
            "state": "planning" if place == 1 else "pending",
            "waiting_at_start": outlook.waiting.get(name, 0),
            "expected": expected,
            "pace_s": expected_pace_s(name, expected, outlook.past.get(name)),
            "start_time": sa.func.now() if place == 1 else None,
        }
        rows.append(row)
    return rows


def _refuse_second_run(tx: Transaction, plan: Plan, run_id: UUID) -> None:
    """Refuse an automation run beside another one; the same run, started by somebody at this moment, is no other."""
    if plan.by_hand:
        return
    active = repository.active_run(tx, tx.tenant.site_id)
    if active is not None and active.id != run_id:
        raise RunActive(active.name)


def _quote_for(tx: Transaction, row: sa.Row[Any], quote_id: UUID) -> sa.Row[Any]:
    """Return a quote that a run may go on with: one for what is left of it."""
    quote = repository.read_quote(tx, quote_id)
    if quote is None:
        raise NotFound.row("quote", quote_id)
    if quote.run_id != row.id:
        raise QuoteInvalid("The quote is not for this run; ask for one with the run's id.")
    return quote


def _budget(peers: Peers, passport: Passport, row: sa.Row[Any], quote: sa.Row[Any] | None) -> dict[str, Any]:
    """Have a quote accepted, and return what it changes in its run.

    The run may then cost what its earlier quotes have captured, what they hold still for steps that are under way, and
    the new one's limit: billing says so, and reserves nothing more on them.
    """
    if quote is not None and quote.billing_quote_id != row.billing_quote_id:
        accepted = peers.send(clients.accept_quote(quote.billing_quote_id, row.id), passport)
        return {"billing_quote_id": quote.billing_quote_id, "quoted_credits": accepted.run_limit_credits}
    if row.billing_quote_id is not None and peers.send(clients.get_quote(row.billing_quote_id), passport).replaced:
        raise QuoteInvalid(_USED_UP)  # another was accepted, and whoever did so has not come back to say it here
    return {}


def _found(tx: Transaction, run_id: UUID) -> sa.Row[Any]:
    row = repository.read_run(tx, run_id, lock=True)
    if row is None:
        raise NotFound.row("run", run_id)
    return row


def _not_ended(tx: Transaction, run_id: UUID, verb: str) -> sa.Row[Any]:
    row = _found(tx, run_id)
    if row.status in ENDED:
        raise FailedPrecondition(
            f"The run is {row.status}; only one that is running or paused can be {verb}.",
            metadata={"status": row.status},
        )
    return row


def key_of(row: sa.Row[Any]) -> RunKey:
    """Return which run a row is, and whose."""
    return RunKey(row.account_id, row.site_id, row.id)
