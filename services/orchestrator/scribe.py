"""A run's directory: what happened, for people with a terminal. Written from the run's events, which are the truth.

<account>/<site>/<run name>_<id's end>/automation_run.log    one line an event
<account>/<site>/<run name>_<id's end>/stage_<n>.log         the lines of one stage
<account>/<site>/<run name>_<id's end>/run_trace.jsonl       one JSON object an event; its last line says how far we are

A name holds the second a run began in, and two jobs of a site can begin in one second: hence the end of the id.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from chassis.database import Database
from services.orchestrator.domain.log import log_line
from services.orchestrator.leases import Lease

log = logging.getLogger(__name__)
_BEHIND = sa.text(
    "SELECT account_id, site_id, id, name, logged_count FROM run WHERE logged_count < event_count ORDER BY id LIMIT 50"
)
_EVENTS = sa.text(
    "SELECT position, kind, stage, step_id, message, payload, create_time FROM run_event"
    " WHERE account_id = :account AND run_id = :run AND position > :after ORDER BY position LIMIT 2000"
)
_LOGGED = sa.text("UPDATE run SET logged_count = :position WHERE account_id = :account AND id = :run")
_TAIL_BYTES = 1 << 20  # far more than one event's line


class Scribe:
    """Writes runs' directories.

    Args:
        database: under the sweep role; a lease in it keeps one scribe at work, and no run's row is locked while files
            are written.
        root: where.
        mirror: a second place, or None.
    """

    def __init__(self, database: Database, root: Path, mirror: Path | None = None) -> None:
        self._database, self._lease = database, Lease(database, "scribe")
        self._roots = [root] if mirror is None else [root, mirror]

    def round(self) -> None:
        """Write what has happened since the last round; a directory that cannot be written holds up no other."""
        if not self._lease.take():
            return
        try:
            with self._database.untenanted() as connection:
                behind = connection.execute(_BEHIND).all()
            for run in behind:
                try:
                    self._write(run)
                except OSError as error:
                    log.warning("the directory of %s cannot be written: %s", run.name, error)
        finally:
            self._lease.end()

    def _write(self, run: sa.Row[Any]) -> None:
        parameters = {"account": run.account_id, "run": run.id, "after": run.logged_count}
        with self._database.untenanted() as connection:
            events = connection.execute(_EVENTS, parameters).all()
        for root in self._roots:
            folder = root / str(run.account_id) / str(run.site_id) / f"{run.name}_{str(run.id)[-8:]}"
            folder.mkdir(parents=True, exist_ok=True)
            written = _written(folder / "run_trace.jsonl")
            _append(folder, [event for event in events if event.position > written])
        if events:
            with self._database.untenanted() as connection:
                connection.execute(_LOGGED, parameters | {"position": events[-1].position})


def _written(trace: Path) -> int:
    """Return the position of the last event in a directory: a crash between file and row must not write it twice."""
    if not trace.exists():
        return 0
    with trace.open("rb") as file:
        file.seek(-min(_TAIL_BYTES, trace.stat().st_size), 2)
        lines = file.read().split(b"\n")[:-1]  # behind the last line's end lies what a crash has torn
    for line in reversed(lines):
        try:
            return int(json.loads(line)["position"])
        except (ValueError, KeyError):  # somebody wrote into it
            continue
    return 0


def _append(folder: Path, events: Sequence[sa.Row[Any]]) -> None:
    """Add events to a directory's files, the trace last: a crash before it repeats lines for people, and loses none."""
    lines: dict[str, list[str]] = {}
    for event in events:
        line = log_line(event)
        lines.setdefault("automation_run.log", []).append(line)
        if event.stage:
            lines.setdefault(f"stage_{event.stage}.log", []).append(line)
    for name, added in lines.items():
        _add(folder / name, added)
    _add(folder / "run_trace.jsonl", [json.dumps(_traced(event)) for event in events])


def _traced(event: sa.Row[Any]) -> Mapping[str, Any]:
    return {
        "position": event.position,
        "time": event.create_time.isoformat(),
        "kind": event.kind,
        "stage": event.stage,
        "step_id": str(event.step_id) if event.step_id else None,
        "message": event.message,
        **event.payload,
    }


def _add(path: Path, lines: Sequence[str]) -> None:
    """Add whole lines to a file, after cutting off one that a crash has torn."""
    with path.open("ab+") as file:
        file.seek(-min(_TAIL_BYTES, file.tell()), 2)
        start, tail = file.tell(), file.read()
        file.truncate(start + tail.rfind(b"\n") + 1)
        file.write("".join(f"{line}\n" for line in lines).encode())
