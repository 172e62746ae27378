"""What a batch does together ends as it would have one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.database import Database
from chassis.tenancy import Tenant
from chassis.testing.service import a_site
from services.billing import repository
from services.billing.domain import NO_DAY_LIMIT, DayLimit, Extension, Reservation, Use
from services.billing.repository import Answer, Operation
from tests.integration.billing.books import Books
from tests.integration.billing.test_batching import in_one_statement, operation, seen, together

OPERATIONS = ("image_prompt", "content_generation")  # a credit for each, and for each 100 words
DAY = 60
STATE = {
    "accounts": "SELECT posted, held, transaction_count FROM credit_account",
    "grants": "SELECT description, remaining, held, spent FROM credit_grant ORDER BY description",
    "quotes": "SELECT key, captured_credits, held_credits FROM quote ORDER BY key",
    "holds": "SELECT key, state, operation, quantity, credits, captured_credits, captured_quantity, unit_size,"
    " unit_credits, close_time IS NULL AS is_open FROM hold ORDER BY key",
    "usages": "SELECT u.key, h.key AS hold, u.quantity, u.credits, u.final, u.transaction_id IS NULL AS free"
    " FROM credit_usage u JOIN hold h ON h.id = u.hold_id ORDER BY u.key",
    "changes": "SELECT t.number, t.kind, t.amount, t.balance_after, t.description, h.key FROM credit_transaction t"
    " LEFT JOIN hold h ON h.id = t.hold_id ORDER BY t.number",
    "pins": "SELECT h.key, g.description, p.position, p.credits, p.captured_credits FROM hold_grant p"
    " JOIN hold h ON h.id = p.hold_id JOIN credit_grant g ON g.id = p.grant_id ORDER BY h.key, p.position",
}


@dataclass
class Two:
    """Two accounts with the same history: in one everything goes in batches, in the other one by one."""

    many: Books
    single: Books
    quotes: dict[int, list[UUID]] = field(default_factory=dict)
    open_keys: list[str] = field(default_factory=list)
    names: count[int] = field(default_factory=count)

    @classmethod
    def opened(cls, database: Database) -> Two:
        two = cls(Books.opened(database), Books.opened(database))
        for books in (two.many, two.single):
            soon, later = (books.clock.now() + timedelta(hours=hours) for hours in (1, 9))
            books.give(7, kind="promotional", name="promotional", expires=soon)
            books.give(9, kind="plan", name="plan", expires=later, priority=50)
            books.give(200, name="bonus")
            two.quotes[id(books)] = [books.quote(90, key="small"), books.quote(key="large")]
        return two

    def batch(self, books: Books, wanted: Sequence[Wish]) -> list[Operation]:
        return [wish.operation(books, self.quotes[id(books)]) for wish in wanted]

    def act(self, wanted: Sequence[Wish]) -> None:
        answers = together(self.many, *self.batch(self.many, wanted))
        alone = [together(self.single, each)[0] for each in self.batch(self.single, wanted)]
        assert [seen(answer) for answer in answers] == [seen(answer) for answer in alone]
        self.remember(wanted, answers)

    def remember(self, wanted: Sequence[Wish], answers: Sequence[Answer]) -> None:
        for wish, answer in zip(wanted, answers, strict=True):
            if wish.what == "reserve" and answer.code == "ok":
                self.open_keys.append(wish.key)
            elif answer.state in ("captured", "released") and wish.key in self.open_keys:
                self.open_keys.remove(wish.key)

    def wait(self, minutes: int) -> None:
        for books in (self.many, self.single):
            books.clock.move(minutes=minutes)

    def states(self) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        many, single = ({name: books.rows(sql) for name, sql in STATE.items()} for books in (self.many, self.single))
        return many, single


@dataclass(frozen=True)
class Wish:
    what: str
    key: str
    quantity: int = 1
    of: str = OPERATIONS[0]
    quote: int = 1
    final: bool = True
    part: str = ""
    day: int = 0

    def operation(self, books: Books, quotes: Sequence[UUID]) -> Operation:
        if self.what == "reserve":
            limit = DayLimit(self.day, books.clock.now() - timedelta(hours=3)) if self.day else NO_DAY_LIMIT
            wanted = Reservation(self.key, quotes[self.quote], self.of, self.quantity, books.run_id, None, limit)
            return operation(books, repository.reserve, wanted)
        if self.what == "capture":
            return operation(
                books, repository.capture, self.key, Use(self.quantity, "task", capture_key=self.part, final=self.final)
            )
        if self.what == "extend":
            return operation(books, repository.extend, Extension(self.key, self.part, self.quantity))
        return operation(books, repository.release, self.key)


def reservations(data: st.DataObject, two: Two) -> list[Wish]:
    """New keys, and now and then one that is known, or of no quote's room."""
    draw, wanted = data.draw, list[Wish]()
    for _ in range(draw(st.integers(1, 9), "reservations")):
        of = draw(st.sampled_from(OPERATIONS))
        key = f"k{next(two.names)}" if draw(st.integers(0, 9)) or not two.open_keys else two.open_keys[0]
        quantity = draw(st.integers(0, 12)) * (37 if of == OPERATIONS[1] else 1)
        day = draw(st.sampled_from((0, 0, DAY)))
        wanted.append(Wish("reserve", key, quantity, of, draw(st.integers(0, 1)), day=day))
    return wanted


