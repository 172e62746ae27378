"""Many operations on one account in one transaction: each has its own answer, and the books are those of one by one."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from igny8.billing.v1 import billing_service_pb2, billing_service_pb2_grpc

from chassis import call
from chassis.client import Remote
from chassis.database import DATABASE_AWAY, Database, Transaction
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import ServiceUrls
from chassis.errors import DeadlineTooShort, Fault, Kind
from chassis.passport import Issuer, Trust, Verifier, generate_key
from chassis.server import Offer, Server
from chassis.tenancy import Tenant
from chassis.testing.clock import FakeClock
from chassis.testing.service import ALL_SCOPES, Caller, a_passport, a_site
from services.billing import repository
from services.billing.batching import Ledger
from services.billing.domain import Reservation, Use
from services.billing.repository import Answer, Operation
from services.billing.servicer import BillingServicer
from tests.integration.billing.books import Books

PATIENCE_S = 30
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


class Noted(Ledger):
    """A ledger that writes down its batches."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.batches: list[list[tuple[Operation, Answer]]] = []

    def run(self, account_id: UUID, batch: Sequence[Operation]) -> list[Answer]:
        answers = super().run(account_id, batch)
        self.batches.append(list(zip(batch, answers, strict=True)))
        return answers


@pytest.fixture
def ledger(urls: ServiceUrls) -> Iterator[Noted]:
    database = Database(urls.app, lock_timeout_s=PATIENCE_S)
    yield Noted(database)
    database.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as made:
        yield made


@dataclass
class Asked:
    """A place in the queue that only remembers what was asked there."""

    tenant: Tenant
    operations: list[Operation] = field(default_factory=list)

    def take(self, operation: Operation) -> Answer:
        self.operations.append(operation)
        return Answer("asked", *[None] * (len(Answer._fields) - 1))  # type: ignore[arg-type]  # nobody reads it


def operation(books: Books, function: Callable[..., Answer], *arguments: Any) -> Operation:
    asked = Asked(books.tenant)
    function(asked, *arguments, books.clock.now())
    return asked.operations[0]


def reserve(books: Books, quote_id: UUID, key: str, quantity: int = 1) -> Operation:
    wanted = Reservation(key, quote_id, "image_prompt", quantity, books.run_id, None)
    return operation(books, repository.reserve, wanted)


def capture(books: Books, key: str, quantity: int = 1) -> Operation:
    return operation(books, repository.capture, key, Use(quantity))


def release(books: Books, key: str) -> Operation:
    return operation(books, repository.release, key)


def together(books: Books, *batch: Operation) -> list[Answer]:
    return repository.call_together(books.database, books.tenant.account_id, batch)


def in_one_statement(transaction: Transaction, batch: Sequence[Operation]) -> list[str]:
    """Do a batch in a transaction of the test's own; return the answers' codes."""
    statement = sa.text("SELECT code FROM ledger_batch(:account, CAST(:batch AS jsonb))")
    listed = orjson.dumps([{"function": each.function, **each.parameters} for each in batch]).decode()
    return list(transaction.execute(statement, {"account": transaction.tenant.account_id, "batch": listed}).scalars())


def ask(ledger: Ledger, tenant: Tenant, operation: Operation) -> Answer:
    return ledger.turn(tenant).take(operation)


def eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


@contextmanager
def one_under_way(ledger: Ledger, books: Books, pool: ThreadPoolExecutor) -> Iterator["Future[Answer]"]:
    """While the block runs, a first operation waits for the account's row, and all others behind it in the queue."""
    with books.database.transaction(books.tenant) as holder:
        holder.execute(sa.text("SELECT 1 FROM credit_account FOR UPDATE"))
        first = pool.submit(ask, ledger, books.tenant, release(books, "first"))
        eventually(lambda: books.rows(BLOCKED) == [(1,)])
        yield first
    wait([first], PATIENCE_S)


def queue_up(ledger: Ledger, pool: ThreadPoolExecutor, tenant: Tenant, *batch: Operation) -> list["Future[Answer]"]:
    made = []
    for operation in batch:
        before = ledger.waiting(tenant.account_id)
        made.append(pool.submit(ask, ledger, tenant, operation))
        eventually(lambda n=before: ledger.waiting(tenant.account_id) == n + 1)  # type: ignore[misc]  # mypy infers no type for a lambda's default
    return made


