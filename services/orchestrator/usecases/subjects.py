"""The rows that a job by hand names: whether its function can be run on them, and whether nobody is at it already.

What is told here is told early, before anything is spent. Two jobs at one moment are kept apart by the index of open
steps, and the later one says what it left to the other.
"""

from uuid import UUID

from chassis.database import Transaction
from chassis.errors import InvalidArgument
from chassis.work import Selection
from services.orchestrator import repository
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import FUNCTIONS
from services.orchestrator.errors import SHOWN, NothingToDo, SubjectBusy


def require_offered(plan: Plan, found: Selection) -> None:
    """Refuse rows that their owner does not offer to a job by hand.

    Raises:
        InvalidArgument: there is no such row, or nothing can be done with it.
    """
    if not (plan.by_hand and plan.subject_ids):
        return
    offered = {str(item.subject_id) for item in found.items}
    missing = [subject for subject in plan.subject_ids if subject not in offered]
    if not missing:
        return
    function = FUNCTIONS[plan.functions[0]]
    shown = ", ".join(missing[:SHOWN]) + (f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else "")
    are = "is no" if len(missing) == 1 else "are no"
    why = found.skip_reason or "not there, done already, or disabled"
    words = f"{shown} {are} {function.subject} that {function.name} can be run on: {why}"
    raise InvalidArgument.field("plan.subject_ids", words)


def require_something(plan: Plan, found: Selection) -> None:
    """Refuse a job by hand that would find nothing, with its owner's reason.

    Raises:
        NothingToDo: nothing waits for its function.
    """
    if plan.by_hand and not found.items:
        raise NothingToDo(found.skip_reason or f"Nothing waits for {plan.functions[0]} at this site.")


def refuse_busy(tx: Transaction, plan: Plan, run_id: UUID | None = None) -> None:
    """Refuse rows that another run than this one is at work on.

    Raises:
        SubjectBusy: naming the first such run.
    """
    if not (plan.by_hand and plan.subject_ids):
        return
    ids = [UUID(text) for text in plan.subject_ids]
    busy = [row for row in repository.read_busy(tx, tx.tenant.site_id, plan.functions[0], ids) if row.id != run_id]
    if busy:
        first = busy[0]
        raise SubjectBusy(first.name, [str(row.subject_id) for row in busy if row.id == first.id])
