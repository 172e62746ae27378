"""Failed steps that are done again, by a run of one function over their subjects, and by one run at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.errors import InvalidArgument
from services.orchestrator import repository
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import ACTIVE
from services.orchestrator.errors import NothingToReplay, ReplayOpen
from services.orchestrator.usecases.queues import ITEMS_MAX


@dataclass(frozen=True)
class Replay:
    """Which failed steps are to be done again.

    Args:
        run_id: those of a run that were not replayed yet; None for any.
        step_ids: only these.
        function: only those of a function; "" for any.
        max_credits: the replay may not cost more; 0 for no such cap.
    """

    run_id: UUID | None
    step_ids: Sequence[UUID]
    function: str
    max_credits: int


def choose(tx: Transaction, wanted: Replay) -> list[sa.Row[Any]]:
    """Return the failed steps that are wanted, oldest first.

    Raises:
        NothingToReplay: none of them has failed, or all were replayed.
        ReplayOpen: a run is doing one of them again.
    """
    failed = repository.read_failed(tx, wanted.run_id, wanted.step_ids, ITEMS_MAX)
    chosen = [row for row in failed if not wanted.function or row.function == wanted.function]
    under_way = [row for row in chosen if row.replay_status in ACTIVE]
    if not wanted.step_ids:  # what a replay failed at, too, is told by the replay's own steps
        chosen = [row for row in chosen if row.replay_run_id is None]
    if under_way and (wanted.step_ids or not chosen):
        raise ReplayOpen(under_way[0].replay)
    if not chosen:
        raise NothingToReplay('There is no failed step to replay; list them with the filter status = "failed".')
    return chosen


def plan_of(failed: Sequence[sa.Row[Any]], wanted: Replay) -> Plan:
    """Return the plan of a run that does failed steps again, with the options of their own runs.

    Raises:
        InvalidArgument: they are of several functions, or of runs with different options.
    """
    functions = sorted({row.function for row in failed})
    if len(functions) > 1:
        raise InvalidArgument.field("function", f"must be named, since a replay has one: {' or '.join(functions)}")
    if any(row.options != failed[0].options for row in failed):
        raise InvalidArgument.field("run_id", "must be named: the steps are of runs with different options")
    subjects = tuple(dict.fromkeys(str(row.subject_id) for row in failed))
    return Plan(
        functions=(functions[0],),
        subject_ids=subjects,
        options=failed[0].options,
        max_credits=wanted.max_credits,
        replays=tuple(str(row.id) for row in failed),
        by_hand=True,
        shown={"function": functions[0], "subject_ids": list(subjects), "max_credits": str(wanted.max_credits)},
    )


def refuse_open(tx: Transaction, plan: Plan) -> None:
    """Refuse to do steps again that another run is doing again.

    Raises:
        ReplayOpen: naming that run.
    """
    if plan.replays:
        _refuse(repository.open_replay(tx, _ids(plan), lock=False))


def take(tx: Transaction, plan: Plan, run_id: UUID) -> None:
    """Write to the failed steps that a new run does again which run that is, in the transaction that inserts it.

    Raises:
        ReplayOpen: another run is at it.
    """
    if plan.replays:
        _refuse(repository.open_replay(tx, _ids(plan), lock=True))
        repository.mark_replayed(tx, _ids(plan), run_id)


def _refuse(name: str | None) -> None:
    if name is not None:
        raise ReplayOpen(name)


def _ids(plan: Plan) -> list[UUID]:
    return [UUID(text) for text in plan.replays]
