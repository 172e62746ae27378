"""The ledger's functions on a real PostgreSQL: keys, the order of grants, ends, limits, many at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, BoundedSemaphore
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.service import a_site
from services.billing import repository
from services.billing.domain import FALLBACK_PRICES, Grant, Price, Use
from tests.integration.billing.books import CONNECTIONS, Books, new_quote


class TestManyAtOnce:
    def test_200_reservations_never_overdraw_and_all_that_fit_are_granted(self, books: Books) -> None:
        books.give(300)
        books.give(700, kind="plan", expires=books.clock.now() + timedelta(days=30))
        quote_id, barrier, doors = books.quote(), Barrier(200), BoundedSemaphore(CONNECTIONS)

        def reserve(_: int) -> str:
            barrier.wait(60)
            with doors:  # who has to wait does so here: a pool that is asked for longer than 2 s refuses
                return str(books.reserve(quote_id, 7).code)

        with ThreadPoolExecutor(200) as threads:
            codes = list(threads.map(reserve, range(200)))
        assert codes.count("ok") == 1000 // 7
        assert codes.count("insufficient_credits") == 200 - 1000 // 7
        assert books.balance() == (1000, 994)
        assert books.differences() == []

    def test_one_key_at_once_is_one_hold(self, books: Books) -> None:
        books.give(100)
        quote_id, barrier = books.quote(), Barrier(20)

        def reserve(_: int) -> Any:
            barrier.wait(30)
            return books.reserve(quote_id, 5, key="step:1")

        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(reserve, range(20)))
        assert sum(answer.fresh for answer in answers) == 1
        assert {answer.id for answer in answers} == {answers[0].id}
        assert books.balance() == (100, 5)


def _grant(books: Books, other: bool) -> Any:
    return books.give(51 if other else 50, key="k")


def _reserve(books: Books, other: bool) -> Any:
    return books.reserve(_quote(books), 6 if other else 5, key="k")


def _capture(books: Books, other: bool) -> Any:
    books.reserve(_quote(books), 5, key="c")
    return books.capture("c", 4 if other else 3)


def _quote(books: Books) -> Any:
    return books.quote(key="the quote")


def _create(books: Books, other: bool) -> Any:
    return books.do(lambda transaction, now: new_quote(transaction, 9 if other else 8, now, key="q"))


class TestKeys:
    @pytest.mark.parametrize("act", [_grant, _reserve, _capture, _create], ids=lambda act: act.__name__[1:])
    def test_once_twice_and_with_other_parameters(self, books: Books, act: Callable[[Books, bool], Any]) -> None:
        books.give(100)
        first = act(books, False)
        after = books.balance()
        second = act(books, False)
        other = act(books, True)
        assert (first.code, first.fresh) == ("ok", True)
        assert (second.code, second.fresh) == ("ok", False)
        assert second[2:] == first[2:]
        assert other.code == "key_reused"
        assert books.balance() == after
        assert books.differences() == []

    def test_a_plans_grant_may_be_repeated_at_another_time(self, books: Books) -> None:
        given = Grant("plan:1", "plan", "subscription", 50, "", books.clock.now() + timedelta(30), False)
        later = Grant("plan:1", "plan", "subscription", 50, "", books.clock.now() + timedelta(31), False)
        assert books.do(repository.grant, given).fresh
        assert not books.do(repository.grant, later).fresh
        assert books.balance() == (50, 0)

    def test_a_refusal_is_not_remembered(self, books: Books) -> None:
        books.give(100)
        quote_id = books.quote(100)
        books.reserve(quote_id, 100, key="a")
        assert books.reserve(quote_id, 10, key="b").code == "quote_exhausted"
        books.capture("a", 0)
        assert books.reserve(quote_id, 10, key="b").code == "ok"

    def test_release_frees_once_and_keeps_a_late_reservation_out(self, books: Books) -> None:
        books.give(10)
        quote_id = books.quote(10)
        books.reserve(quote_id, 10, key="a")
        assert [books.release("a").credits, books.release("a").credits] == [10, 0]
        assert books.reserve(quote_id, 10, key="a").state == "released"
        assert books.release("never made").credits == 0
        assert books.reserve(quote_id, 10, key="never made").code == "hold_closed"
        assert books.balance() == (10, 0)

    @pytest.mark.parametrize("function", [repository.release, repository.expire_hold])
    def test_a_captured_hold_is_not_freed_and_a_freed_one_not_captured(self, books: Books, function: Any) -> None:
        books.give(10)
        quote_id = books.quote(10)
        books.reserve(quote_id, 2, key="captured")
        books.capture("captured", 1)
        books.reserve(quote_id, 2, key="freed")
        books.do(function, "freed")
        assert books.do(function, "captured").code == "hold_closed"
        assert books.capture("freed", 1).code == "hold_closed"
        assert books.balance() == (9, 0)


class TestCapture:
    def test_what_was_used_is_deducted_and_the_rest_is_free(self, books: Books) -> None:
        books.give(50)
        books.reserve(books.quote(), 2000, key="a", operation="content")
        answer = books.capture("a", 1180)
        assert (answer.state, answer.credits, answer.captured_credits) == ("captured", 20, 12)
        assert books.balance() == (38, 0)
        change = books.rows("SELECT kind, amount, balance_after, operation FROM credit_transaction ORDER BY number")
        assert change == [("purchase", 50, 50, ""), ("deduction", -12, 38, "content")]
        assert books.rows("SELECT quantity, credits, object_kind FROM credit_usage") == [(1180, 12, "task")]
        assert {row_id.version for (row_id,) in books.rows("SELECT id FROM credit_transaction")} == {7}

    def test_nothing_used_frees_all(self, books: Books) -> None:
        books.give(50)
        books.reserve(books.quote(), 5, key="a")
        assert (books.capture("a", 0).state, books.balance()) == ("captured", (50, 0))
        assert books.rows("SELECT count(*) FROM credit_transaction") == [(1,)]

    def test_more_than_the_hold_is_refused(self, books: Books) -> None:
        books.give(50)
        books.reserve(books.quote(), 150, key="a", operation="content")
        answer = books.capture("a", 201)
        assert (answer.code, answer.needed, answer.credits) == ("capture_above_hold", 3, 2)
        assert books.balance() == (50, 2)
        assert books.capture("a", 200).code == "ok"


class TestGrants:
    @pytest.mark.parametrize(
        "order",
        [
            [("urgent", "bonus", None, 1), ("soon", "plan", 1, 100)],
            [("soon", "plan", 1, 100), ("later", "promotional", 2, 100), ("never", "bonus", None, 100)],
            [("given", "promotional", 5, 100), ("paid", "plan", 5, 100)],
            [("given", "promotional", None, 100), ("paid", "bonus", None, 100)],
            [("older", "bonus", None, 100), ("newer", "bonus", None, 100)],
        ],
        ids=["priority", "soonest expiry", "promotional before paid", "also without an end", "oldest"],
    )
    def test_the_order_of_use(self, books: Books, order: list[tuple[str, str, int | None, int]]) -> None:
        given = order if order[0][0] == "older" else list(reversed(order))
        start = books.clock.now()
        for name, kind, days, priority in given:
            expires = start + timedelta(days=days) if days else None
            books.give(10, kind=kind, expires=expires, name=name)
            books.rows("UPDATE credit_grant SET priority = :p WHERE description = :n RETURNING 1", p=priority, n=name)
            books.clock.move(seconds=1)
        quote_id, used = books.quote(), []
        for n in range(len(order)):
            books.reserve(quote_id, 10, key=str(n))
            used += books.rows(
                "SELECT g.description FROM hold_grant p JOIN credit_grant g ON g.id = p.grant_id"
                " JOIN hold h ON h.id = p.hold_id WHERE h.key = :key",
                key=str(n),
            )
        assert [name for (name,) in used] == [name for name, *_ in order]

    def test_a_hold_pins_its_grants_beyond_their_end(self, books: Books) -> None:
        books.give(10, kind="plan", expires=books.clock.now() + timedelta(hours=1))
        quote_id = books.quote()
        books.reserve(quote_id, 6, key="a")
        books.clock.move(hours=2)
        assert books.reserve(quote_id, 1).code == "insufficient_credits"
        books.do(repository.keep_time)
        assert books.balance() == (6, 6)  # what no hold pins has ended
        assert books.capture("a", 4).captured_credits == 4  # what was delivered is captured all the same
        assert books.balance() == (0, 0)  # and what is freed ends at once
        changes = books.rows("SELECT kind, amount FROM credit_transaction ORDER BY number")
        assert changes == [("subscription", 10), ("expiry", -4), ("deduction", -4), ("expiry", -2)]
        assert books.differences() == []

    def test_what_is_released_after_its_end_ends_at_once(self, books: Books) -> None:
        books.give(10, kind="plan", expires=books.clock.now() + timedelta(hours=1))
        books.reserve(books.quote(), 6, key="a")
        books.clock.move(hours=2)
        assert books.release("a").credits == 6
        assert books.balance() == (0, 0)
        assert books.differences() == []

    def test_a_hold_may_take_of_several_and_captures_in_the_same_order(self, books: Books) -> None:
        books.give(3, kind="plan", expires=books.clock.now() + timedelta(days=1), name="plan")
        books.give(5, name="bonus")
        books.reserve(books.quote(), 8, key="a")
        books.capture("a", 4)
        assert books.rows("SELECT description, remaining, held FROM credit_grant ORDER BY id") == [
            ("plan", 0, 0),
            ("bonus", 4, 0),
        ]

    def test_a_grant_has_ended_at_the_second_of_its_end(self, books: Books) -> None:
        books.give(10, expires=books.clock.now() + timedelta(hours=1))
        books.clock.move(hours=1)
        assert books.reserve(books.quote(), 1).code == "insufficient_credits"

    def test_an_end_that_is_over_is_refused(self, books: Books) -> None:
        assert books.give(1, expires=books.clock.now()).code == "expired"


class TestPrices:
    def test_the_catalogue_and_the_constants_agree(self, books: Books) -> None:
        with books.database.transaction(books.tenant) as transaction:
            stored = repository.prices(transaction)
        assert {name: Price(p.unit, p.unit_credits) for name, p in stored.items()} == FALLBACK_PRICES

    def test_a_price_is_frozen_into_the_hold_and_a_constant_stands_in(self, urls: ServiceUrls, books: Books) -> None:
        books.give(100)
        quote_id = books.quote()
        books.reserve(quote_id, 10, key="before", operation="linking")
        owner = sa.create_engine(urls.owner)
        with owner.begin() as connection:
            connection.execute(sa.text("UPDATE credit_cost SET active = false WHERE operation = 'linking'"))
        assert books.reserve(quote_id, 1, key="none", operation="linking").credit_cost_id is None
        with owner.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO credit_cost (id, operation, display_name, unit, unit_size, credits, version)"
                    " VALUES (:id, 'linking', 'Linking', 'item', 1, 3, 2)"
                ),
                {"id": new_id()},
            )
        owner.dispose()
        assert books.reserve(quote_id, 10, key="after", operation="linking").credits == 30
        assert books.capture("before", 10).captured_credits == 10

    def test_an_operation_without_a_price_is_refused(self, books: Books) -> None:
        assert books.reserve(books.quote(), 1, operation="dancing").code == "unknown_operation"


FORGERIES = [
    "UPDATE credit_transaction SET amount = 1000000",
    "DELETE FROM credit_transaction",
    "TRUNCATE credit_transaction CASCADE",
]


class TestNobodyRewritesHistory:
    @pytest.mark.parametrize("forgery", FORGERIES)
    @pytest.mark.parametrize("role", ["app", "owner"])
    def test_a_transaction_never_changes(self, urls: ServiceUrls, books: Books, role: str, forgery: str) -> None:
        books.give(5)
        engine = sa.create_engine(getattr(urls, role), poolclass=sa.NullPool)
        error = "permission denied" if role == "app" else "never changes"
        set_tenant = sa.text("SELECT set_config('app.account', :account, false)")
        with engine.connect() as connection:
            connection.execute(set_tenant, {"account": str(books.tenant.account_id)})
            with pytest.raises(sa.exc.DBAPIError, match=error):
                connection.execute(sa.text(forgery))
        assert books.rows("SELECT amount FROM credit_transaction") == [(5,)]

    @pytest.mark.parametrize("forgery", ["UPDATE credit_cost SET credits = 1", "DELETE FROM credit_cost"])
    def test_a_price_version_never_changes(self, urls: ServiceUrls, forgery: str) -> None:
        engine = sa.create_engine(urls.owner, poolclass=sa.NullPool)
        with pytest.raises(sa.exc.DBAPIError, match="never changes"), engine.begin() as connection:
            connection.execute(sa.text(forgery))

    def test_the_database_itself_refuses_an_overdraft(self, books: Books) -> None:
        books.give(5)
        with pytest.raises(sa.exc.IntegrityError, match="credit_account_available_check"):
            books.rows("UPDATE credit_account SET held = 6 RETURNING 1")


class TestTenants:
    def test_another_account_sees_and_changes_nothing(self, books: Books, database: Database) -> None:
        books.give(50)
        quote_id = books.quote()
        books.reserve(quote_id, 5, key="a")
        other = Books.opened(database)
        tables = ("credit_grant", "hold", "hold_grant", "quote", "quote_line", "credit_transaction", "credit_usage")
        assert [other.rows(f"SELECT count(*) FROM {table}") for table in tables] == [[(0,)]] * len(tables)  # noqa: S608 - names
        assert other.capture("a", 1).code == "hold_not_found"
        assert other.reserve(quote_id, 1).code == "quote_not_found"
        assert books.balance() == (50, 5)

    def test_another_site_of_the_account_has_keys_of_its_own(self, books: Books) -> None:
        books.give(50)
        quote_id = books.quote()
        books.reserve(quote_id, 5, key="a")
        neighbour = Books(books.database, Tenant(books.tenant.account_id, a_site()), run_id=books.run_id)
        assert neighbour.capture("a", 1).code == "hold_not_found"
        assert neighbour.release("a").credits == 0
        assert neighbour.reserve(quote_id, 5, key="b").code == "quote_not_found"
        assert neighbour.reserve(neighbour.quote(), 5, key="c").code == "ok"
        assert books.balance() == (50, 10)
        with books.database.transaction(Tenant(books.tenant.account_id)) as transaction:
            assert [row for row in repository.check(transaction) if row.booked != row.counted] == []

    def test_a_site_does_not_see_what_another_used(self, books: Books) -> None:
        books.give(50)
        books.reserve(books.quote(), 5, key="a")
        books.do(repository.capture, "a", Use(5))
        neighbour = Books(books.database, Tenant(books.tenant.account_id, a_site()))
        assert neighbour.rows("SELECT kind FROM credit_transaction") == [("purchase",)]
        assert neighbour.rows("SELECT 1 FROM credit_usage") == []
