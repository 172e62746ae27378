"""Every table of every service keeps tenants apart, as PostgreSQL's own catalogue sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chassis.testing.postgres import TemplateDatabases
from tests.contract.catalogue import Rules, problems
from tests.contract.discovery import models_of, services_with

SERVICES = services_with("migrations/[0-9]*.py")


def connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("+psycopg", ""))


def rules_of(service: str) -> Rules:
    models = models_of(service)
    return Rules(
        app=f"{service}_app",
        sweep=f"{service}_sweep",
        catalogue=getattr(models, "CATALOGUE", frozenset()),
        append_only=getattr(models, "APPEND_ONLY", frozenset()),
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_keeps_tenants_apart(databases: TemplateDatabases, service: str) -> None:
    with databases.fresh(service) as urls, connect(urls.owner) as connection:
        assert list(problems(connection, rules_of(service))) == []


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_declared_exists(databases: TemplateDatabases, service: str) -> None:
    rules = rules_of(service)
    with databases.fresh(service) as urls, connect(urls.owner) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert rules.catalogue | rules.append_only <= {name for (name,) in rows}


@pytest.fixture(scope="module")
def urls(databases: TemplateDatabases) -> Iterator[str]:
    with databases.fresh("identity") as made:
        yield made.owner


class TestTheCheckItself:
    """It refuses what it is there to refuse: a sound table, then one fault at a time."""

    SOUND = (
        "CREATE TABLE bad (account_id uuid, id uuid, site_id uuid NOT NULL, PRIMARY KEY (account_id, id))",
        "ALTER TABLE bad ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE bad FORCE ROW LEVEL SECURITY",
        "CREATE POLICY tenant ON bad USING (account_id = nullif(current_setting('app.account', true), '')::uuid"
        " AND site_id = nullif(current_setting('app.site', true), '')::uuid)",
        "GRANT SELECT, INSERT ON bad TO identity_app",
    )

    def found(self, url: str, *statements: str, append_only: frozenset[str] = frozenset()) -> list[str]:
        rules = rules_of("identity")
        rules = Rules(rules.app, rules.sweep, rules.catalogue, rules.append_only | append_only)
        with connect(url) as connection:
            for statement in statements:
                connection.execute(statement)
            lines = list(problems(connection, rules))
            connection.rollback()
        return lines

    def test_a_sound_table_passes(self, urls: str) -> None:
        assert self.found(urls, *self.SOUND) == []

    @pytest.mark.parametrize(
        ("fault", "line"),
        [
            ("ALTER TABLE bad NO FORCE ROW LEVEL SECURITY", "bad: row level security is not forced"),
            ("DROP POLICY tenant ON bad", "bad: has no policy for identity_app"),
            ("CREATE POLICY open ON bad USING (true)", "bad: the policy open does not compare with app.account"),
            ("ALTER TABLE bad ADD UNIQUE (site_id)", "bad: the unique bad_site_id_key starts with site_id"),
            ("CREATE UNIQUE INDEX first ON bad (lower(id::text))", "bad: the unique first starts with an expression"),
            (
                "ALTER TABLE bad ADD COLUMN other uuid, ADD CONSTRAINT lax FOREIGN KEY (id, site_id)"
                " REFERENCES bad (account_id, id)",
                "bad: the foreign key lax to bad leaves account_id out",
            ),
            ("GRANT UPDATE (site_id) ON bad TO identity_app", "bad: is append-only, and identity_app may UPDATE"),
            ("GRANT SELECT ON bad TO PUBLIC", "bad: everybody may SELECT"),
            ("GRANT TRUNCATE ON bad TO identity_app", "bad: identity_app may TRUNCATE"),
            ("CREATE TABLE worse (id uuid)", "worse: has no account_id and is not in models.CATALOGUE"),
            ("CREATE VIEW seen AS SELECT * FROM bad", "seen: is a view without security_invoker"),
            (
                "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM bad'",
                "function peek(): is SECURITY DEFINER without a search_path of its own",
            ),
        ],
    )
    def test_a_fault_is_named(self, urls: str, fault: str, line: str) -> None:
        lines = self.found(urls, *self.SOUND, fault, append_only=frozenset({"bad"}))
        assert any(found.startswith(line) for found in lines), lines
