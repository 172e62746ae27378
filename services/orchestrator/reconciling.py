"""The reconciler: every account's books with each other, and billing's captures with the steps that were done.

It reads two databases at different moments, so it looks only at steps that ended more than five minutes ago: of those
nothing is under way on either side. A hold of such a step is ended, by the orchestrator's word and as an error: the
engine should have done it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.errors import Fault, Kind
from chassis.passport import Passport, SiteClaim
from services.orchestrator import clients
from services.orchestrator.clients import Peers
from services.orchestrator.domain import books
from services.orchestrator.domain.books import Booked, Difference, Ended
from services.orchestrator.passports import of_run

log = logging.getLogger(__name__)
SETTLED_MIN = 5
SHOWN_MAX = 100
_ENGINE = Passport(frozenset({"engine"}))

_CUTOFF = sa.text("SELECT now() - make_interval(mins => :minutes)")
_ACCOUNTS = sa.text("SELECT DISTINCT account_id FROM run WHERE account_id > :after ORDER BY account_id LIMIT 1000")
_STEPS = sa.text(
    "SELECT id, site_id, run_id, status, credits, reservation, update_time <= :cutoff AS is_settled FROM step"
    " WHERE account_id = :account AND id = ANY(:ids)"
)
_PAID = "account_id = :account AND status = 'succeeded' AND credits > 0 AND update_time <= :cutoff"
_PAID_COUNT = sa.text(f"SELECT count(*) FROM step WHERE {_PAID}")  # noqa: S608 - a constant of ours
_PAID_RUNS = sa.text(f"SELECT DISTINCT run_id FROM step WHERE {_PAID}")  # noqa: S608 - the same
_PAID_STEPS = sa.text(f"SELECT id, credits FROM step WHERE {_PAID} AND run_id = :run")  # noqa: S608 - the same
_RUNS = sa.text(
    "SELECT r.id, r.captured_credits AS booked, coalesce(sum(s.credits), 0)::bigint AS counted"
    " FROM run r LEFT JOIN step s ON s.account_id = r.account_id AND s.run_id = r.id"
    " WHERE r.account_id = :account GROUP BY r.account_id, r.id"
)


@dataclass
class Findings:
    """What was compared, and everything that differs.

    Args:
        compared: how many comparisons, by what was compared.
        differences: as they were found.
        ended_credits: that holds of ended steps had, which were ended.
    """

    compared: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(books.COMPARISONS, 0)))
    differences: list[Difference] = field(default_factory=list)
    ended_credits: int = 0

    def add(self, what: str, count: int, found: Sequence[Difference]) -> None:
        """Take in what one comparison found."""
        self.compared[what] += count
        self.differences += found
        for difference in found:
            log.error(
                "account %s: %s: %s: booked %s, counted %s",
                difference.account_id,
                difference.what,
                difference.subject,
                difference.booked,
                difference.counted,
            )

    @property
    def error(self) -> str:
        """What is wrong in all, in words; empty when nothing is."""
        if not self.differences:
            return ""
        first = self.differences[0]
        return (
            f"{len(self.differences)} differences; the first: {first.what}, {first.subject}, account {first.account_id}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return them as they are kept and shown; of many differences the first."""
        own = (
            one.what if one.what in books.COMPARISONS else books.BOOKS for one in self.differences
        )  # billing's words
        wrong = Counter(own)
        compared = [{"what": what, "count": count, "differences": wrong[what]} for what, count in self.compared.items()]
        shown = [{**asdict(one), "account_id": str(one.account_id)} for one in self.differences[:SHOWN_MAX]]
        return {
            "compared": compared,
            "differences": shown,
            "difference_count": len(self.differences),
            "ended_credits": self.ended_credits,
        }