def captures(data: st.DataObject, two: Two) -> list[Wish]:
    """Of open holds, whole or in part, and now and then more than is held or of none; some are asked for more."""
    draw, wanted = data.draw, list[Wish]()
    for key in draw(st.lists(st.sampled_from([*two.open_keys, "unknown"]), max_size=9, unique=True), "captures"):
        if not draw(st.integers(0, 5)):
            wanted.append(Wish("extend", key, draw(st.integers(1, 60)), part=f"e{next(two.names)}"))
        elif draw(st.integers(0, 4)):
            final = draw(st.booleans())
            part = "" if final else f"p{next(two.names)}"
            wanted.append(Wish("capture", key, draw(st.integers(0, 150)), final=final, part=part))
        else:
            wanted.append(Wish("release", key))
    return wanted


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), mixed=st.booleans())
def test_any_batches_end_as_one_by_one(database: Database, data: st.DataObject, mixed: bool) -> None:
    """Mixed ones may take from other grants, where one frees what another might have taken, so that no grant ends while
    they go on: the books are right, and everything else is the same."""
    two = Two.opened(database)
    for _ in range(data.draw(st.integers(1, 5), "batches")):
        makers = (reservations, captures) if mixed else (data.draw(st.sampled_from((reservations, captures))),)
        wanted = [wish for make in makers for wish in make(data, two)]
        if not mixed:
            wanted = [wish for wish in wanted if wish.what != "release"]
        if wanted:
            two.act(data.draw(st.permutations(wanted), "order") if mixed else wanted)
        two.wait(data.draw(st.sampled_from((0, 5) if mixed else (0, 0, 20, 600)), "minutes"))
    assert two.many.differences() == two.single.differences() == []
    many, single = two.states()
    if mixed:
        for state in (many, single):
            del state["pins"], state["grants"]
            state["changes"] = sorted(row[2] for row in state["changes"])
            state["accounts"] = [row[:2] for row in state["accounts"]]
    assert many == single


