"""Following a run: its events ring, its state is read; where the events fail, it is asked again and again."""

import time
from collections.abc import Callable, Iterator

from cli.api import Api, Json, Refused
from cli.errors import Unreachable

ENDED = frozenset({"completed", "cancelled", "failed"})
READ_AGAIN_S = 0.3
POLL_S = 1.0
PATIENCE_S = 60.0
_AT_ONCE = ("run_", "stage_", "end")  # after these it may be quiet for long


def is_over(run: Json) -> bool:
    """Return whether a run goes on no further without somebody's help, or before another day."""
    return run["status"] in ENDED or run["status"] == "paused"


def is_over_here(run: Json) -> bool:
    """Return whether somebody at a terminal need not wait any longer: a run that others may resume is waited for."""
    return run["status"] in ENDED or (run["status"] == "paused" and run["pause_reason"] == "quote_exhausted")


def follow(
    api: Api,
    run_id: str,
    *,
    until: Callable[[Json], bool] = is_over,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Json]:
    """Give a run's state whenever it may have changed, and last when it has come to where `until` holds.

    A gateway that is away for less than a minute is waited for: whatever restarts it, the run goes on.

    Raises:
        Refused: there is no such run.
        Unreachable: nothing answered for a minute.
    """
    position, away_since = "", None
    while True:
        try:
            run = api.get(f"/v1/runs/{run_id}")
            away_since = None
            yield run
            if until(run):
                return
            for heard in _rings(api, run_id, position, clock):
                position = heard or position
                run = api.get(f"/v1/runs/{run_id}")
                yield run
                if until(run):
                    return
        except (Unreachable, Refused) as error:
            if isinstance(error, Refused) and error.status < 500 and error.status != 429:  # noqa: PLR2004 - HTTP's own
                raise
            away_since = clock() if away_since is None else away_since
            if clock() - away_since > PATIENCE_S:
                raise
        sleep(POLL_S)


def _rings(api: Api, run_id: str, position: str, clock: Callable[[], float]) -> Iterator[str]:
    """Give the position of the newest event, at most as often as reading the run again is worth it."""
    with api.events(run_id, position) as events:
        last = clock()
        for event in events:
            if event.kind == "problem":
                return
            if event.kind.startswith(_AT_ONCE) or clock() - last >= READ_AGAIN_S:
                yield event.position
                last = clock()


def wait_for_the_rest(
    api: Api,
    run: Json,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Json:
    """Wait a while for what a cancelled run still has under way, which is captured or released; its state then.

    Raises:
        Refused: there is no such run.
        Unreachable: nothing answered.
    """
    open_ones = f'run_id = "{run["id"]}" AND (status = "ready" OR status = "running")'
    until = clock() + PATIENCE_S
    while api.count(f"/v1/sites/{run['site_id']}/steps", open_ones) and clock() < until:
        sleep(POLL_S)
    return api.get(f"/v1/runs/{run['id']}")