class TestOneTransaction:
    def test_the_same_key_twice_answers_both(self, books: Books) -> None:
        books.give(10)
        quote_id = books.quote()
        first, second, other = together(
            books, reserve(books, quote_id, "a", 5), reserve(books, quote_id, "a", 5), reserve(books, quote_id, "a", 6)
        )
        assert (first.code, first.fresh, second.code, second.fresh) == ("ok", True, "ok", False)
        assert second[2:7] == first[2:7]
        assert other.code == "key_reused"
        first, second = together(books, capture(books, "a", 3), capture(books, "a", 3))
        assert (first.fresh, second.fresh, second.captured_credits) == (True, False, 3)
        assert books.balance() == (7, 0)
        assert books.differences() == []

    def test_a_refusal_concerns_only_its_caller(self, books: Books) -> None:
        books.give(10)
        quote_id = books.quote()
        answers = together(
            books,
            reserve(books, quote_id, "a", 6),
            reserve(books, quote_id, "b", 6),
            capture(books, "never made"),
            reserve(books, quote_id, "c", 4),
            capture(books, "a", 7),
            capture(books, "a", 6),
        )
        codes = ["ok", "insufficient_credits", "hold_not_found", "ok", "capture_above_hold", "ok"]
        assert [answer.code for answer in answers] == codes
        assert books.balance() == (4, 4)
        assert books.differences() == []

    def test_each_sees_what_came_before_it(self, books: Books) -> None:
        books.give(10)
        quote_id = books.quote()
        answers = together(
            books,
            reserve(books, quote_id, "a", 10),
            reserve(books, quote_id, "b", 1),
            release(books, "a"),
            reserve(books, quote_id, "b", 10),
            release(books, "c"),
            reserve(books, quote_id, "c", 1),
            capture(books, "b", 2),
        )
        codes = ["ok", "insufficient_credits", "ok", "ok", "ok", "hold_closed", "ok"]
        assert [answer.code for answer in answers] == codes
        assert books.balance() == (8, 0)
        assert books.differences() == []

    def test_what_breaks_off_undoes_all(self, books: Books) -> None:
        books.give(10)
        quote_id = books.quote()
        with pytest.raises(psycopg.errors.CheckViolation):
            together(books, reserve(books, quote_id, "a", 5), release(books, ""))
        with pytest.raises(psycopg.errors.CaseNotFound):
            together(books, reserve(books, quote_id, "a", 5), Operation("ledger_dance", {"site": books.tenant.site_id}))
        assert books.balance() == (10, 0)

    def test_it_leaves_no_tenant_behind(self, books: Books) -> None:
        together(books, release(books, "a"))
        with books.database.untenanted() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM credit_account")).scalar() == 0


class TestSites:
    def test_nobody_reaches_another_sites_hold_through_a_batch(self, books: Books) -> None:
        books.give(10)
        quote_id = books.quote()
        neighbour = Books(books.database, Tenant(books.tenant.account_id, a_site()), run_id=books.run_id)
        neighbour.quote()  # the site has rows of its own
        answers = together(
            books,
            reserve(books, quote_id, "a", 5),
            capture(neighbour, "a", 5),
            release(neighbour, "a"),
            reserve(neighbour, quote_id, "b", 1),
            capture(books, "a", 5),
        )
        assert [answer.code for answer in answers] == ["ok", "hold_not_found", "ok", "quote_not_found", "ok"]
        assert answers[2].credits == 0  # the neighbour's own key of that name
        assert books.balance() == (5, 0)

    def test_the_policies_are_held_to_the_site_of_each_operation(self, books: Books) -> None:
        """The functions compare the site themselves; this is what holds where one forgets to."""
        neighbour = Books(books.database, Tenant(books.tenant.account_id, a_site()))
        neighbour.quote()
        with books.database.transaction(Tenant(books.tenant.account_id)) as transaction:
            for of in (books, neighbour):
                assert in_one_statement(transaction, [release(of, "a")]) == ["ok"]
                seen = transaction.all(sa.text("SELECT site_id FROM hold"))
                assert [row.site_id for row in seen] == [of.tenant.site_id]

    def test_a_site_that_nobody_has_seen_gets_its_reference_rows(
        self, ledger: Noted, books: Books, pool: ThreadPoolExecutor
    ) -> None:
        new = Books(books.database, Tenant(books.tenant.account_id, a_site()))
        with one_under_way(ledger, books, pool):
            mine, theirs = (queue_up(ledger, pool, of.tenant, release(of, "a"))[0] for of in (books, new))
        assert (mine.result(PATIENCE_S).code, theirs.result(PATIENCE_S).code) == ("ok", "ok")
        assert [len(batch) for batch in ledger.batches] == [1, 2]
        assert new.rows("SELECT count(*) FROM site_ref") == [(1,)]


