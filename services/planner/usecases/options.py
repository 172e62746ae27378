"""A run's options, as far as the planner's functions read them. Whoever starts a run may have written them by hand."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from chassis.errors import InvalidArgument
from chassis.ids import parse_id

IDS_MAX = 100_000


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
