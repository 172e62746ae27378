"""Transactions and single statements over a real PostgreSQL, also when it closes their connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from chassis.database import DATABASE_AWAY, Database
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import bootstrap_service
from chassis.ids import new_id
from chassis.singles import Singles
from chassis.tenancy import Tenant

TENANT = "SELECT current_setting('app.account', true), current_setting('app.site', true)"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'sample_statements'"
ADD = "INSERT INTO thing VALUES (%(n)s) RETURNING n"


@pytest.fixture(scope="module")
def urls(postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    made = bootstrap_service(postgres.admin_url, "sample", password=postgres.passwords, database="sample_statements")
    with psycopg.connect(made.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE account_ref (account_id uuid PRIMARY KEY); GRANT ALL ON account_ref TO sample_app")
        owner.execute("CREATE TABLE thing (n integer PRIMARY KEY); GRANT ALL ON thing TO sample_app")
    yield made.app.replace("postgresql://", "postgresql+psycopg://"), postgres.admin_url
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE sample_statements WITH (FORCE)")


@pytest.fixture
def database(urls: tuple[str, str]) -> Iterator[Database]:
    made = Database(urls[0], pool_size=2)
    with made.untenanted() as connection:
        connection.execute(sa.text("DELETE FROM thing"))
    made.engine.dispose()
    yield made
    made.close()


def things(database: Database) -> list[int]:
    with database.untenanted() as connection:
        return list(connection.scalars(sa.text("SELECT n FROM thing ORDER BY n")))


def test_a_transaction_names_its_tenant_and_the_next_one_does_not_inherit_it(database: Database) -> None:
    account_id = new_id()
    with database.transaction(Tenant(account_id)) as transaction:
        assert transaction.one(sa.text(TENANT)) == (str(account_id), "")
    with database.untenanted() as connection:
        assert connection.execute(sa.text(TENANT)).one() == ("", "")


class TestSingleStatements:
    def test_it_is_a_transaction_by_itself(self, database: Database) -> None:
        assert database.single(ADD, {"n": 1}) == [(1,)]
        assert things(database) == [1]

    def test_what_it_sets_for_its_transaction_is_gone_after_it(self, database: Database) -> None:
        assert database.single("SELECT set_config('app.account', 'x', true)", {}) == [("x",)]
        assert database.single("SELECT current_setting('app.account', true)", {}) == [("",)]

    def test_there_are_no_more_connections_than_it_may_have(self, urls: tuple[str, str], database: Database) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda n: database.single(ADD, {"n": n}), range(40)))
        with psycopg.connect(urls[1], autocommit=True) as admin:
            ((count,),) = admin.execute(CONNECTIONS)
        assert 1 <= count <= 2
        assert things(database) == list(range(40))

    def test_who_finds_none_free_in_time_is_told(self, urls: tuple[str, str]) -> None:
        singles = Singles(make_url(urls[0]), size=1, timeout_s=0.01, lock_timeout_s=60)
        with ThreadPoolExecutor(1) as threads, psycopg.connect(urls[0].replace("+psycopg", "")) as holder:
            holder.execute("SELECT pg_advisory_lock(1)")
            waits = threads.submit(singles.run, "SELECT pg_advisory_lock(1)", {})
            while not holder.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone():
                assert not waits.done()
            with pytest.raises(DATABASE_AWAY, match="No connection was free"):
                singles.run("SELECT 1", {})
            singles.close()  # which closes the one in use when it is given back: a warning would fail the test
            holder.execute("SELECT pg_advisory_unlock(1)")

    def test_a_failure_undoes_it_and_nothing_else(self, database: Database) -> None:
        database.single(ADD, {"n": 1})
        for _ in range(3):  # more often than the pool has connections
            with pytest.raises(psycopg.errors.UniqueViolation):
                database.single("INSERT INTO thing VALUES (2), (%(n)s) RETURNING n", {"n": 1})
        assert things(database) == [1]

    def test_who_waits_for_a_lock_too_long_is_told(self, urls: tuple[str, str], database: Database) -> None:
        impatient = Database(urls[0], lock_timeout_s=0.01)
        with database.untenanted() as holder:
            holder.execute(sa.text("LOCK TABLE thing"))
            with pytest.raises(DATABASE_AWAY, match="lock timeout"):
                impatient.single(ADD, {"n": 1})
        assert impatient.single(ADD, {"n": 1}) == [(1,)]
        impatient.close()

    def test_after_the_server_closed_every_connection_one_call_fails_and_the_next_ones_do_not(
        self, database: Database, urls: tuple[str, str]
    ) -> None:
        with psycopg.connect(urls[1], autocommit=True) as admin, ThreadPoolExecutor(2) as threads:
            while admin.execute(CONNECTIONS).fetchall() < [(2,)]:
                list(threads.map(lambda _: database.single("SELECT pg_sleep(0.05)", {}), range(2)))
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'sample_statements'"
            )
        with pytest.raises(DATABASE_AWAY):
            database.single(ADD, {"n": 1})
        assert [database.single(ADD, {"n": n}) for n in (2, 3)] == [[(2,)], [(3,)]]
        assert database.single("SELECT n FROM thing ORDER BY n", {}) == [(2,), (3,)]