class TestTheQueue:
    def test_those_who_wait_go_in_one_transaction_in_their_order(
        self, ledger: Noted, books: Books, pool: ThreadPoolExecutor
    ) -> None:
        books.give(3)
        quote_id = books.quote()
        with one_under_way(ledger, books, pool):
            waiting = queue_up(
                ledger, pool, books.tenant, *(reserve(books, quote_id, key, 2) for key in ("a", "b", "a"))
            )
        first, refused, again = [each.result(PATIENCE_S) for each in waiting]
        assert (first.code, refused.code, again.code) == ("ok", "insufficient_credits", "ok")
        assert (first.fresh, again.fresh, again.id) == (True, False, first.id)
        assert [len(batch) for batch in ledger.batches] == [1, 3]

    def test_what_breaks_off_concerns_only_its_caller(
        self, ledger: Noted, books: Books, pool: ThreadPoolExecutor
    ) -> None:
        books.give(10)
        quote_id = books.quote()
        with one_under_way(ledger, books, pool):
            before, bad, after = queue_up(
                ledger,
                pool,
                books.tenant,
                reserve(books, quote_id, "a", 5),
                release(books, ""),
                reserve(books, quote_id, "b", 5),
            )
        assert (before.result(PATIENCE_S).code, after.result(PATIENCE_S).code) == ("ok", "ok")
        assert isinstance(bad.exception(PATIENCE_S), psycopg.errors.CheckViolation)
        assert books.balance() == (10, 10)
        assert books.differences() == []

    def test_whose_time_is_over_is_not_done(self, ledger: Noted, books: Books, pool: ThreadPoolExecutor) -> None:
        books.give(10)
        quote_id = books.quote()

        def late() -> Answer:
            with call.serving(None, "", time.monotonic() - 1):
                return ask(ledger, books.tenant, reserve(books, quote_id, "late", 5))

        with one_under_way(ledger, books, pool):
            failed = pool.submit(late).exception(PATIENCE_S)
            (other,) = queue_up(ledger, pool, books.tenant, reserve(books, quote_id, "b", 6))
        assert isinstance(failed, DeadlineTooShort)
        assert other.result(PATIENCE_S).code == "ok"
        assert books.rows("SELECT key FROM hold WHERE quote_id IS NOT NULL") == [("b",)]

    def test_when_the_database_goes_away_those_under_way_are_told_and_the_next_ones_go_on(
        self, ledger: Noted, books: Books, pool: ThreadPoolExecutor, postgres: EmbeddedPostgres
    ) -> None:
        with one_under_way(ledger, books, pool) as first:
            others = queue_up(ledger, pool, books.tenant, release(books, "a"), release(books, "b"))
            with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE wait_event_type = 'Lock' AND usename = 'billing_app'"
                )
            assert isinstance(first.exception(PATIENCE_S), DATABASE_AWAY)
        assert [each.result(PATIENCE_S).fresh for each in others] == [True, True]

    def test_200_at_once_never_overdraw_and_all_that_fit_are_granted(self, ledger: Noted, books: Books) -> None:
        books.give(300)
        books.give(700)
        quote_id, barrier = books.quote(), Barrier(200)

        def run(n: int) -> str:
            barrier.wait(PATIENCE_S)
            return ask(ledger, books.tenant, reserve(books, quote_id, str(n), 7)).code

        with ThreadPoolExecutor(200) as threads:
            codes = list(threads.map(run, range(200)))
        assert codes.count("ok") == 1000 // 7
        assert codes.count("insufficient_credits") == 200 - 1000 // 7
        assert books.balance() == (1000, 994)
        assert books.differences() == []
        assert len(ledger.batches) < 200


