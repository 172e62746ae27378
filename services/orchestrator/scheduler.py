"""Scheduled starts, in every replica and without a leader: whoever claims a site's start makes it.

A start is claimed for a while, and made under ids that follow from the site and the scheduled time. So a replica that
dies in the middle is followed by another that comes to the same quote and the same run, and one that was only frozen
finds its start made and its claim gone. What became of it is written with the next start, under the claim.
"""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa

from chassis.clock import Clock, SystemClock
from chassis.database import Database
from chassis.errors import FailedPrecondition, Fault, Kind, Unavailable
from chassis.passport import SiteClaim
from chassis.tenancy import Tenant
from services.orchestrator import automation, clients, repository
from services.orchestrator.bells import Bells
from services.orchestrator.clients import Peers, ResolvedSite
from services.orchestrator.domain.settings import next_start
from services.orchestrator.errors import RunActive
from services.orchestrator.passports import EDGE, of_run
from services.orchestrator.usecases import quoting, running

log = logging.getLogger(__name__)
SCHEDULER_S = 1.0
CLAIM_S = 30  # longer than a start takes when everybody answers; then another replica makes it, under the same ids
PUT_OFF_S = 10  # after somebody could not be reached: a service is up again before its claim would have run out
AT_ONCE = 4
LATE = timedelta(hours=1)  # a start that is later was missed; a busy hour may hold one up by minutes
_PASSING = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED, Kind.ABORTED, Kind.INTERNAL})
_WHAT_TO_DO = {
    "paused_by_user": "resume or cancel it",
    "quote_exhausted": "resume it with a new quote, or cancel it",
    "paused_insufficient_credits": "it goes on when credits are added; or cancel it",
    "daily_limit_reached": "it goes on tomorrow, or when it is resumed after the site's daily credits were raised",
}

# The database's clock rules: replicas' own may differ.
_CLAIM = sa.text(
    """
    WITH due AS (
        SELECT account_id, id FROM automation_config
        WHERE enabled AND next_run_time <= now() AND (starting_until IS NULL OR starting_until <= now())
        ORDER BY next_run_time LIMIT :count
        FOR UPDATE SKIP LOCKED
    )
    UPDATE automation_config AS config SET starting_until = now() + make_interval(secs => :lease)
    FROM due WHERE config.account_id = due.account_id AND config.id = due.id
    RETURNING config.*, now() AS claimed_at
    """
)
# A change of the settings meanwhile has told the next start already.
_FINISH = sa.text(
    """
    UPDATE automation_config
    SET starting_until = NULL, last_outcome = :outcome, account_zone = :zone,
        last_run_time = CASE WHEN :started THEN CAST(:due AS timestamptz) ELSE last_run_time END,
        next_run_time = CASE WHEN next_run_time = :due THEN CAST(:next AS timestamptz) ELSE next_run_time END
    WHERE account_id = :account AND id = :id AND starting_until = :claim
    """
)
_PUT_OFF = sa.text(
    "UPDATE automation_config SET last_outcome = :outcome, starting_until = now() + make_interval(secs => :wait)"
    " WHERE account_id = :account AND id = :id AND starting_until = :claim"
)


@dataclass(frozen=True)
class Start:
    """A claimed start of a site.

    Args:
        settings: the row of `automation_config` as it was claimed.
    """

    settings: Mapping[str, Any]

    @property
    def account_id(self) -> UUID:
        """Whose site it is."""
        return UUID(str(self.settings["account_id"]))

    @property
    def site_id(self) -> UUID:
        """The site."""
        return UUID(str(self.settings["site_id"]))

    @property
    def due(self) -> datetime:
        """When it was to be."""
        moment: datetime = self.settings["next_run_time"]
        return moment

    @property
    def was_missed(self) -> bool:
        """Whether it is late, and late starts are not to be made."""
        late: timedelta = self.settings["claimed_at"] - self.due
        return self.settings["catch_up"] == "skip" and late > LATE

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """The ids of its quote and its run, the same for whoever makes it."""
        moment = self.due.astimezone(UTC).isoformat()
        return uuid5(self.site_id, f"scheduled quote {moment}"), uuid5(self.site_id, f"scheduled run {moment}")


@dataclass(frozen=True)
class Outcome:
    """What became of a start, in words for whoever looks at the settings."""

    words: str
    started: bool = False


