"""A run's directory: what happened, for people with a terminal. Written from the run's events, which are the truth.

<account>/<site>/<run name>/automation_run.log    one line an event
<account>/<site>/<run name>/stage_<n>.log         the lines of one stage
<account>/<site>/<run name>/run_trace.jsonl       one JSON object an event; its last line says how far we are
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from chassis.database import Database

_BEHIND = sa.text(
    "SELECT account_id, site_id, id, name, logged_count FROM run WHERE logged_count < event_count"
    " ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED"
)
_EVENTS = sa.text(
    "SELECT position, kind, stage, step_id, message, payload, create_time FROM run_event"
    " WHERE account_id = :account AND run_id = :run AND position > :after ORDER BY position LIMIT 2000"
)
_LOGGED = sa.text("UPDATE run SET logged_count = :position WHERE account_id = :account AND id = :run")


class Scribe:
    """Writes runs' directories.

    Args:
        database: under the sweep role.
        root: where.
        mirror: a second place, or None.
    """

    def __init__(self, database: Database, root: Path, mirror: Path | None = None) -> None:
        self._database = database
        self._roots = [root] if mirror is None else [root, mirror]

    def round(self) -> None:
        """Write what has happened since the last round."""
        with self._database.untenanted() as connection:
            for row in connection.execute(_BEHIND).all():
                self._write(connection, row)

    def _write(self, connection: sa.Connection, run: sa.Row[Any]) -> None:
        parameters = {"account": run.account_id, "run": run.id, "after": run.logged_count}
        events = connection.execute(_EVENTS, parameters).all()
        for root in self._roots:
            folder = root / str(run.account_id) / str(run.site_id) / run.name
            folder.mkdir(parents=True, exist_ok=True)
            _append(folder, [event for event in events if event.position > _written(folder)])
        if events:
            connection.execute(_LOGGED, parameters | {"position": events[-1].position})


def _written(folder: Path) -> int:
    """Return the position of the last event in a directory: a crash between file and row must not write it twice."""
    trace = folder / "run_trace.jsonl"
    if not trace.exists():
        return 0
    lines = trace.read_text(encoding="utf-8").splitlines()
    for line in reversed(lines):
        try:
            return int(json.loads(line)["position"])
        except (ValueError, KeyError):  # the last line may be torn by a crash
            continue
    return 0


def _append(folder: Path, events: Sequence[sa.Row[Any]]) -> None:
    for event in events:
        line = f"{event.create_time:%Y-%m-%d %H:%M:%S} {event.kind}: {event.message}\n"
        _add(folder / "automation_run.log", line)
        if event.stage:
            _add(folder / f"stage_{event.stage}.log", line)
        trace = {
            "position": event.position,
            "time": event.create_time.isoformat(),
            "kind": event.kind,
            "stage": event.stage,
            "step_id": str(event.step_id) if event.step_id else None,
            "message": event.message,
            **event.payload,
        }
        _add(folder / "run_trace.jsonl", json.dumps(trace) + "\n")


def _add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
