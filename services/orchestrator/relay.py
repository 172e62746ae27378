"""The relay carries facts from outboxes to whoever asked for their kind; the orchestrator asks too."""

import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from chassis import outbox
from chassis.clock import Clock, SystemClock
from chassis.database import DATABASE_ERRORS, Database
from chassis.errors import Fault, Kind, Unavailable
from chassis.passport import Passport
from chassis.tenancy import Tenant
from chassis.work_servicer import fact_of
from services.orchestrator import clients
from services.orchestrator.clients import Peers
from services.orchestrator.domain.stages import LEASE_S
from services.orchestrator.leases import Lease
from services.orchestrator.passports import of_run
from services.orchestrator.usecases.facts import HANDLERS

log = logging.getLogger(__name__)
RELAY_S = 0.3
OURSELVES = "orchestrator"
_BATCH = 1000  # the most that an outbox gives at once
_PAGES = 20  # of an outbox, in one round: what is put off lies in front of what is not
_PUT_OFF_MAX = 10_000
_PUT_OFF_S_MAX = 60.0
_NEVER = (0, 0.0)
_ENGINE = Passport(frozenset({"engine"}))

SUBSCRIPTIONS: Mapping[str, Sequence[str]] = {
    "identity.account_opened": ("billing",),
    "identity.account_changed": (OURSELVES,),
    "identity.site_deleted": ("integration", OURSELVES),
    "billing.credits_granted": (OURSELVES,),
    "billing.plan_changed": ("planner", "identity"),  # the account shows the plan once all its limits hold
    "planner.clusters_merged": ("writer",),
    "writer.task_created": ("planner",),
    "writer.content_created": ("planner",),
    "writer.content_published": ("planner",),
    "integration.content_published": ("writer",),
}
"""Who asked for which facts; a kind that nobody asked for is forgotten."""
SOURCES = ("identity", "billing", "planner", "integration", "writer")  # who hears of one's facts comes after him


class Relay:
    """Carries facts.

    A fact that its receiver cannot digest is put off, for longer each time, and a receiver that cannot be reached is
    left alone for the rest of a round: neither holds up what lies behind it.

    Args:
        database: under the sweep role; a lease in it keeps one relay at work however many replicas there are.
        peers: the other services.
        own: the orchestrator's database under the app role, for facts that it asked for itself.
        clock: for how long a fact is put off.
        lease_s: seconds that the lease is taken for.
    """

    def __init__(
        self, database: Database, peers: Peers, own: Database, clock: Clock | None = None, *, lease_s: float = LEASE_S
    ) -> None:
        self._lease = Lease(database, "relay", lease_s=lease_s)
        self._peers, self._own, self._clock = peers, own, clock or SystemClock()
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
        after = ""
        for _ in range(_PAGES):
            page = self._pull(source, after)
            self._carry(source, page, away)
            if len(page) < _BATCH:
                return
            after = page[-1].id

    def _pull(self, source: str, after: str) -> Sequence[clients.Event]:
        try:
            return self._peers.send(clients.pull_events(source, _BATCH, after), _ENGINE, repeatable=False)
        except Fault as fault:
            log.debug("the outbox of %s cannot be read just now: %s", source, fault.message)
            return []

    def _carry(self, source: str, events: Sequence[clients.Event], away: set[str]) -> None:
        now = self._clock.monotonic()
        due = [event for event in events if self._put_off.get(event.id, _NEVER)[1] <= now]
        delivered = [event.id for event in due if self._deliver(event, away)]
        if delivered:
            self._peers.send(clients.ack_events(source, delivered), _ENGINE)

    def _deliver(self, event: clients.Event, away: set[str]) -> bool:
        """Hand a fact to everybody who asked for it, in their order; return whether all have it."""
        for receiver in SUBSCRIPTIONS.get(event.kind, ()):
            if receiver in away:
                return False
            try:
                self._hand_over(receiver, event)
            except Fault as fault:
                if fault.code is Kind.INVALID_ARGUMENT:  # what is refused as wrong would be refused for ever
                    log.error("%s refused %s %s: %s", receiver, event.kind, event.id, fault.message)
                    continue
                log.warning("%s did not take %s %s: %s", receiver, event.kind, event.id, fault.message)
                self._note(event, receiver, fault, away)
                return False
        self._put_off.pop(event.id, None)
        return True

    def _hand_over(self, receiver: str, event: clients.Event) -> None:
        if receiver == OURSELVES:
            take_in(self._own, event)
        else:
            self._peers.send(clients.deliver_event(receiver, event), of_run(UUID(event.account_id), None))

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


def take_in(database: Database, event: clients.Event) -> None:
    """Do what the orchestrator does about a fact; a second time changes nothing.

    Args:
        database: the orchestrator's, under the app role.
        event: of a kind in `HANDLERS`.

    Raises:
        Unavailable: the database cannot take it just now.
    """
    fact = fact_of(event)
    try:
        outbox.take_in(database, Tenant(fact.account_id), fact, HANDLERS)
    except DATABASE_ERRORS as error:
        raise Unavailable(f"{event.kind} could not be taken in: {error}") from error
