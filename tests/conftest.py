"""Fixtures that every suite may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis import migrate
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.testing.postgres import TemplateDatabases, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One real PostgreSQL for the whole session."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> TemplateDatabases:
    """Databases of any service, at its newest schema: `with databases.fresh("planner") as urls`."""
    return TemplateDatabases(postgres, _migrate)


def _migrate(service: str, owner_url: str) -> None:
    migrate.upgrade(f"services.{service}", owner_url, app_role=f"{service}_app", sweep_role=f"{service}_sweep")
