"""A writer with a real database, beside a planner behind a real server."""

from collections.abc import Iterator

import pytest

from chassis.client import Remote
from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import a_site
from services.writer.clients import Planner
from tests.integration.writer.planner import FakePlanner, planner_server


@pytest.fixture(scope="package")
def urls(databases: TemplateDatabases) -> Iterator[ServiceUrls]:
    with databases.fresh("writer") as made:
        yield made


@pytest.fixture(scope="package")
def database(urls: ServiceUrls) -> Iterator[Database]:
    made = Database(urls.app)
    yield made
    made.close()


@pytest.fixture(scope="package")
def planner() -> FakePlanner:
    return FakePlanner()  # type: ignore[abstract]  # what it does not have answers UNIMPLEMENTED


@pytest.fixture(scope="package")
def planner_remote(planner: FakePlanner) -> Iterator[Remote]:
    with planner_server(planner) as remote:
        yield remote


@pytest.fixture(scope="package")
def planner_client(planner_remote: Remote) -> Planner:
    return Planner(planner_remote)


@pytest.fixture
def tenant() -> Tenant:
    """A new account with a site of two sectors."""
    return Tenant(new_id(), a_site(sectors=2))
