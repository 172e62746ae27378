"""The orchestrator's resources, as the standard methods know them."""

import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from chassis.resource import Resource
from chassis.tenancy import table_of
from services.orchestrator.domain.stages import ACTIVE
from services.orchestrator.models import ASIDE, Run, RunStage, Step

_run, _stage, _step = table_of(Run), table_of(RunStage), table_of(Step)
_SHOWN = (
    "stage", "function", "state", "planned", "succeeded", "failed", "cancelled", "credits", "made", "skip_reason",
    "waiting_at_start", "expected",
)  # fmt: skip
_MINE = (_stage.c.account_id == _run.c.account_id, _stage.c.run_id == _run.c.id)


def _stages() -> sa.ColumnElement[object]:
    """Return a run's stages in order as one JSON value, so that a page of runs is one statement."""
    pairs: list[object] = [part for name in _SHOWN for part in (name, _stage.c[name])]
    pairs += ["left", _stage.c.left_over, "start_time", _stage.c.start_time, "end_time", _stage.c.end_time]
    undone = _stage.c.failed + _stage.c.cancelled + _stage.c.left_over
    pairs += ["partial", sa.and_(_stage.c.state == "closed", undone > 0)]
    together = sa.func.jsonb_agg(aggregate_order_by(sa.func.jsonb_build_object(*pairs), _stage.c.place), type_=JSONB)
    return sa.select(together).where(*_MINE).correlate(_run).scalar_subquery()


def _items_expected() -> sa.ColumnElement[int]:
    """Return the items of a stage: those planned once it is open, those that were expected before."""
    return sa.case((_stage.c.state.in_(("open", "closed")), _stage.c.planned), else_=_stage.c.expected)


def _remaining_s() -> sa.ColumnElement[object]:
    """Return the seconds of work left: over the stages that are not closed, items left times seconds between two.

    A stage's pace is its own from its first item on (`repository.counted`), and before that what was expected when the
    run started (`domain.pace`). A run that has ended has none, nor one with a stage whose pace nobody knows.
    """
    left = _items_expected() - _stage.c.succeeded - _stage.c.failed - _stage.c.cancelled
    at_work = sa.and_(_stage.c.state != "closed", left > 0)
    seconds = sa.func.coalesce(sa.func.sum(left * _stage.c.pace_s).filter(at_work), 0.0)
    unknown = sa.func.coalesce(sa.func.bool_or(_stage.c.pace_s.is_(None)).filter(at_work), sa.false())
    total = sa.case((unknown, sa.null()), else_=sa.cast(seconds, sa.Float))
    return sa.case((_run.c.status.in_(ACTIVE), sa.select(total).where(*_MINE).correlate(_run).scalar_subquery()))


def _sum(value: sa.ColumnElement[int]) -> sa.ColumnElement[object]:
    """Return a number summed over a run's stages."""
    total = sa.cast(sa.func.coalesce(sa.func.sum(value), 0), sa.BigInteger)
    return sa.select(total).where(*_MINE).correlate(_run).scalar_subquery()


RUN = Resource(
    message=orchestrator_pb2.Run,
    table=Run,
    plural="runs",
    filters=("status", "trigger", "name", "pause_reason", "end_time"),
    orders=("create_time", "update_time"),
    search=("name",),
    order="create_time desc",
    computed={
        "plan": _run.c.plan["shown"],
        "stages": _stages(),
        "items_done": _sum(_stage.c.succeeded + _stage.c.failed + _stage.c.cancelled),
        "items_expected": _sum(_items_expected()),
        "remaining_s": _remaining_s(),
    },
)

_WAITS = (  # a step of a paused run is not tried again by itself
    _step.c.status == "ready",
    _step.c.due > sa.func.now(),
    _step.c.due < sa.cast(ASIDE, sa.DateTime(timezone=True)),
)
STEP = Resource(
    message=orchestrator_pb2.Step,
    table=Step,
    plural="steps",
    filters=("run_id", "stage", "function", "status", "subject_id", "error_reason", "error_kind"),
    orders=("create_time", "update_time", "stage"),
    computed={"next_try_time": sa.case((sa.and_(*_WAITS), _step.c.due))},
)
