"""An event as a line of a log."""

from typing import Any


def log_line(event: Any) -> str:
    """Return an event's line: when, what kind, and what it says for people.

    Args:
        event: has `create_time` (UTC), `kind` and `message`.
    """
    message = " ".join(event.message.split())  # one line an event
    return f"{event.create_time:%Y-%m-%d %H:%M:%S} {event.kind}: {message}"
