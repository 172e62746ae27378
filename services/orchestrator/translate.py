"""Between the orchestrator's protos and its rules."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from google.protobuf import json_format
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import InvalidArgument, Violation
from chassis.ids import parse_id, require_id
from chassis.resource import to_message
from chassis.tenancy import Tenant
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import function_named, functions_of
from services.orchestrator.usecases.replays import Replay

IDEAS_DEFAULT, IDEAS_MIN, IDEAS_MAX = 3, 3, 7
IMAGES_DEFAULT, IMAGES_MAX = 3, 5
SUBJECTS_MAX = 5000  # the most that one stage of a run works on
STAGES, CAP_MAX = 7, 100_000
GRANULARITY_DEFAULT = 1.0
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "max_clusters": (0, CAP_MAX),
    "max_articles": (0, CAP_MAX),
    "ideas_per_cluster": (IDEAS_MIN, IDEAS_MAX),
    "images_per_article": (0, IMAGES_MAX),
    "max_credits": (0, 10**12),
    "granularity": (0.1, 10),
}
_PLAN_OPTIONS = frozenset({"ideas_per_cluster", "images_per_article", "auto_approve", "auto_publish", "granularity"})


def plan(message: orchestrator_pb2.RunPlan, tenant: Tenant) -> Plan:
    """Return what a plan means, with every default filled in.

    Raises:
        InvalidArgument: a field is out of its bounds; each is named.
        UnknownFunction: there is no such function or stage.
    """
    _check_bounds(message)
    options = {
        "ideas_per_cluster": message.ideas_per_cluster or IDEAS_DEFAULT,
        "images_per_article": message.images_per_article if message.HasField("images_per_article") else IMAGES_DEFAULT,
        "auto_approve": message.auto_approve,
        "auto_publish": message.auto_publish,
        "granularity": message.granularity or GRANULARITY_DEFAULT,
    }
    by_hand = bool(message.function)
    if by_hand:
        functions: tuple[str, ...] = (function_named(message.function).name,)
        options |= _own_options(message, tenant)
        if message.function in {"approve_content", "publish_content"}:
            options |= {"auto_approve": True, "auto_publish": True}  # somebody asked for just that
    else:
        functions = functions_of(list(message.stages), publish=message.auto_publish)
    return Plan(
        functions=functions,
        subject_ids=tuple(dict.fromkeys(message.subject_ids)),
        options=options,
        max_clusters=message.max_clusters,
        max_articles=message.max_articles,
        max_credits=message.max_credits,
        stage_caps={str(cap.stage): cap.max_items for cap in message.stage_caps},
        by_hand=by_hand,
        shown=json_format.MessageToDict(message, preserving_proto_field_name=True),
    )


def rest_limit(message: orchestrator_pb2.RunPlan) -> int:
    """Return what the rest of a run may cost at most, in credits; 0 for no such cap.

    Raises:
        InvalidArgument: something else is set: the run has its plan.
    """
    _check_bounds(message)
    others = [field.name for field, _ in message.ListFields() if field.name != "max_credits"]
    if others:
        wrong = [
            Violation(f"plan.{name}", "is the run's own; only max_credits can be set for its rest") for name in others
        ]
        raise InvalidArgument("; ".join(f"{v.field}: {v.description}" for v in wrong), violations=wrong)
    return message.max_credits


def replay(request: orchestrator_service_pb2.QuoteReplayRequest) -> Replay:
    """Return which failed steps are to be done again.

    Raises:
        InvalidArgument: neither a run nor steps are named, or not by their ids, or a number is out of its bounds.
        UnknownFunction: there is no such function.
    """
    if not request.run_id and not request.step_ids:
        raise InvalidArgument.field("run_id", "or step_ids must say what is to be done again")
    if len(request.step_ids) > SUBJECTS_MAX:
        raise InvalidArgument.field("step_ids", f"must not be more than {SUBJECTS_MAX}")
    least, most = _BOUNDS["max_credits"]
    if not least <= request.max_credits <= most:
        raise InvalidArgument.field("max_credits", f"must be from {least} to {most}")
    return Replay(
        run_id=require_id("run_id", request.run_id) if request.run_id else None,
        step_ids=[require_id("step_ids", text) for text in request.step_ids],
        function=function_named(request.function).name if request.function else "",
        max_credits=request.max_credits,
    )


def with_subject(made: Plan, run_id: UUID) -> Plan:
    """Return an import's plan with the id that its report will have; the same run gives the same id."""
    if made.functions != ("import_keywords",) or made.subject_ids:
        return made
    return Plan(**{**made.__dict__, "subject_ids": (str(uuid5(run_id, "import")),)})


