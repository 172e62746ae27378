"""A run's options, as far as the planner's functions read them. Whoever starts a run may have written them by hand."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from chassis.errors import InvalidArgument
from chassis.ids import parse_id
from services.planner.clustering import AS_THE_DATA_SAYS

IDS_MAX = 100_000
GRANULARITY, GRANULARITY_LEAST, GRANULARITY_MOST = "granularity", 0.1, 10.0
"""The option that asks for fewer and larger clusters, or more and smaller ones."""


def text(options: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there.

    Raises:
        InvalidArgument: it is absent, empty or no text.
    """
    value = options.get(name)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InvalidArgument.field(f"options.{name}", "is required, as text")
    return value


def integer(options: Mapping[str, Any], name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number within bounds, or the default when it is absent.

    Raises:
        InvalidArgument: it is no whole number, or out of bounds.
    """
    value = options.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise InvalidArgument.field(f"options.{name}", f"must be a whole number from {least} to {most}")
    return value


def granularity(options: Mapping[str, Any]) -> float:
    """Return how fine clusters are to be; as the data says when it is absent.

    Raises:
        InvalidArgument: it is no number, or out of bounds.
    """
    value = options.get(GRANULARITY, AS_THE_DATA_SAYS)
    if type(value) not in {int, float} or not GRANULARITY_LEAST <= value <= GRANULARITY_MOST:
        allowed = f"{GRANULARITY_LEAST:g} to {GRANULARITY_MOST:g}"
        raise InvalidArgument.field(f"options.{GRANULARITY}", f"must be a number from {allowed}; 1 is as the data says")
    return float(value)


def ids(options: Mapping[str, Any], name: str) -> list[UUID]:
    """Return a list of ids; an absent one is empty.

    Raises:
        InvalidArgument: it is no list of ids, or too long.
    """
    values = options.get(name, [])
    if isinstance(values, list) and len(values) <= IDS_MAX:
        known = [parsed for value in values if isinstance(value, str) and (parsed := parse_id(value)) is not None]
        if len(known) == len(values):
            return known
    raise InvalidArgument.field(f"options.{name}", f"must be a list of at most {IDS_MAX:,} ids")
