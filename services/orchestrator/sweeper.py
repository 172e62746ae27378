"""What every replica of the orchestrator does all the time, beside serving calls; all of it safe to do at once.

The sweeper rings lanes that have work (bells are lost with Redis, leases run out with their workers). The relay, the
scheduler and the scribe have modules of their own.
"""

import logging
import threading
from collections.abc import Callable, Mapping

from chassis.database import DATABASE_ERRORS, Database
from chassis.errors import Fault
from services.orchestrator.bells import Bells
from services.orchestrator.domain.stages import LANES, SITE_ROOM
from services.orchestrator.engine import claims
from services.orchestrator.usecases import running

log = logging.getLogger(__name__)
SWEEP_S = 1.0
SCRIBE_S = 1.0


class Loop:
    """Does one thing again and again in a thread of its own until it is stopped; a failure is logged and tried again.

    Args:
        name: what it is called in logs.
        every_s: seconds between the end of one round and the next.
        act: one round.
    """

    def __init__(self, name: str, every_s: float, act: Callable[[], None]) -> None:
        self._every_s, self._act, self._stop = every_s, act, threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._act()
            except (Fault, *DATABASE_ERRORS, OSError) as error:
                log.warning("%s: %s", self._thread.name, error)
            except Exception:  # a round that fails in a way nobody thought of must not end all the others
                log.exception("%s failed", self._thread.name)


def sweep(database: Database, bells: Bells, site_room: Mapping[str, int] = SITE_ROOM) -> None:
    """Resume runs whose time has come, and ring the lanes that have work for somebody; if one cannot be rung, none can.

    Args:
        database: under the sweep role.
        bells: what is rung.
        site_room: how many steps of one site all workers together carry at once in each lane.
    """
    running.resume_due(database)
    for lane in claims.due_lanes(database, LANES, site_room=site_room):
        if not bells.ring(lane):
            return
