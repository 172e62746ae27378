"""The platform's own periodic work, in every replica and without a leader: whoever claims a task does it.

A claim is kept alive while the task is at work, and runs out with its holder; every task may be done twice.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis import idempotency
from chassis.database import Database
from chassis.errors import Fault
from chassis.passport import Passport
from services.orchestrator import clients
from services.orchestrator.clients import Peers
from services.orchestrator.domain.upkeep import DUTIES, RETRY_S
from services.orchestrator.reconciling import reconcile

log = logging.getLogger(__name__)
MAINTENANCE_S = 1.0
CLAIM_S = 120
_ENGINE = Passport(frozenset({"engine"}))
_ACCOUNTS_AT_ONCE, _ANSWERS_AT_ONCE = 1000, 10_000
_ROUNDS_MAX = 1000  # what is left then is there at the next start
_WITH_ANSWERS = ("identity", "planner", "writer", "ai", "integration")

Alive = Callable[[], None]
Found = tuple[Mapping[str, Any], str]
"""What a task found and did, and what was wrong in words."""
Task = Callable[[Alive], Found]

_KNOW = sa.text("INSERT INTO maintenance_task (name) SELECT unnest(CAST(:names AS text[])) ON CONFLICT DO NOTHING")
_CLAIM = sa.text(
    """
    UPDATE maintenance_task SET taken_until = now() + make_interval(secs => :lease), last_start_time = now()
    WHERE name = (
        SELECT name FROM maintenance_task
        WHERE name = ANY(:names) AND next_time <= now() AND (taken_until IS NULL OR taken_until <= now())
        ORDER BY next_time LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING name, next_time, last_start_time
    """
)
_KEEP = sa.text(
    "UPDATE maintenance_task SET taken_until = now() + make_interval(secs => :lease)"
    " WHERE name = :name AND last_start_time = :claim RETURNING 1"
)
# Whoever asked for it meanwhile has moved its time, and gets it again.
_FINISH = sa.text(
    """
    UPDATE maintenance_task
    SET taken_until = NULL, last_end_time = clock_timestamp(), last_result = :result, last_error = :error,
        next_time = CASE WHEN next_time = :time THEN now() + make_interval(secs => :pause) ELSE next_time END
    WHERE name = :name AND last_start_time = :claim
    """
).bindparams(sa.bindparam("result", type_=sa.JSON))


class ClaimLost(Exception):
    """Another replica does the task now."""


@dataclass(frozen=True)
class Claim:
    """A task that is ours to do.

    Args:
        name: which.
        time: when it was to start.
        since: when it was claimed; the claim's fence.
    """

    name: str
    time: datetime
    since: datetime


class Maintenance:
    """Does what is due.

    Args:
        rounds: under the sweep role.
        tasks: by name.
    """

    def __init__(self, rounds: Database, tasks: Mapping[str, Task]) -> None:
        self._rounds, self._tasks, self._known = rounds, dict(tasks), False

    def round(self) -> None:
        """Do every task that is due now, one after the other."""
        while (claim := self.claim()) is not None:
            self.do(claim)

    def claim(self) -> Claim | None:
        """Claim a task that is due; None when there is none."""
        names = list(self._tasks)
        with self._rounds.untenanted() as connection:
            if not self._known:
                connection.execute(_KNOW, {"names": names})
            row = connection.execute(_CLAIM, {"names": names, "lease": CLAIM_S}).one_or_none()
        self._known = True
        return Claim(row.name, row.next_time, row.last_start_time) if row else None

    def do(self, claim: Claim) -> None:
        """Do a claimed task and write what became of it."""
        pause = DUTIES[claim.name].every_s
        result: Mapping[str, Any] = {}
        try:
            result, error = self._tasks[claim.name](lambda: self._keep(claim))
        except ClaimLost:
            log.warning("%s took so long that another replica does it now", claim.name)
            return
        except Fault as fault:
            error, pause = fault.message, min(pause, RETRY_S)
        if error:
            log.error("%s: %s", claim.name, error)
        values = {"name": claim.name, "time": claim.time, "claim": claim.since, "pause": pause}
        with self._rounds.untenanted() as connection:
            connection.execute(_FINISH, {**values, "result": dict(result), "error": error[:2000]})

    def _keep(self, claim: Claim) -> None:
        with self._rounds.untenanted() as connection:
            kept = connection.execute(_KEEP, {"name": claim.name, "claim": claim.since, "lease": CLAIM_S}).first()
        if kept is None:
            raise ClaimLost(claim.name)


def tasks(rounds: Database, peers: Peers) -> Mapping[str, Task]:
    """Return the platform's periodic work, by name.

    Args:
        rounds: the orchestrator's database under the sweep role.
        peers: the other services.
    """
    return {
        "lapse_credits": lambda alive: _lapse_credits(peers, alive),
        "purge_answers": lambda alive: _purge_answers(rounds, peers, alive),
        "reconcile": lambda alive: reconcile(rounds, peers, alive),
    }


def _lapse_credits(peers: Peers, alive: Alive) -> Found:
    totals = {"accounts": 0, "began_credits": 0, "ended_credits": 0, "failed_accounts": 0}
    for _ in range(_ROUNDS_MAX):
        alive()
        answer = peers.send(clients.lapse_credits(_ACCOUNTS_AT_ONCE), _ENGINE)
        for name in totals:
            totals[name] += getattr(answer, name)
        if not answer.more or answer.failed_accounts:  # those that refuse stay in front
            break
    failed = totals["failed_accounts"]
    return (
        totals,
        f"the books of {failed} accounts refused it; reconcile says what is wrong with them" if failed else "",
    )


def _purge_answers(rounds: Database, peers: Peers, alive: Alive) -> Found:
    purged = {"orchestrator": _repeated(lambda: idempotency.purge(rounds, _ANSWERS_AT_ONCE), alive)}
    for service in _WITH_ANSWERS:
        call = clients.purge_answers(service, _ANSWERS_AT_ONCE)
        purged[service] = _repeated(lambda call=call: peers.send(call, _ENGINE), alive)  # type: ignore[misc]  # bound now
    return {"purged": purged}, ""


def _repeated(act: Callable[[], int], alive: Alive) -> int:
    total = 0
    for _ in range(_ROUNDS_MAX):
        alive()
        count = act()
        total += count
        if count < _ANSWERS_AT_ONCE:
            break
    return total
