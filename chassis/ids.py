"""Ids: UUIDv7 (RFC 9562 section 5.7), made here because PostgreSQL before 18 cannot and Python before 3.14 neither."""

import secrets
import threading
import time
from uuid import UUID

from chassis.errors import InvalidArgument

_lock = threading.Lock()
_last: int = 0


def new_id() -> UUID:
    """Return a UUIDv7 that is greater than every other this process has made.

    Ids made in one millisecond count up in the 74 random bits, so that rows written together keep their order: lists
    are paged by id.
    """
    global _last  # noqa: PLW0603 - the one piece of state: what was given out last
    milliseconds = time.time_ns() // 1_000_000
    fresh = (milliseconds << 74) | secrets.randbits(74)
    with _lock:
        _last = fresh if fresh >> 74 > _last >> 74 else _last + 1
        value = _last
    high, low = value >> 62, value & ((1 << 62) - 1)  # 48 bits of time and 12 of rand_a; 62 of rand_b
    return UUID(int=(high >> 12 << 80) | (7 << 76) | ((high & 0xFFF) << 64) | (0b10 << 62) | low)


def parse_id(text: str) -> UUID | None:
    """Return the id that a text holds in its canonical form, or None."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


def require_id(field: str, text: str) -> UUID:
    """Return the id that a field of a request holds.

    Raises:
        InvalidArgument: it holds none.
    """
    value = parse_id(text)
    if value is None:
        raise InvalidArgument.field(field, not_an_id(text))
    return value


def not_an_id(text: str) -> str:
    """Return what is wrong with a text that should be an id."""
    return f"{text[:60]!r} is not an id, for example 0197a1b2-0000-7000-8000-000000000000"
