"""What every replica of the orchestrator does all the time, beside serving calls; all of it safe to do at once.

The sweeper rings lanes that have work (bells are lost with Redis, leases run out with their workers). The relay carries
facts from outboxes to whoever asked for their kind. The scribe writes the runs' directories.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.errors import Fault, Kind
from chassis.passport import Passport
from services.orchestrator import clients
from services.orchestrator.bells import Bells
from services.orchestrator.clients import Peers
from services.orchestrator.domain import LANES, LEASE_S
from services.orchestrator.engine import claims
from services.orchestrator.passports import of_run

log = logging.getLogger(__name__)
SWEEP_S = 1.0
RELAY_S = 0.3
SCRIBE_S = 1.0
_BATCH = 200
_TAKE_LEASE = sa.text(
    "INSERT INTO lane (lane, rung_time) VALUES ('relay', now() + make_interval(secs => :lease))"
    " ON CONFLICT (lane) DO UPDATE SET rung_time = now() + make_interval(secs => :lease)"
    " WHERE lane.rung_time <= now() RETURNING 1"
)
_END_LEASE = sa.text("UPDATE lane SET rung_time = now() WHERE lane = 'relay' RETURNING 1")

SUBSCRIPTIONS: Mapping[str, Sequence[str]] = {
    "identity.account_opened": ("billing",),
    "identity.site_deleted": ("integration",),
    "billing.plan_changed": ("identity", "planner"),
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
            except (Fault, sa.exc.SQLAlchemyError, OSError) as error:
                log.warning("%s: %s", self._thread.name, error)
            except Exception:  # a round that fails in a way nobody thought of must not end all the others
                log.exception("%s failed", self._thread.name)


def sweep(database: Database, bells: Bells) -> None:
    """Ring the lanes that have work due; when one cannot be rung, neither can the others."""
    for lane in LANES:
        if claims.has_due(database, lane) and not bells.ring(lane):
            return


class Relay:
    """Carries facts.

    Args:
        database: under the sweep role; a lease in it keeps one relay at work however many replicas there are.
        peers: the other services.
    """

    def __init__(self, database: Database, peers: Peers) -> None:
        self._database, self._peers = database, peers

    def round(self) -> None:
        """Carry what lies in the outboxes now."""
        if not self._set_lease(_TAKE_LEASE):
            return
        try:
            for source in SOURCES:
                self._drain(source)
        finally:
            self._set_lease(_END_LEASE)

    def _set_lease(self, statement: sa.TextClause) -> bool:
        """Take or end the lease of the relay; no transaction is held while facts are carried."""
        with self._database.untenanted() as connection:
            return connection.execute(statement, {"lease": LEASE_S}).first() is not None

    def _drain(self, source: str) -> None:
        passport = Passport(frozenset({"engine"}))
        try:
            events = self._peers.send(clients.pull_events(source, _BATCH), passport, repeatable=False)
        except Fault as fault:
            log.debug("the outbox of %s cannot be read just now: %s", source, fault.message)
            return
        delivered = [event.id for event in events if self._deliver(event)]
        if delivered:
            self._peers.send(clients.ack_events(source, delivered), passport)

    def _deliver(self, event: clients.Event) -> bool:
        """Hand a fact to everybody who asked for it; return whether all have it."""
        kind, account_id = event.kind, UUID(event.account_id)
        complete = True
        for receiver in SUBSCRIPTIONS.get(kind, ()):
            try:
                self._peers.send(clients.deliver_event(receiver, event), of_run(account_id, None))
            except Fault as fault:
                refused = fault.code is Kind.INVALID_ARGUMENT
                log.log(
                    logging.ERROR if refused else logging.WARNING,
                    "%s did not take %s: %s",
                    receiver,
                    kind,
                    fault.message,
                )
                complete = complete and refused  # what is refused as wrong would be refused for ever
        return complete
