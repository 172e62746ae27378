"""A database of the release before: what was in it is as right after the upgrade, and it ends as a fresh one does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis import migrate
from chassis.database import Database
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import ServiceUrls, bootstrap_service
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import a_site
from services.billing.migrations.sql import NEWEST, install
from tests.integration.billing.books import Books
from tests.integration.billing.test_batching import BLOCKED, PATIENCE_S, capture, eventually, together

# Functions of then, whose rest this is: one that is gone since, a type that has more columns now, and a trigger.
FUNCTIONS_OF_THEN = """
    CREATE TYPE ledger_answer AS (code text, fresh boolean);
    CREATE FUNCTION ledger_of_then() RETURNS ledger_answer LANGUAGE sql AS 'SELECT NULL::ledger_answer';
    CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER credit_transaction_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""
# 100 credits were given; a hold of 20 captured 12 of them under a quote that another one replaced, one of 7 is open.
ROWS_OF_THEN = (
    "INSERT INTO account_ref VALUES (:account)",
    "INSERT INTO site_ref VALUES (:account, :site, :site)",
    "INSERT INTO credit_account (account_id, posted, held, transaction_count) VALUES (:account, 88, 7, 2)",
    "INSERT INTO credit_grant (account_id, id, key, kind, priority, credits, remaining, held, effective_time)"
    " VALUES (:account, :one, 'signup', 'plan', 100, 100, 88, 7, now())",
    "INSERT INTO quote (account_id, site_id, id, key, request, expected_credits, limit_credits, captured_credits,"
    " held_credits, run_id, accept_time, expire_time) VALUES"
    " (:account, :site, :one, 'a', '{}', 50, 50, 12, 0, :one, now() - interval '1 hour', now()),"
    " (:account, :site, :two, 'b', '{}', 50, 50, 0, 7, :one, now(), now())",
    "INSERT INTO quote_line (account_id, site_id, id, quote_id, position, stage, operation, expected_quantity,"
    " limit_quantity, pieces, expected_credits, limit_credits, credit_cost_id)"
    " SELECT :account, :site, :one, :one, 0, 4, c.operation, 1, 1, 1, 1, 1, c.id FROM credit_cost c"
    " WHERE c.operation = 'content'",
    "INSERT INTO hold (account_id, site_id, id, key, state, quote_id, run_id, operation, quantity, unit_size,"
    " unit_credits, credits, captured_credits, close_time) VALUES"
    " (:account, :site, :one, 'done', 'captured', :one, :one, 'content', 2000, 100, 1, 20, 12, now()),"
    " (:account, :site, :two, 'open', 'open', :two, :one, 'content', 700, 100, 1, 7, 0, NULL)",
    "INSERT INTO hold_grant VALUES (:account, :one, :one, 1, 20, 12), (:account, :two, :one, 1, 7, 0)",
    "INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after, hold_id, grant_id) VALUES"
    " (:account, :one, 1, 'subscription', 100, 100, NULL, :one), (:account, :two, 2, 'deduction', -12, 88, :one, NULL)",
    "INSERT INTO credit_usage (account_id, site_id, id, hold_id, operation, quantity, credits, object_kind)"
    " VALUES (:account, :site, :one, :one, 'content', 1180, 12, 'task')",
)


@contextmanager
def connected(url: str, account: UUID | None = None) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if account:
            connection.execute(sa.text("SELECT set_config('app.account', :id, true)"), {"id": str(account)})
        yield connection


def upgrade(urls: ServiceUrls, **more: str) -> None:
    migrate.upgrade("services.billing", urls.owner, app_role="billing_app", sweep_role="billing_sweep", **more)


@pytest.fixture(scope="module")
def upgraded(postgres: EmbeddedPostgres) -> Iterator[tuple[ServiceUrls, list[Books]]]:
    """A database that was at the first revision with the ledger's functions, and accounts that were in it."""
    urls = bootstrap_service(postgres.admin_url, "billing", password=postgres.passwords, database="billing_of_then")
    upgrade(urls, revision="0004")
    with connected(urls.owner) as connection:
        connection.exec_driver_sql(FUNCTIONS_OF_THEN)
    database = Database(urls.app)
    accounts = [an_account_of_then(urls, database) for _ in range(8)]
    upgrade(urls)
    yield urls, accounts
    database.close()


def an_account_of_then(urls: ServiceUrls, database: Database) -> Books:
    site, account = a_site(), new_id()
    values = {"account": account, "site": site.id, "one": new_id(), "two": new_id()}
    with connected(urls.owner, account) as connection:
        for statement in ROWS_OF_THEN:
            connection.execute(sa.text(statement), values)
    return Books(database, Tenant(account, site), run_id=values["one"])


@pytest.fixture
def books_of_then(upgraded: tuple[ServiceUrls, list[Books]]) -> Books:
    return upgraded[1].pop()


