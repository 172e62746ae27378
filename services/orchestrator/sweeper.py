"""What every replica of the orchestrator does all the time, beside serving calls; all of it safe to do at once.

The sweeper rings lanes that have work (bells are lost with Redis, leases run out with their workers). The relay carries
facts from outboxes to whoever asked for their kind. The scribe writes the runs' directories.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from chassis.clock import Clock, SystemClock
from chassis.database import DATABASE_ERRORS, Database
from chassis.errors import Fault, Kind
from chassis.passport import Passport
from services.orchestrator import clients
from services.orchestrator.bells import Bells
from services.orchestrator.clients import Peers
from services.orchestrator.domain.stages import LANES, LEASE_S
from services.orchestrator.engine import claims
from services.orchestrator.leases import Lease
from services.orchestrator.passports import of_run

log = logging.getLogger(__name__)
SWEEP_S = 1.0
RELAY_S = 0.3
SCRIBE_S = 1.0
_BATCH = 1000  # the most that an outbox gives: what is put off lies in front of what is not
_PUT_OFF_MAX = 10_000
_PUT_OFF_S_MAX = 60.0
_NEVER = (0, 0.0)

SUBSCRIPTIONS: Mapping[str, Sequence[str]] = {
    "identity.account_opened": ("billing",),
    "identity.site_deleted": ("integration",),
    "billing.plan_changed": ("planner", "identity"),  # the account shows the plan once all its limits hold
    "writer.task_created": ("planner",),
    "writer.content_created": ("planner",),
    "integration.content_published": ("writer", "planner"),
}
"""Who asked for which facts; a kind that nobody asked for is forgotten."""
SOURCES = ("identity", "billing", "planner", "writer", "integration")


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


def sweep(database: Database, bells: Bells) -> None:
    """Ring the lanes that have work due; when one cannot be rung, neither can the others."""
    for lane in claims.due_lanes(database, LANES):
        if not bells.ring(lane):
            return


class Relay:
    """Carries facts.

    A fact that its receiver cannot digest is put off, for longer each time, and a receiver that cannot be reached is
    left alone for the rest of a round: neither holds up what lies behind it.

    Args:
        database: under the sweep role; a lease in it keeps one relay at work however many replicas there are.
        peers: the other services.
        clock: for how long a fact is put off.
        lease_s: seconds that the lease is taken for.
    """

    def __init__(
        self, database: Database, peers: Peers, clock: Clock | None = None, *, lease_s: float = LEASE_S
    ) -> None:
        self._lease = Lease(database, "relay", lease_s=lease_s)
        self._peers, self._clock = peers, clock or SystemClock()
        self._put_off: dict[str, tuple[int, float]] = {}  # by a fact's id: failures, and when to try again

    def round(self) -> None:
        """Carry what lies in the outboxes now."""
        if not self._lease.take():
            return
        away: set[str] = set()
        try:
            for source in SOURCES:
                self._drain(source, away)
        finally:
            self._lease.end()

    def _drain(self, source: str, away: set[str]) -> None:
        passport = Passport(frozenset({"engine"}))
        try:
            events = self._peers.send(clients.pull_events(source, _BATCH), passport, repeatable=False)
        except Fault as fault:
            log.debug("the outbox of %s cannot be read just now: %s", source, fault.message)
            return
        now = self._clock.monotonic()
        due = [event for event in events if self._put_off.get(event.id, _NEVER)[1] <= now]
        delivered = [event.id for event in due if self._deliver(event, away)]
        if delivered:
            self._peers.send(clients.ack_events(source, delivered), passport)

    def _deliver(self, event: clients.Event, away: set[str]) -> bool:
        """Hand a fact to everybody who asked for it, in their order; return whether all have it."""
        for receiver in SUBSCRIPTIONS.get(event.kind, ()):
            if receiver in away:
                return False
            try:
                self._peers.send(clients.deliver_event(receiver, event), of_run(UUID(event.account_id), None))
            except Fault as fault:
                if fault.code is Kind.INVALID_ARGUMENT:  # what is refused as wrong would be refused for ever
                    log.error("%s refused %s %s: %s", receiver, event.kind, event.id, fault.message)
                    continue
                log.warning("%s did not take %s %s: %s", receiver, event.kind, event.id, fault.message)
                self._note(event, receiver, fault, away)
                return False
        self._put_off.pop(event.id, None)
        return True

    def _note(self, event: clients.Event, receiver: str, fault: Fault, away: set[str]) -> None:
        """Remember not to try a receiver again in this round, or a fact for a while."""
        if fault.code in {Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED}:
            away.add(receiver)
        if fault.code is Kind.UNAVAILABLE:
            return
        if len(self._put_off) > _PUT_OFF_MAX:
            self._put_off.clear()
        failures = self._put_off.get(event.id, _NEVER)[0] + 1
        self._put_off[event.id] = (failures, self._clock.monotonic() + min(2.0**failures, _PUT_OFF_S_MAX))
