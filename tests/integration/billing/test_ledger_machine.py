"""Any sequence of operations: the functions in PostgreSQL answer as the model does, and the books are always right.

LEDGER_SEQUENCES says how many sequences of LEDGER_STEPS operations; the long form is 10000 of 50.
"""

import os
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chassis.database import Database, Transaction
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.clock import FakeClock
from chassis.testing.service import a_site
from services.billing import repository
from services.billing.domain import Grant, Reservation, Use
from tests.integration.billing.books import new_quote
from tests.integration.billing.model import Model, ModelQuote

LIMITS = {"small": 40, "large": 10_000}
KEYS = st.sampled_from([f"step:{n}" for n in range(12)])
QUANTITIES = {"image_prompt": st.integers(1, 30), "content": st.integers(1, 1500), "image": st.integers(1, 6)}
STATE = sa.text(
    "SELECT a.posted, a.held, (SELECT jsonb_object_agg(g.key, jsonb_build_array(g.remaining, g.held))"
    " FROM credit_grant g) AS grants FROM credit_account a"
)


class LedgerMachine(RuleBasedStateMachine):
    """One account, in one transaction: a third of the time of a transaction for each operation."""

    database: Database

    @initialize()
    def open(self) -> None:
        self.clock, self.run_id, self.resources = FakeClock(), new_id(), ExitStack()
        tenant = Tenant(new_id(), a_site())
        self.books: Transaction = self.resources.enter_context(self.database.transaction(tenant))
        repository.open_account(self.books, self.clock.now())
        self.model = Model({name: ModelQuote(limit) for name, limit in LIMITS.items()})
        self.quotes = {name: self.accepted(limit) for name, limit in LIMITS.items()}

    def accepted(self, limit: int) -> UUID:
        quote_id: UUID = new_quote(self.books, limit, self.clock.now()).id
        accept = sa.text("UPDATE quote SET run_id = :run, accept_time = now() WHERE id = :id")
        self.books.execute(accept, {"run": self.run_id, "id": quote_id})
        return quote_id

    def same(self, answer: Any, expected: tuple[str, int | None, int | None]) -> None:
        code, credits_, captured = expected
        assert answer.code == code
        if credits_ is not None:
            assert answer.credits == credits_
        if captured is not None:
            assert answer.captured_credits == captured

    @rule(
        key=st.sampled_from("abcdefgh"),
        kind=st.sampled_from(["plan", "bonus", "promotional"]),
        credits_=st.integers(1, 60),
        hours=st.sampled_from([None, None, -1, 1, 5, 24]),
    )
    def grant(self, key: str, kind: str, credits_: int, hours: int | None) -> None:
        now = self.clock.now()
        expires = None if hours is None else now + timedelta(hours=hours)
        change_kind = {"plan": "subscription", "bonus": "purchase", "promotional": "promotion"}[kind]
        answer = repository.grant(self.books, Grant(key, kind, change_kind, credits_, "", expires, True), now)
        self.same(answer, self.model.grant(key, kind, 100, credits_, expires, now))

    @rule(
        key=KEYS, quote=st.sampled_from(sorted(LIMITS)), operation=st.sampled_from(sorted(QUANTITIES)), data=st.data()
    )
    def reserve(self, key: str, quote: str, operation: str, data: st.DataObject) -> None:
        now, quantity = self.clock.now(), data.draw(QUANTITIES[operation])
        known = self.model.holds.get(key)
        if known and data.draw(st.booleans(), label="again"):
            quote, operation, quantity = known.quote, known.operation, known.quantity
        wanted = Reservation(key, self.quotes[quote], operation, quantity, self.run_id, None)
        answer = repository.reserve(self.books, wanted, now)
        self.same(answer, self.model.reserve(key, quote, operation, quantity, now))

    @rule(key=KEYS, data=st.data())
    def capture(self, key: str, data: st.DataObject) -> None:
        hold = self.model.holds.get(key)
        quantity = data.draw(st.integers(0, hold.quantity + hold.quantity // 9 if hold else 5))
        if hold and hold.used is not None and data.draw(st.booleans(), label="again"):
            quantity = hold.used
        answer = repository.capture(self.books, key, Use(quantity), self.clock.now())
        self.same(answer, self.model.capture(key, quantity, self.clock.now()))

    @rule(key=KEYS)
    def release(self, key: str) -> None:
        answer = repository.release(self.books, key, self.clock.now())
        self.same(answer, self.model.free(key, "released", self.clock.now()))

    @rule(key=KEYS)
    def expire_hold(self, key: str) -> None:
        answer = repository.expire_hold(self.books, key, self.clock.now())
        self.same(answer, self.model.free(key, "expired", self.clock.now()))

    @rule()
    def expire_grants(self) -> None:
        before = self.model.posted
        answer = repository.keep_time(self.books, self.clock.now())
        self.model.lapse(self.clock.now())
        assert (answer.code, answer.taken_credits) == ("ok", before - self.model.posted)

    @rule(minutes=st.sampled_from([1, 60, 240]))  # whole hours, so that ends are met to the second
    def time_goes_by(self, minutes: int) -> None:
        self.clock.move(minutes=minutes)

    @invariant()
    def the_balance_is_the_models(self) -> None:
        row = self.books.execute(STATE).one()
        assert (row.posted, row.held) == (self.model.posted, self.model.held)
        assert 0 <= row.held <= row.posted
        assert (row.grants or {}) == {key: [g.remaining, g.held] for key, g in self.model.grants.items()}

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        try:
            assert [row for row in repository.check(self.books) if row.booked != row.counted] == []
        finally:
            self.resources.close()


def test_the_functions_agree_with_the_model(database: Database) -> None:
    LedgerMachine.database = database
    chosen = settings(
        max_examples=int(os.environ.get("LEDGER_SEQUENCES", "40")),
        stateful_step_count=int(os.environ.get("LEDGER_STEPS", "30")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(LedgerMachine, settings=chosen)
