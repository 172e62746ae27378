from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from chassis.embedded import roles
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import ServiceUrls
from chassis.testing.postgres import TemplateDatabases

TENANT_TABLE = """
CREATE TABLE notes (account_id text NOT NULL, body text NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes USING (account_id = nullif(current_setting('app.account', true), ''));
GRANT SELECT, INSERT ON notes TO probe_app, probe_sweep;
"""


def _migrate(service: str, owner_url: str) -> None:
    assert service == "probe"
    with psycopg.connect(owner_url) as connection:
        connection.execute(TENANT_TABLE)


@pytest.fixture(scope="module")
def databases(postgres: EmbeddedPostgres) -> TemplateDatabases:
    return TemplateDatabases(postgres, _migrate)


@pytest.fixture
def urls(databases: TemplateDatabases) -> Iterator[ServiceUrls]:
    with databases.fresh("probe") as fresh:
        yield fresh


class TestBootstrap:
    def test_again_changes_nothing(self, postgres: EmbeddedPostgres) -> None:
        first = postgres.bootstrap(["one", "two"])
        assert postgres.bootstrap(["one", "two"]) == first
        for service in first.values():
            for url in (service.app, service.owner, service.sweep):
                with psycopg.connect(url) as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)

    def test_finishes_what_a_crash_left_half_done(self, postgres: EmbeddedPostgres) -> None:
        with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
            connection.execute("CREATE ROLE half_owner LOGIN")
            connection.execute("CREATE DATABASE half OWNER half_owner")
        half = postgres.bootstrap(["half"])["half"]
        with psycopg.connect(half.owner) as connection:
            connection.execute("CREATE TABLE made (id int)")
        with psycopg.connect(half.app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM made")

    def test_refuses_a_role_that_sees_every_tenant(self, postgres: EmbeddedPostgres) -> None:
        with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
            connection.execute("CREATE ROLE sly_app LOGIN BYPASSRLS")
        with pytest.raises(roles.UnsafeRole, match="ALTER ROLE sly_app NOSUPERUSER NOBYPASSRLS"):
            postgres.bootstrap(["sly"])

    def test_works_for_an_admin_who_is_no_superuser(self, postgres: EmbeddedPostgres) -> None:
        with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
            connection.execute("CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'managed'")
        admin_url = postgres.url("postgres", "manager", "managed")
        made = roles.bootstrap(admin_url, ["managed"], postgres.passwords)["managed"]
        assert roles.bootstrap(admin_url, ["managed"], postgres.passwords)["managed"] == made
        with psycopg.connect(made.owner) as connection:
            connection.execute("CREATE TABLE made (id int)")
        with psycopg.connect(made.sweep) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE forbidden (id int)")


class TestRoles:
    @pytest.mark.parametrize("kind", ["owner", "app", "sweep"])
    def test_cannot_bypass_row_level_security(self, urls: ServiceUrls, kind: str) -> None:
        with psycopg.connect(getattr(urls, kind)) as connection:
            connection.execute("SELECT set_config('app.account', 'a', true)")
            connection.execute("INSERT INTO notes VALUES ('a', 'mine')")
            connection.commit()
            assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
            connection.execute("SELECT set_config('app.account', 'b', true)")
            assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
            connection.execute("SELECT set_config('app.account', 'a', true)")
            assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)

    @pytest.mark.parametrize("kind", ["app", "sweep"])
    @pytest.mark.parametrize(
        "statement",
        [
            "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
            "DROP TABLE notes",
            "CREATE TABLE mine (id int)",
            "CREATE SCHEMA mine",
            "SET ROLE probe_owner",
            "SET SESSION AUTHORIZATION postgres",
            "ALTER ROLE CURRENT_USER BYPASSRLS",
        ],
    )
    def test_own_nothing(self, urls: ServiceUrls, kind: str, statement: str) -> None:
        with (
            psycopg.connect(getattr(urls, kind)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(sql.SQL(statement))

    def test_may_copy_into_a_temporary_table(self, urls: ServiceUrls) -> None:
        with psycopg.connect(urls.app) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE landing (body text) ON COMMIT DROP")
            with cursor.copy("COPY landing FROM STDIN") as copy:
                copy.write_row(("a",))
            assert cursor.execute("SELECT body FROM landing").fetchall() == [("a",)]

    def test_do_not_enter_another_services_database(self, urls: ServiceUrls, postgres: EmbeddedPostgres) -> None:
        assert urls.app
        postgres.bootstrap(["other"])
        crossing = postgres.url("other", "probe_app", postgres.passwords("probe_app"))
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(crossing)


class TestTemplateDatabases:
    def test_each_test_has_its_own(self, databases: TemplateDatabases) -> None:
        with databases.fresh("probe") as one, databases.fresh("probe") as other:
            with psycopg.connect(one.owner) as connection:
                connection.execute("SELECT set_config('app.account', 'a', true)")
                connection.execute("INSERT INTO notes VALUES ('a', 'only here')")
            with psycopg.connect(other.owner) as connection:
                connection.execute("SELECT set_config('app.account', 'a', true)")
                assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)

    def test_is_gone_afterwards_whoever_is_still_connected(self, databases: TemplateDatabases) -> None:
        with databases.fresh("probe") as gone:
            forgotten = psycopg.connect(gone.app)
        with pytest.raises(psycopg.OperationalError):
            forgotten.execute("SELECT 1")
        forgotten.close()
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(gone.app)
