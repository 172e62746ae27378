"""Credentials at rest: found in no table, no answer and no log; opened for their own account and site only."""

import json
import logging

import psycopg
import pytest
import sqlalchemy as sa
from igny8.integration.v1 import integration_pb2
from psycopg import sql

from chassis.errors import Fault
from tests.integration.integration.house import House

CANARY = "canary-7f3a-application-password"
LOGIN = json.dumps({"username": "editor", "application_password": CANARY})
WORDPRESS = integration_pb2.PLATFORM_WORDPRESS


def dump(integration: House) -> str:
    """Every row of every table, as a superuser's dump would have it."""
    url = sa.make_url(integration.urls.owner).set(drivername="postgresql")
    lines = []
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            # The owner is under the policies too: it steps out of them for its own dump, and the change is undone.
            connection.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(sql.Identifier(table)))
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table)))
            lines += [f"{table} {row}" for (row,) in rows]
        connection.rollback()
    return "\n".join(lines)


class TestAtRest:
    def test_a_canary_is_in_no_table_no_answer_and_no_log(
        self, integration: House, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        said = []
        made = integration.connect(WORDPRESS, "http://127.0.0.1:9", LOGIN, request_id="once")
        said.append(str(made))
        said.append(str(integration.update(made, credentials_json=LOGIN)))
        said.append(str(integration.by_id("Test", made.id)))
        with pytest.raises(Fault) as failed:
            integration.apply(integration.write())
        said.append(failed.value.message)
        for broken in (LOGIN[:-1], f'["{CANARY}"]', json.dumps({"username": "a:b", "application_password": CANARY})):
            with pytest.raises(Fault) as failed:
                integration.update(made, credentials_json=broken)
            said.append(failed.value.message)
        stored = dump(integration)
        assert made.id in stored
        assert '"box"' in stored.replace('""', '"')
        for place in (stored, caplog.text, *said):
            assert CANARY not in place

    def test_a_row_copied_to_another_site_cannot_be_opened(self, integration: House) -> None:
        integration.connect(WORDPRESS, "http://127.0.0.1:9", LOGIN)
        other = integration.at_another_site()
        copy = other.connect(WORDPRESS, "http://127.0.0.1:9", LOGIN)
        account = str(integration.caller.passport.account_id)
        engine = sa.create_engine(integration.urls.app, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT set_config('app.account', :account, true)"), {"account": account})
            connection.execute(
                sa.text(
                    "UPDATE site_integration SET credentials ="
                    " (SELECT credentials FROM site_integration WHERE site_id = :site) WHERE id = :copy"
                ),
                {"site": integration.site_id, "copy": copy.id},
            )
        engine.dispose()
        answer = other.by_id("Test", copy.id)
        assert (answer.ok, answer.checks[0].detail) == (False, "credentials_missing")
        assert "enter them again" in answer.checks[0].hint
        with pytest.raises(Fault) as failed:
            other.apply(other.write())
        assert failed.value.reason == "CREDENTIALS_MISSING"


class TestPolicies:
    def test_every_table_of_a_tenant_forces_its_policy(self, integration: House) -> None:
        engine = sa.create_engine(integration.urls.app, poolclass=sa.NullPool)
        question = """
            SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind = 'r'
              AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                       AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))
        """
        with engine.connect() as connection:
            open_tables = {name for (name,) in connection.execute(sa.text(question))}
        engine.dispose()
        assert open_tables == {"plugin_release", "alembic_version"}

    def test_what_happened_cannot_be_rewritten(self, integration: House) -> None:
        engine = sa.create_engine(integration.urls.app, poolclass=sa.NullPool)
        for statement in ("UPDATE sync_event SET error = ''", "DELETE FROM sync_event", "DELETE FROM publication"):
            with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.execute(sa.text(statement))
        engine.dispose()