@pytest.mark.parametrize(
    ("wanted", "updates"),
    [
        ([Wish("reserve", f"new {n}") for n in range(6)], 1),
        ([Wish("reserve", f"new {n}") for n in range(3)], 3),
        ([*(Wish("reserve", f"new {n}") for n in range(6)), Wish("release", "old 0")], 2),
        ([Wish("reserve", f"new {n}", 60) for n in range(6)], 3),
        ([Wish("capture", f"old {n}") for n in range(6)], 1),
        ([*(Wish("capture", f"old {n}") for n in range(5)), *(Wish("reserve", f"new {n}") for n in range(5))], 1),
        ([*(Wish("reserve", f"new {n}") for n in range(5)), Wish("reserve", "new 0")], 2),
    ],
    ids=["reservations", "few", "a release beside", "no room for all", "captures", "both", "a key twice"],
)
def test_the_account_is_written_once_for_all_that_is_done_together(
    books: Books, wanted: list[Wish], updates: int
) -> None:
    books.give(200)
    quotes = [books.quote(), books.quote()]
    for n in range(6):
        books.reserve(quotes[1], 1, key=f"old {n}")
    batch = [wish.operation(books, quotes) for wish in wanted]
    written = sa.text("SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'credit_account'")
    with books.database.transaction(books.tenant) as transaction:
        before = transaction.execute(written).scalar_one()
        in_one_statement(transaction, batch)
        assert transaction.execute(written).scalar_one() - before == updates


def test_captures_end_what_is_past_its_date(database: Database) -> None:
    two = Two.opened(database)
    two.act([Wish("reserve", f"k{n}") for n in range(6)])
    for books in (two.many, two.single):
        books.give(10, kind="promotional", name="soon", expires=books.clock.now() + timedelta(minutes=30))
    two.wait(31)
    two.act([Wish("capture", f"k{n}") for n in range(6)])
    many, single = two.states()
    assert many == single
    assert two.many.balance() == (210, 0)  # what was given at first less what was used, and nothing of "soon"


def test_credits_that_begin_now_do_so_before_a_batch(database: Database) -> None:
    two = Two.opened(database)
    for books in (two.many, two.single):
        books.give(10, name="soon", effective_time=books.clock.now() + timedelta(minutes=30))
    two.wait(31)
    two.act([Wish("reserve", f"k{n}") for n in range(6)])
    many, single = two.states()
    assert many == single
    assert two.many.balance() == (226, 6)


def test_parts_of_holds_add_up(database: Database) -> None:
    two = Two.opened(database)
    two.act([Wish("reserve", f"k{n}", 9) for n in range(6)])
    for part, taken in (("a", 2), ("b", 3), ("c", 1)):
        two.act([Wish("capture", f"k{n}", taken, final=part == "c", part=f"{part} {n}") for n in range(6)])
    many, single = two.states()
    assert many == single
    assert two.many.balance() == (216 - 6 * 6, 0)


def test_two_sites_have_their_own_holds_of_one_key(books: Books) -> None:
    books.give(100)
    neighbour = Books(books.database, Tenant(books.tenant.account_id, a_site()), run_id=books.run_id)
    quotes = {id(each): [each.quote(), each.quote()] for each in (books, neighbour)}
    wishes = [Wish("reserve", f"k{n}", n + 1) for n in range(5)]
    batch = [wish.operation(each, quotes[id(each)]) for wish in wishes for each in (books, neighbour)]
    answers = together(books, *batch)
    assert [(answer.code, answer.fresh, answer.credits) for answer in answers] == [
        ("ok", True, wish.quantity) for wish in wishes for _ in range(2)
    ]
    for each in (books, neighbour):
        mine = each.rows("SELECT site_id, key, credits FROM hold ORDER BY key")
        assert mine == [(each.tenant.site_id, wish.key, wish.quantity) for wish in wishes]
    whole = Books(books.database, Tenant(books.tenant.account_id))
    assert whole.balance() == (100, 30)
    assert whole.differences() == []


def test_a_capture_key_of_another_hold_is_not_taken_twice(books: Books) -> None:
    books.give(100)
    quote = books.quote()
    for n in range(5):
        books.reserve(quote, 5, key=f"h{n}")
    parts = [Wish("capture", f"h{n}", 1, part="the same", final=False) for n in range(5)]
    codes = [answer.code for answer in together(books, *(part.operation(books, []) for part in parts))]
    assert codes == ["ok", *["key_reused"] * 4]
    assert books.balance() == (99, 24)