class Reconciler:
    """Compares.

    Args:
        rounds: the orchestrator's database under the sweep role.
        peers: the other services.
        alive: called now and then, to say that it is at work.
    """

    def __init__(self, rounds: Database, peers: Peers, alive: Callable[[], None]) -> None:
        self._rounds, self._peers, self._alive = rounds, peers, alive
        self._findings = Findings()

    def reconcile(self) -> Findings:
        """Compare everything.

        Raises:
            Fault: billing cannot be reached; nothing can be said then.
        """
        self._books()
        cutoff = self._one(_CUTOFF, minutes=SETTLED_MIN)
        for account_id in self._accounts():
            self._alive()
            self._runs(account_id)
            self._steps(account_id, cutoff)
        return self._findings

    def _books(self) -> None:
        token = ""
        while True:
            self._alive()
            page = self._peers.send(clients.reconcile_accounts(token), _ENGINE)
            found = [
                Difference(UUID(d.account_id), d.what, "the account's books", d.booked, d.counted)
                for d in page.differences
            ]
            self._findings.add(books.BOOKS, page.accounts, found)
            token = page.next_page_token
            if not token:
                return

    def _accounts(self) -> Iterator[UUID]:
        after = UUID(int=0)
        while accounts := [row.account_id for row in self._all(_ACCOUNTS, after=after)]:
            yield from accounts
            after = accounts[-1]

    def _runs(self, account_id: UUID) -> None:
        rows = self._all(_RUNS, account=account_id)
        found = [
            Difference(account_id, books.RUNS, f"run {row.id}", row.booked, row.counted)
            for row in rows
            if row.booked != row.counted
        ]
        self._findings.add(books.RUNS, len(rows), found)

    def _steps(self, account_id: UUID, cutoff: datetime) -> None:
        paid = 0
        for page in self._captures(account_id, []):
            self._alive()
            paid += self._compare(account_id, page, cutoff)
        if paid != self._one(_PAID_COUNT, account=account_id, cutoff=cutoff):
            self._findings.add(books.CAPTURES, 0, list(self._never_captured(account_id, cutoff)))

    def _compare(self, account_id: UUID, page: Sequence[Booked], cutoff: datetime) -> int:
        """Compare a page of captures with their steps; return how many were of done steps that cost something."""
        rows = self._all(_STEPS, account=account_id, ids=[booked.step_id for booked in page], cutoff=cutoff)
        steps = {row.id: row for row in rows}
        paid = 0
        for booked in page:
            row = steps.get(booked.step_id)
            if row is None or row.run_id != booked.run_id:
                self._findings.add(books.CAPTURES, 1, books.unknown(account_id, booked))
                continue
            if row.status in {"ready", "running"} or not row.is_settled:
                continue
            ended = Ended(row.site_id, row.id, row.status, row.credits, row.reservation)
            self._findings.add(books.CAPTURES, 1, books.compare(account_id, booked, ended))
            self._findings.compared[books.HOLDS] += 1
            if booked.open_holds:
                self._end_holds(account_id, ended)
            paid += row.status == "succeeded" and row.credits > 0
        return paid

    def _never_captured(self, account_id: UUID, cutoff: datetime) -> Iterator[Difference]:
        """Find the done steps of which billing knows nothing, run by run: looked for only when some are missing."""
        for row in self._all(_PAID_RUNS, account=account_id, cutoff=cutoff):
            self._alive()
            known = {booked.step_id for page in self._captures(account_id, [row.run_id]) for booked in page}
            for step in self._all(_PAID_STEPS, account=account_id, cutoff=cutoff, run=row.run_id):
                if step.id not in known:
                    yield books.never_captured(account_id, row.run_id, step.id, step.credits)

    def _captures(self, account_id: UUID, run_ids: Sequence[UUID]) -> Iterator[Sequence[Booked]]:
        token, passport = "", of_run(account_id, None)
        while True:
            page, token = self._peers.send(clients.list_step_captures(run_ids, token), passport)
            yield page
            if not token:
                return

    def _end_holds(self, account_id: UUID, ended: Ended) -> None:
        """End what an ended step still holds; billing has its site since the quote."""
        passport = of_run(account_id, SiteClaim(ended.site_id, ended.site_id, ()))
        for key in ended.reservation_keys:
            try:
                self._findings.ended_credits += self._peers.send(clients.expire_hold(key), passport)
            except Fault as fault:
                if fault.code in {Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED}:
                    raise
                if fault.reason != "HOLD_CLOSED":  # it was captured, as most are
                    log.error("the hold %s of account %s could not be ended: %s", key, account_id, fault.message)

    def _all(self, statement: sa.TextClause, **parameters: Any) -> Sequence[sa.Row[Any]]:
        with self._rounds.untenanted() as connection:
            return connection.execute(statement, parameters).all()

    def _one(self, statement: sa.TextClause, **parameters: Any) -> Any:
        with self._rounds.untenanted() as connection:
            return connection.execute(statement, parameters).scalar_one()


def reconcile(rounds: Database, peers: Peers, alive: Callable[[], None]) -> tuple[Mapping[str, Any], str]:
    """Compare everything; return what was found, and what is wrong in words.

    Raises:
        Fault: billing cannot be reached.
    """
    findings = Reconciler(rounds, peers, alive).reconcile()
    return findings.as_json(), findings.error
