"""Any sequence of operations: the functions in PostgreSQL answer as the model does, and the books are always right.

LEDGER_SEQUENCES says how many sequences of LEDGER_STEPS operations, LEDGER_SEED which ones; docs/operations.md has the
long form.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from chassis.database import Database, Transaction
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.clock import FakeClock
from chassis.testing.service import a_site
from services.billing import repository
from services.billing.domain import Correction, DayLimit, Extension, Grant, Reservation, Use
from tests.integration.billing.books import new_quote
from tests.integration.billing.model import CHANGE_KINDS, Model, ModelQuote, Told

OPERATIONS = {
    "grant": 2,
    "reserve": 6,
    "extend": 2,
    "capture_a_part": 4,
    "capture_all": 3,
    "release": 1,
    "expire_hold": 1,
    "refund": 2,
    "adjust": 1,
    "reverse": 2,
    "accept_another_quote": 1,
    "keep_time": 1,
    "time_goes_by": 2,
}
LIMITS = {"small": 30, "large": 10_000}
QUANTITIES = {"image_prompt": st.integers(1, 12), "content": st.integers(1, 1200), "image": st.integers(1, 3)}
ENDS = st.sampled_from([None, None, None, 1, 5, 24, -1])
BEGINS = st.sampled_from([None, None, None, -1, 1, 5])
GRANTS = st.tuples(st.sampled_from(sorted(CHANGE_KINDS)), st.sampled_from([100, 100, 50]), st.integers(5, 60), ENDS)
DAYS = st.tuples(st.sampled_from([0, 0, 0, 30, 90]), st.sampled_from([0, 4, 24]))
ASTRAY = 5  # of 0 to 7; neither end of them, which are drawn more often
T = TypeVar("T")
STATE = sa.text(
    "SELECT a.posted, a.held, a.transaction_count,"
    " (SELECT jsonb_object_agg(g.key, jsonb_build_array(g.remaining, g.held)) FROM credit_grant g) AS grants"
    " FROM credit_account a"
)
CHANGES = sa.text("SELECT kind, amount, balance_after FROM credit_transaction ORDER BY number")
TOLD = sa.text("SELECT payload FROM outbox ORDER BY create_time, (payload->>'available')::bigint")
NUMBERED = sa.text("SELECT id FROM credit_transaction WHERE number = :number")


class LedgerMachine(RuleBasedStateMachine):
    """One account, in one transaction: a third of the time of a transaction for each operation."""

    database: Database

    @initialize(grants=st.lists(GRANTS, min_size=2, max_size=4))
    def open(self, grants: list[tuple[str, int, int, int | None]]) -> None:
        self.clock, self.run_id, self.resources = FakeClock(), new_id(), ExitStack()
        tenant = Tenant(new_id(), a_site())
        self.books: Transaction = self.resources.enter_context(self.database.transaction(tenant))
        repository.open_account(self.books, self.now)
        self.model = Model({name: ModelQuote(limit) for name, limit in LIMITS.items()})
        self.quotes = {name: self.accepted(limit) for name, limit in LIMITS.items()}
        for number, (kind, priority, credits_, ends) in enumerate(grants):
            self.give(f"grant {number}", kind, priority, credits_, None, ends)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def accepted(self, limit: int) -> UUID:
        """A quote that the run has besides others."""
        quote_id: UUID = new_quote(self.books, limit, self.now).id
        accept = sa.text("UPDATE quote SET run_id = :run, accept_time = now() WHERE id = :id")
        self.books.execute(accept, {"run": self.run_id, "id": quote_id})
        return quote_id

    def same(self, answer: Any, expected: Told) -> None:
        code, credits_, captured = expected
        assert answer.code == code
        if credits_ is not None:
            assert answer.credits == credits_
        if captured is not None:
            assert answer.captured_credits == captured

    def after(self, hours: int | None) -> datetime | None:
        return None if hours is None else self.now + timedelta(hours=hours)

    def transaction_id(self, number: int) -> UUID:
        found: UUID = self.books.execute(NUMBERED, {"number": number + 1}).scalar_one()
        return found

    def mostly(self, data: st.DataObject, likely: Sequence[T], otherwise: Sequence[T]) -> T:
        """Draw something that leads on, seven times of eight: what is refused at once shows little."""
        chosen = likely if likely and data.draw(st.integers(0, 7)) != ASTRAY else otherwise or likely
        drawn: T = data.draw(st.sampled_from(chosen))
        return drawn

    def hold_key(self, data: st.DataObject) -> str:
        is_open = [key for key, hold in self.model.holds.items() if hold and hold.state == "open"]
        return self.mostly(data, is_open, [*self.model.holds, f"step:{len(self.model.holds)}"])

    @rule(operation=st.sampled_from([name for name, times in OPERATIONS.items() for _ in range(times)]), data=st.data())
    def act(self, operation: str, data: st.DataObject) -> None:
        """One rule for all: hypothesis leaves some rules out of most sequences, and without a hold little happens."""
        getattr(self, operation)(data)

    def grant(self, data: st.DataObject) -> None:
        mine = [key for key in self.model.grants if key.startswith("grant")]
        key, (kind, priority, credits_, ends) = self.mostly(data, [f"grant {len(mine)}"], mine), data.draw(GRANTS)
        self.give(key, kind, priority, credits_, data.draw(BEGINS), ends)

    def give(self, key: str, kind: str, priority: int, credits_: int, begins: int | None, ends: int | None) -> None:
        effective, expires = self.after(begins), self.after(ends)
        given = Grant(key, kind, CHANGE_KINDS[kind], credits_, "", expires, True, priority, effective)
        expected = self.model.grant(key, kind, priority, credits_, effective=effective, expires=expires, now=self.now)
        self.same(repository.grant(self.books, given, self.now), expected)

    def day(self, data: st.DataObject) -> DayLimit:
        credits_, hours = data.draw(DAYS)
        return DayLimit(credits_, self.now - timedelta(hours=hours))

    def reserve(self, data: st.DataObject) -> None:
        key = self.mostly(data, [f"step:{len(self.model.holds)}"], [*self.model.holds])
        quote = self.mostly(data, [n for n, q in self.model.quotes.items() if not q.replaced], sorted(self.quotes))
        operation = data.draw(st.sampled_from(sorted(QUANTITIES)))
        quantity, day = data.draw(QUANTITIES[operation]), self.day(data)
        known = self.model.holds.get(key)
        if known and data.draw(st.booleans(), label="again"):
            quote, operation, quantity = known.quote, known.operation, known.quantity
        wanted = Reservation(key, self.quotes[quote], operation, quantity, self.run_id, None, day)
        answer = repository.reserve(self.books, wanted, self.now)
        self.same(answer, self.model.reserve(key, quote, operation, quantity, day, self.now))

    def extend(self, data: st.DataObject) -> None:
        key, day = self.hold_key(data), self.day(data)
        extension = self.mostly(data, [f"more:{len(self.model.extensions)}"], [*self.model.extensions])
        hold = self.model.holds.get(key)
        quantity = data.draw(st.integers(1, 150 if hold and hold.operation == "content" else 5))
        if extension in self.model.extensions and data.draw(st.booleans(), label="again"):
            key, quantity = self.model.extensions[extension]
        answer = repository.extend(self.books, Extension(key, extension, quantity, day), self.now)
        self.same(answer, self.model.extend(key, extension, quantity, day, self.now))

    def capture_a_part(self, data: st.DataObject) -> None:
        part = self.mostly(data, [f"part:{len(self.model.captures)}"], [*self.model.captures])
        self.capture(part, data, final=data.draw(st.booleans()))

    def capture_all(self, data: st.DataObject) -> None:
        self.capture("", data, final=True)

    def capture(self, part: str, data: st.DataObject, *, final: bool) -> None:
        """Tenths of what is left of a hold; eleven are too many for most."""
        key, share = self.hold_key(data), data.draw(st.integers(0, 11))
        hold = self.model.holds.get(key)
        left = hold.quantity + hold.extended - hold.captured_quantity if hold else 10
        quantity, known = max(0, left * share + 9) // 10, self.model.captures.get(part or key)
        if known and data.draw(st.booleans(), label="again"):
            key, quantity, final = known[0]  # type: ignore[assignment]  # what it was made with
        answer = repository.capture(self.books, key, Use(quantity, capture_key=part, final=final), self.now)
        self.same(answer, self.model.capture(key, part, quantity, final=final, now=self.now))

    def release(self, data: st.DataObject) -> None:
        key = self.hold_key(data)
        self.same(repository.release(self.books, key, self.now), self.model.free(key, "released", self.now))

    def expire_hold(self, data: st.DataObject) -> None:
        key = self.hold_key(data)
        self.same(repository.expire_hold(self.books, key, self.now), self.model.free(key, "expired", self.now))

    def correction(self, data: st.DataObject, kind: str) -> tuple[str, tuple[Any, ...] | None]:
        """A key, and what it was used with where it is to be used with that again."""
        key = self.mostly(data, [f"set right {len(self.model.corrections)}"], [*self.model.corrections])
        known = self.model.corrections.get(key)
        again = known and known[0][0] == kind and data.draw(st.booleans(), label="again")
        return key, known[0][1:] if known and again else None

    def refund(self, data: st.DataObject) -> None:
        if not self.model.changes:
            return
        (key, again), everything = self.correction(data, "refund"), range(len(self.model.changes))
        deductions = [number for number in everything if self.model.changes[number].kind == "deduction"]
        target = self.mostly(data, deductions, everything)
        credits_ = data.draw(st.integers(1, abs(self.model.changes[target].amount) + 1))
        target, credits_ = again or (target, credits_)
        answer = repository.refund(self.books, self.transaction_id(target), credits_, why(key), self.now)
        self.same(answer, self.model.refund(key, target, credits_, self.now))

    def adjust(self, data: st.DataObject) -> None:
        key, again = self.correction(data, "adjustment")
        (credits_,) = again or (data.draw(st.integers(-40, 20).filter(bool)),)
        answer = repository.adjust(self.books, credits_, why(key), self.now)
        self.same(answer, self.model.adjust(key, credits_, self.now))

    def reverse(self, data: st.DataObject) -> None:
        if not self.model.changes:
            return
        key, again = self.correction(data, "reversal")
        (target,) = again or (data.draw(st.integers(0, len(self.model.changes) - 1)),)
        answer = repository.reverse(self.books, self.transaction_id(target), why(key), self.now)
        self.same(answer, self.model.reverse(key, target, self.now))

    def accept_another_quote(self, data: st.DataObject) -> None:
        limit, name = data.draw(st.integers(0, 150)), f"quote {len(self.quotes)}"
        quote_id = new_quote(self.books, limit, self.now).id
        answer = repository.accept_quote(self.books, quote_id, self.run_id, self.now)
        self.same(answer, self.model.accept(name, limit, self.now))
        if answer.code == "ok":
            self.quotes[name] = quote_id

    def keep_time(self, _: st.DataObject) -> None:
        answer = repository.keep_time(self.books, self.now)
        assert (answer.code, answer.credits, answer.taken_credits) == ("ok", *self.model.keep_time(self.now))

    def time_goes_by(self, data: st.DataObject) -> None:
        """By whole hours, so that ends are met to the second."""
        self.clock.move(minutes=data.draw(st.sampled_from([1, 60, 240])))

    @invariant()
    def the_balance_is_the_models(self) -> None:
        row = self.books.execute(STATE).one()
        assert (row.posted, row.held) == (self.model.posted, self.model.held)
        assert 0 <= row.held <= row.posted
        assert row.transaction_count == len(self.model.changes)
        assert (row.grants or {}) == {key: [g.remaining, g.held] for key, g in self.model.grants.items()}

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        try:
            assert [row for row in repository.check(self.books) if row.booked != row.counted] == []
            changes = [tuple(row) for row in self.books.execute(CHANGES)]
            assert changes == [(c.kind, c.amount, c.balance) for c in self.model.changes]
            told = [(fact["kind"], fact["credits"], fact["available"]) for fact in self.books.execute(TOLD).scalars()]
            assert sorted(told) == sorted(self.model.told)
        finally:
            self.resources.close()


def why(key: str) -> Correction:
    return Correction(key, "", "user:me")


def test_the_functions_agree_with_the_model(database: Database) -> None:
    LedgerMachine.database = database
    chosen = settings(
        max_examples=int(os.environ.get("LEDGER_SEQUENCES", "50")),
        stateful_step_count=int(os.environ.get("LEDGER_STEPS", "30")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine = seed(int(os.environ["LEDGER_SEED"]))(LedgerMachine) if "LEDGER_SEED" in os.environ else LedgerMachine
    run_state_machine_as_test(machine, settings=chosen)
