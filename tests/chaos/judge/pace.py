"""How long it takes after a blow until work goes on."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.chaos.judge.evidence import Evidence, Row

RUNNING = ("run_started", "run_resumed")


@dataclass(frozen=True)
class Hit:
    """A kill or the end of a pause: its moment in seconds since 1970, and what it was."""

    at: float
    what: str


@dataclass(frozen=True, order=True)
class Wait:
    """How many seconds a lane waited after a blow."""

    seconds: float
    lane: str
    what: str

    def __str__(self) -> str:
        return f"{self.lane} {self.seconds:.1f} s after {self.what}"


def waits(evidence: Evidence, blows: Iterable[Hit]) -> list[Wait]:
    """Return the seconds from each blow to the next end of a step, for each lane that was at work.

    A lane is at work at a moment when a step of it was open then whose run was running. A blow after which no step of
    the lane ended any more has no wait: the lane's steps were cancelled.

    Args:
        evidence: with steps and the turns of runs.
        blows: what was done.
    """
    lanes: defaultdict[str, list[Row]] = defaultdict(list)
    for step in evidence["steps"]:
        lanes[step["lane"]].append(step)
    turns = _turns(evidence["turns"])
    found = []
    for lane, steps in lanes.items():
        ends = sorted(_seconds(step["update_time"]) for step in steps if step["status"] != "cancelled")
        for blow in blows:
            following = bisect_left(ends, blow.at)
            if following < len(ends) and any(_at_work(step, blow.at, turns) for step in steps):
                found.append(Wait(ends[following] - blow.at, lane, blow.what))
    return found


@dataclass(frozen=True)
class _Turns:
    """When a run changed, and whether it ran from then on."""

    times: Sequence[float]
    running: Sequence[bool]

    def runs_at(self, moment: float) -> bool:
        position = bisect_left(self.times, moment) - 1
        return position >= 0 and self.running[position]


def _turns(rows: Iterable[Row]) -> dict[Any, _Turns]:
    by_run: defaultdict[Any, list[tuple[float, bool]]] = defaultdict(list)
    for row in rows:
        by_run[row["run_id"]].append((_seconds(row["create_time"]), row["kind"] in RUNNING))
    return {run: _Turns(*zip(*sorted(changes), strict=True)) for run, changes in by_run.items()}


def _at_work(step: Row, moment: float, turns: dict[Any, _Turns]) -> bool:
    open_then = _seconds(step["create_time"]) < moment < _seconds(step["update_time"])
    run = turns.get(step["run_id"])
    return open_then and run is not None and run.runs_at(moment)


def _seconds(time: datetime) -> float:
    return time.timestamp()