class TestServersThatStop:
    @pytest.fixture
    def stopping(self, database: Database, sweep: Database, ledger: Noted) -> Iterator[tuple[Server, Remote]]:
        private, public = generate_key()
        servicer = BillingServicer(database, sweep, FakeClock(), ledger)
        add = billing_service_pb2_grpc.add_BillingServiceServicer_to_server
        verifier = Verifier("billing", {"test": Trust(public, ALL_SCOPES)})
        server = Server("127.0.0.1:0", [Offer("igny8.billing.v1.BillingService", add, servicer)], verifier)
        server.start()
        remote = Remote("billing", f"127.0.0.1:{server.port}", Issuer("test", private))
        yield server, remote
        remote.close()
        server.stop(grace_s=0)

    def calls(
        self, remote: Remote, books: Books, pool: ThreadPoolExecutor, ledger: Noted
    ) -> list["Future[billing_service_pb2.ReleaseResponse]"]:
        """Nine calls that free holds that were never made: one waits for the account's row, eight behind it."""
        caller = Caller(remote, a_passport(account_id=books.tenant.account_id, site=books.tenant.site))
        method = billing_service_pb2_grpc.BillingServiceStub(remote.channel).Release
        requests = [billing_service_pb2.ReleaseRequest(key=f"step:{n}") for n in range(9)]
        made = [pool.submit(caller.call, method, request, deadline_s=PATIENCE_S) for request in requests]
        eventually(lambda: ledger.waiting(books.tenant.account_id) == 8)
        return made

    def test_what_had_come_is_done_and_answered(
        self, stopping: tuple[Server, Remote], books: Books, pool: ThreadPoolExecutor, ledger: Noted
    ) -> None:
        server, remote = stopping
        with books.database.transaction(books.tenant) as holder:
            holder.execute(sa.text("SELECT 1 FROM credit_account FOR UPDATE"))
            calls = self.calls(remote, books, pool, ledger)
            stopped = pool.submit(server.stop, grace_s=PATIENCE_S)
        assert [each.result(PATIENCE_S).released_credits for each in calls] == [0] * 9
        stopped.result(PATIENCE_S)
        assert books.rows("SELECT count(*) FROM hold") == [(9,)]

    def test_whom_it_cannot_wait_for_is_told_and_may_ask_again(
        self, stopping: tuple[Server, Remote], books: Books, pool: ThreadPoolExecutor, ledger: Noted
    ) -> None:
        server, remote = stopping
        with books.database.transaction(books.tenant) as holder:
            holder.execute(sa.text("SELECT 1 FROM credit_account FOR UPDATE"))
            calls = self.calls(remote, books, pool, ledger)
            server.stop(grace_s=0.1)
            failures = [each.exception(PATIENCE_S) for each in calls]
        assert all(isinstance(each, Fault) and each.code is Kind.UNAVAILABLE for each in failures)
        eventually(lambda: ledger.waiting(books.tenant.account_id) == 0)
        again = together(books, *(release(books, f"step:{n}") for n in range(9)))
        assert {answer.code for answer in again} == {"ok"}
        assert books.rows("SELECT count(*) FROM hold") == [(9,)]


FUNCTIONS = ["ledger_reserve", "ledger_reserve", "ledger_capture", "ledger_release"]
WHAT = st.tuples(st.sampled_from(FUNCTIONS), st.sampled_from("abcdef"), st.integers(1, 5))
SAME = ("code", "fresh", "state", "credits", "captured_credits", "needed", "available", "held", "taken_credits")


def a_call(books: Books, quote_id: UUID, function: str, key: str, quantity: int) -> Operation:
    if function == "ledger_reserve":
        return reserve(books, quote_id, key, quantity)
    return capture(books, key, quantity) if function == "ledger_capture" else release(books, key)


def seen(answer: Answer) -> list[Any]:
    return [getattr(answer, name) for name in SAME]


class TestTheBooks:
    """Two accounts with the same credits: in one everything goes in batches, in the other one by one."""

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(batches=st.lists(st.lists(WHAT, min_size=1, max_size=8), min_size=1, max_size=5))
    def test_batches_of_any_size_end_as_one_by_one(
        self, database: Database, batches: list[list[tuple[str, str, int]]]
    ) -> None:
        many, single = Books.opened(database), Books.opened(database)
        for books in (many, single):
            books.give(12)
        quotes = {id(books): books.quote(20) for books in (many, single)}
        for batch in batches:
            answers = together(many, *(a_call(many, quotes[id(many)], *what) for what in batch))
            alone = [together(single, a_call(single, quotes[id(single)], *what))[0] for what in batch]
            assert [seen(answer) for answer in answers] == [seen(answer) for answer in alone]
        assert many.balance() == single.balance()
        assert many.differences() == single.differences() == []

    @pytest.mark.parametrize("seed", [1, 2])
    def test_many_threads_end_as_one_by_one_in_the_order_they_came_to(
        self, database: Database, ledger: Noted, seed: int
    ) -> None:
        many, single = Books.opened(database), Books.opened(database)
        for books in (many, single):
            books.give(60)
        quotes = {id(books): books.quote(80) for books in (many, single)}
        barrier = Barrier(16)

        def run(n: int) -> None:
            choose = random.Random(seed * 100 + n)  # noqa: S311 - a history, not a secret
            barrier.wait(PATIENCE_S)
            for _ in range(12):
                what = (
                    choose.choice(FUNCTIONS),
                    choose.choice("abcdefgh"),
                    choose.randint(1, 4),
                )
                ask(ledger, many.tenant, a_call(many, quotes[id(many)], *what))

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(run, range(16)))
        done = [each for batch in ledger.batches for each in batch]
        assert len(done) == 16 * 12
        assert max(len(batch) for batch in ledger.batches) > 1
        for made, answer in done:
            what = (made.function, made.parameters["key"], made.parameters.get("quantity", 1))
            alone = together(single, a_call(single, quotes[id(single)], *what))[0]
            assert seen(alone) == seen(answer)
        assert many.balance() == single.balance()
        assert many.differences() == single.differences() == []