class TestWhatWasThere:
    def test_is_as_right_as_before(self, books_of_then: Books) -> None:
        assert books_of_then.differences() == []
        assert books_of_then.balance() == (88, 7)

    def test_is_what_its_keys_still_answer_with(self, books_of_then: Books) -> None:
        again = books_of_then.capture("done", 1180)
        assert (again.code, again.fresh, again.captured_credits, again.taken_credits) == ("ok", False, 12, 12)
        assert books_of_then.capture("done", 1181).code == "key_reused"
        assert books_of_then.balance() == (88, 7)

    def test_goes_on(self, books_of_then: Books) -> None:
        assert books_of_then.capture("open", 650).captured_credits == 7
        assert books_of_then.refund(books_of_then.last("deduction"), 3).code == "ok"
        assert books_of_then.balance() == (84, 0)
        assert books_of_then.differences() == []

    def test_says_what_its_new_columns_mean(self, books_of_then: Books) -> None:
        assert books_of_then.rows("SELECT change_kind, post_time = create_time FROM credit_grant") == [
            ("subscription", True)
        ]
        assert books_of_then.rows("SELECT replace_time IS NOT NULL FROM quote ORDER BY key") == [(True,), (False,)]
        assert books_of_then.rows("SELECT unit, unit_credits FROM quote_line") == [("100_words", 1)]
        usage = (
            "SELECT u.key, u.final, t.amount FROM credit_usage u JOIN credit_transaction t ON t.id = u.transaction_id"
        )
        assert books_of_then.rows(usage) == [("done", True, -12)]

    def test_is_under_row_level_security_again(self, books_of_then: Books) -> None:
        stranger = Books.opened(books_of_then.database)
        for table in ("credit_grant", "credit_transaction", "credit_usage", "hold", "quote", "quote_line"):
            assert stranger.rows(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608 - names


def test_an_upgraded_database_has_what_a_fresh_one_has(
    upgraded: tuple[ServiceUrls, list[Books]], databases: TemplateDatabases
) -> None:
    with databases.fresh("billing") as fresh:
        assert made(upgraded[0]) == made(fresh)
    assert not any("ledger_of_then" in text for text in made(upgraded[0]))


def test_a_call_that_is_under_way_goes_on_when_functions_are_replaced(urls: ServiceUrls) -> None:
    with (
        closing(Database(urls.app)) as database,
        ThreadPoolExecutor(1) as threads,
        connected(urls.owner) as owner,
    ):
        books = Books.opened(database)
        books.give(10)
        books.reserve(books.quote(), 4, key="a")
        with connected(urls.app, books.tenant.account_id) as other:
            other.execute(sa.text("SELECT FROM credit_account FOR UPDATE"))
            waiting = threads.submit(together, books, capture(books, "a", 3))
            eventually(lambda: books.rows(BLOCKED) == [(1,)])
            install(SimpleNamespace(get_bind=lambda: owner), NEWEST)
            owner.commit()
        assert [answer.code for answer in waiting.result(PATIENCE_S)] == ["ok"]
        assert books.balance() == (7, 0)


@pytest.mark.parametrize(
    "then",
    [
        "CREATE FUNCTION ledger_of_then() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION ledger_release(uuid, uuid, uuid, text, timestamptz) RENAME TO ledger_let_go",
        "DROP FUNCTION ledger_held(uuid, uuid) CASCADE;"
        " CREATE FUNCTION ledger_held(p uuid, q uuid) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TYPE ledger_answer ADD ATTRIBUTE of_then int",
        "DROP TYPE ledger_operation CASCADE",
    ],
    ids=["one that is gone", "one of another name", "one of another answer", "a longer type", "a missing type"],
)
def test_functions_end_as_they_are_written(urls: ServiceUrls, then: str) -> None:
    wanted = made(urls)
    with connected(urls.owner) as owner:
        owner.exec_driver_sql(then)
    assert made(urls) != wanted
    with connected(urls.owner) as owner:
        install(SimpleNamespace(get_bind=lambda: owner), NEWEST)
    assert made(urls) == wanted


def made(urls: ServiceUrls) -> list[str]:
    """Every function, trigger, type, table, key and index as PostgreSQL would write it."""
    with connected(urls.owner) as connection:
        return [text for query in _MADE for text in connection.execute(sa.text(query)).scalars()]


_MADE: tuple[Any, ...] = (
    "SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS"
    " (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "SELECT attname || ' ' || atttypid::regtype FROM pg_attribute WHERE attrelid = 'ledger_answer'::regclass",
    "SELECT concat_ws(' ', relname, relforcerowsecurity, reloptions) FROM pg_class WHERE relkind = 'r'"
    " AND relnamespace = 'public'::regnamespace ORDER BY 1",
    "SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
)