def run_id_for(tenant: Tenant, request_id: str) -> UUID:
    """Return the id of the run that a request id starts."""
    return uuid5(tenant.account_id, f"StartRun:{tenant.site_id}:{request_id}")


def run_quote(values: Mapping[str, Any]) -> orchestrator_pb2.RunQuote:
    """Return a quote as it is shown."""
    return to_message(orchestrator_pb2.RunQuote, {**values, "plan": values["plan"]["shown"]})


def events(rows: Sequence[sa.Row[Any]], *, ended: bool) -> orchestrator_service_pb2.ListRunEventsResponse:
    """Return a page of events."""
    shown = [to_message(orchestrator_pb2.RunEvent, row._mapping) for row in rows]
    return orchestrator_service_pb2.ListRunEventsResponse(run_events=shown, ended=ended)


def _check_bounds(message: orchestrator_pb2.RunPlan) -> None:
    wrong = [
        Violation(f"plan.{name}", f"must be from {least} to {most}")
        for name, (least, most) in _BOUNDS.items()
        if getattr(message, name) and not least <= getattr(message, name) <= most  # 0: as the platform does
    ]
    wrong += [
        Violation("plan.subject_ids", f"{text[:60]!r} is not an id")
        for text in message.subject_ids
        if parse_id(text) is None
    ][:1]
    wrong += _wrong_caps(message.stage_caps)
    if len(message.subject_ids) > SUBJECTS_MAX:
        wrong.append(Violation("plan.subject_ids", f"must not be more than {SUBJECTS_MAX}"))
    if wrong:
        raise InvalidArgument("; ".join(f"{v.field}: {v.description}" for v in wrong), violations=wrong)


def _wrong_caps(caps: Sequence[orchestrator_pb2.StageCap]) -> Iterator[Violation]:
    seen: set[int] = set()
    for n, cap in enumerate(caps):
        if not 1 <= cap.stage <= STAGES:
            yield Violation(f"plan.stage_caps[{n}].stage", f"must be from 1 to {STAGES}")
        elif cap.stage in seen:
            yield Violation(f"plan.stage_caps[{n}].stage", f"stage {cap.stage} has a cap already")
        if not 1 <= cap.max_items <= CAP_MAX:
            yield Violation(f"plan.stage_caps[{n}].max_items", f"must be from 1 to {CAP_MAX:,}")
        seen.add(cap.stage)


def _own_options(message: orchestrator_pb2.RunPlan, tenant: Tenant) -> dict[str, Any]:
    own = _json_object(message.options_json or "{}")
    taken = sorted(own.keys() & _PLAN_OPTIONS)
    if taken:  # they have bounds, which would be gone round
        raise InvalidArgument.field("plan.options_json", f"{taken[0]} is a field of the plan; set it there")
    if message.function == "import_keywords":
        _check_import(own, tenant)
    return own


def _json_object(text: str) -> dict[str, Any]:
    """Return a JSON object that PostgreSQL can store: no NaN, no NUL, no half of a surrogate pair."""
    try:
        own = json.loads(text)
        stored = json.dumps(own, allow_nan=False, ensure_ascii=False)
        stored.encode()
    except (ValueError, RecursionError) as error:
        raise InvalidArgument.field("plan.options_json", "must be a JSON object") from error
    if not isinstance(own, dict) or "\\u0000" in stored:
        raise InvalidArgument.field("plan.options_json", "must be a JSON object, without NUL characters")
    return own


def _check_import(options: Mapping[str, Any], tenant: Tenant) -> None:
    """Refuse a file of another account, and a sector that is not the site's, before anything is written."""
    if not str(options.get("object_key", "")).startswith(f"imports/{tenant.account_id}/"):
        raise InvalidArgument.field("plan.options_json", "object_key must name a file that this account uploaded")
    sector_id = parse_id(str(options.get("sector_id", "")))
    if sector_id is None or tenant.sector(sector_id) is None:
        sectors = ", ".join(f"{s.id} ({s.name})" for s in tenant.site.sectors) if tenant.site else ""
        raise InvalidArgument.field("sector_id", f"must be one of the site's sectors: {sectors}")