class Scheduler:
    """Makes the starts that are due.

    Args:
        rounds: under the sweep role, which sees every site's settings.
        database: under the app role, for what is one site's.
        peers: the other services.
        bells: rung for what was started.
        clock: for the names of runs.
    """

    def __init__(
        self, rounds: Database, database: Database, peers: Peers, bells: Bells, clock: Clock | None = None
    ) -> None:
        self._rounds, self._database, self._peers, self._bells = rounds, database, peers, bells
        self._clock = clock or SystemClock()

    def round(self) -> None:
        """Make every start that is due now, a few at once."""
        with ThreadPoolExecutor(AT_ONCE, "start") as pool:
            while claimed := self.claim(AT_ONCE):
                list(pool.map(self.make, claimed))

    def claim(self, count: int) -> list[Start]:
        """Claim starts that are due, at most `count`; each is somebody's alone for a while."""
        with self._rounds.untenanted() as connection:
            rows = connection.execute(_CLAIM, {"count": count, "lease": CLAIM_S}).mappings().all()
        return [Start(dict(row)) for row in rows]

    def make(self, start: Start) -> None:
        """Make a start, or find out why it cannot be, and tell the next. What passes is tried again."""
        zone = start.settings["account_zone"]
        try:
            site = self._resolve(start)
            zone = site.time_zone
            outcome = self._outcome(start, site.claim)
        except Fault as fault:
            log.warning("the start of site %s at %s: %s", start.site_id, start.due, fault.message)
            if fault.code in _PASSING:
                self._put_off(start, f"not started yet, and tried again: {fault.message}")
                return
            outcome = Outcome(f"not started: {fault.message}")
        self._finish(start, outcome, zone)

    def _resolve(self, start: Start) -> ResolvedSite:
        try:
            return self._peers.send(clients.resolve_site(start.account_id, start.site_id), EDGE)
        except Fault as fault:
            if fault.code is Kind.NOT_FOUND:
                raise FailedPrecondition("The site is switched off or was deleted.") from fault
            raise

    def _outcome(self, start: Start, site: SiteClaim | None) -> Outcome:
        tenant = Tenant(start.account_id, site)
        quote_id, run_id = start.ids
        with self._database.transaction(tenant) as tx:
            made = repository.read_run(tx, run_id)
            active = repository.active_run(tx, start.site_id)
            settings = repository.read_config(tx, start.site_id)
            quote = repository.read_quote(tx, quote_id)
        if made is not None:  # by a replica that died before it could say so
            return Outcome(f"started {made.name}", started=True)
        if settings is None or settings.next_run_time != start.due:
            return Outcome("not started: the settings were changed at that moment")
        if start.was_missed:
            return Outcome(
                f"skipped: the start of {start.due:%Y-%m-%d %H:%M} UTC was missed, and late starts are not made"
            )
        if active is not None:
            return _blocked(active)
        if quote is None or quote.expire_time <= start.settings["claimed_at"]:
            plan = automation.plan_of(start.settings, tenant)
            made_quote = quoting.quote_run(
                self._database, self._peers, tenant, of_run(start.account_id, site), plan, start.ids
            )
            if not any(line["items"] for line in made_quote["lines"]):
                return Outcome("not started: there is nothing to do")
        return self._started(start, tenant)

    def _started(self, start: Start, tenant: Tenant) -> Outcome:
        passport = of_run(start.account_id, tenant.site)
        quote_id, run_id = start.ids
        try:
            running.start_with_quote(
                self._database, self._peers, self._clock, tenant, passport, quote_id, schedule_time=start.due
            )
        except RunActive as refused:
            with self._database.transaction(tenant) as tx:
                active = repository.active_run(tx, start.site_id)
            if active is None:
                raise Unavailable("Another run of the site ended at this moment.") from refused
            return _blocked(active)
        with self._database.transaction(tenant) as tx:
            made = repository.read_run(tx, run_id)
        self._bells.ring("local")
        return Outcome(f"started {made.name}" if made else "started", started=True)

    def _finish(self, start: Start, outcome: Outcome, zone: str) -> None:
        following = next_start({**start.settings, "account_zone": zone}, start.settings["claimed_at"])
        values = {"outcome": outcome.words, "started": outcome.started, "zone": zone, "due": start.due}
        with self._rounds.untenanted() as connection:
            connection.execute(_FINISH, {**values, "next": following, **_claim_of(start)})

    def _put_off(self, start: Start, words: str) -> None:
        with self._rounds.untenanted() as connection:
            connection.execute(_PUT_OFF, {"outcome": words, "wait": PUT_OFF_S, **_claim_of(start)})


def _claim_of(start: Start) -> dict[str, Any]:
    return {
        "account": start.account_id,
        "id": start.settings["id"],
        "claim": start.settings["starting_until"],
    }


def _blocked(run: sa.Row[Any]) -> Outcome:
    if run.status == "running":
        return Outcome(f"skipped: {run.name} is still at work")
    help_ = _WHAT_TO_DO.get(run.pause_reason, "resume or cancel it")
    return Outcome(f"skipped: {run.name} is paused ({run.pause_reason}): {help_}")
