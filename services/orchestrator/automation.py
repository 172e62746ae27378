"""Between the message of a site's settings and its row."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.clock import zone_named
from chassis.errors import InvalidArgument, Violation
from chassis.resource import from_message, to_message
from chassis.tenancy import Tenant
from services.orchestrator import translate
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.settings import PLATFORM, settings_options

Config = orchestrator_pb2.AutomationConfig
DELAY_S_MAX = 3600
BATCH_MAX = 5000
CREDITS_MAX = 10**12
CONCURRENT_MAX = 100
CHANGEABLE = tuple(PLATFORM)
_LOCAL_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_STAGES = range(1, 8)
_BOUNDS = {
    "weekday": (1, 7),
    "month_day": (1, 31),
    "delay_within_stage_s": (0, DELAY_S_MAX),
    "delay_between_stages_s": (0, DELAY_S_MAX),
    "daily_credits": (0, CREDITS_MAX),
    "max_concurrent": (0, CONCURRENT_MAX),
}


def shown(row: sa.Row[Any] | None, tenant: Tenant) -> Config:
    """Return a site's settings; the platform's when it has set nothing."""
    values: dict[str, Any] = {"revision": 0, **PLATFORM}
    if row is not None:
        values.update(row._asdict())
    sizes = [{"stage": int(stage), "size": size} for stage, size in sorted(values["batch_sizes"].items())]
    return to_message(Config, {**values, "site_id": tenant.site_id, "batch_sizes": sizes})


def changes(message: Config, paths: Sequence[str], tenant: Tenant) -> dict[str, Any]:
    """Return the columns that an update changes: those it names, or those that are set when it names none.

    Raises:
        InvalidArgument: fields cannot be changed or are wrong; each is named.
    """
    named = tuple(paths) or tuple(field.name for field, _ in message.ListFields() if field.name in CHANGEABLE)
    wrong = [
        Violation(f"automation_config.{path}", f"cannot be changed; {', '.join(CHANGEABLE)} can")
        for path in named
        if path not in CHANGEABLE
    ]
    for name in (name for name in named if name in CHANGEABLE):
        wrong += [Violation(f"automation_config.{name}", problem) for problem in _problems(message, name)]
    wrong += _wrong_in_plan(message.plan, tenant) if "plan" in named else []
    if not named:
        wrong.append(Violation("update_mask", f"names no field; {', '.join(CHANGEABLE)} can be changed"))
    if wrong:
        raise InvalidArgument("; ".join(f"{v.field}: {v.description}" for v in wrong), violations=wrong)
    return _columns(message, named)


def plan_of(settings: Mapping[str, Any] | None, tenant: Tenant) -> Plan:
    """Return what a run by a site's settings does; it is told their batch sizes and delays.

    Args:
        settings: a row of `automation_config`; None for a site that has set nothing.
        tenant: with the site.

    Raises:
        InvalidArgument: the plan is wrong, by rules that are newer than it.
    """
    message = json_format.ParseDict(
        (settings or PLATFORM)["plan"], orchestrator_pb2.RunPlan(), ignore_unknown_fields=True
    )
    return by_settings(translate.plan(message, tenant), settings)


def by_settings(plan: Plan, settings: Mapping[str, Any] | None) -> Plan:
    """Return an automation run's plan with its site's batch sizes and delays; a job by hand has the platform's."""
    return plan if plan.by_hand else replace(plan, options={**plan.options, **settings_options(settings)})


def _columns(message: Config, named: Sequence[str]) -> dict[str, Any]:
    values = from_message(message, [name for name in named if name not in {"plan", "batch_sizes"}])
    if "plan" in named:
        values["plan"] = json_format.MessageToDict(message.plan, preserving_proto_field_name=True)
    if "batch_sizes" in named:
        values["batch_sizes"] = {str(batch.stage): batch.size for batch in message.batch_sizes}
    return values


def _problems(message: Config, name: str) -> list[str]:
    """Return what is wrong with a field, in words for whoever sent it."""
    if name in _BOUNDS:
        least, most = _BOUNDS[name]
        return [] if least <= getattr(message, name) <= most else [f"must be from {least} to {most}"]
    problem = _RULES[name](message) if name in _RULES else ""
    return [problem] if problem else []


def _problem_with_batches(message: Config) -> str:
    stages = [batch.stage for batch in message.batch_sizes]
    if any(stage not in _STAGES for stage in stages):
        return f"stages are {_STAGES[0]} to {_STAGES[-1]}"
    if len(set(stages)) < len(stages):
        return "names a stage twice"
    if any(not 1 <= batch.size <= BATCH_MAX for batch in message.batch_sizes):
        return f"sizes must be from 1 to {BATCH_MAX}; leave a stage out for the platform's own"
    return ""


def _problem_with_zone(message: Config) -> str:
    known = not message.time_zone or zone_named(message.time_zone)
    return "" if known else "is not an IANA time zone; use one like Europe/Rome, or leave it empty for the account's"


_RULES: Mapping[str, Callable[[Config], str]] = {
    "frequency": lambda message: "" if message.frequency else "must be daily, weekly or monthly",
    "catch_up": lambda message: "" if message.catch_up else "must be once or skip",
    "local_time": lambda m: "" if _LOCAL_TIME.fullmatch(m.local_time) else "must be a time such as 02:00",
    "time_zone": _problem_with_zone,
    "batch_sizes": _problem_with_batches,
}


def _wrong_in_plan(plan: orchestrator_pb2.RunPlan, tenant: Tenant) -> list[Violation]:
    by_hand = [name for name in ("function", "subject_ids", "options_json") if getattr(plan, name)]
    wrong = [
        Violation(f"plan.{name}", "is for a job by hand; a schedule runs stages, so leave it out") for name in by_hand
    ]
    try:
        translate.plan(plan, tenant)
    except InvalidArgument as fault:
        wrong += fault.violations
    return wrong
