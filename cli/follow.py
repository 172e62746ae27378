"""Following a run: its events ring, its state is read; where the events fail, it is asked again and again."""

import time
from collections.abc import Callable, Iterator

from cli.api import Api, Json, Refused
from cli.errors import Unreachable

ENDED = frozenset({"completed", "cancelled", "failed"})
READ_AGAIN_S = 0.3
POLL_S = 1.0
PATIENCE_S = 60.0


def follow(
    api: Api, run_id: str, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Json]:
    """Give a run's state whenever it may have changed, and last when it has ended or is paused.

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
            if is_over(run):
                return
            for heard in _rings(api, run_id, position, clock):
                position = heard or position
                run = api.get(f"/v1/runs/{run_id}")
                yield run
                if is_over(run):
                    return
        except (Unreachable, Refused) as error:
            if isinstance(error, Refused) and error.status < 500 and error.status != 429:  # noqa: PLR2004 - HTTP's own
                raise
            away_since = clock() if away_since is None else away_since
            if clock() - away_since > PATIENCE_S:
                raise
        sleep(POLL_S)


def is_over(run: Json) -> bool:
    """Return whether a run goes on no further by itself."""
    return run["status"] in ENDED or run["status"] == "paused"


def _rings(api: Api, run_id: str, position: str, clock: Callable[[], float]) -> Iterator[str]:
    """Give the position of the newest event, at most as often as reading the run again is worth it."""
    with api.events(run_id, position) as events:
        last = clock()
        for event in events:
            if event.kind == "problem":
                return
            if event.kind == "end" or event.kind.startswith("run_") or clock() - last >= READ_AGAIN_S:
                yield event.position
                last = clock()
