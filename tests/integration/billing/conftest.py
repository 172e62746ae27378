"""One billing database for the module, and accounts in it that nobody has seen before."""

from collections.abc import Iterator

import pytest

from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.testing.postgres import TemplateDatabases
from tests.integration.billing.books import Books


@pytest.fixture(scope="module")
def urls(databases: TemplateDatabases) -> Iterator[ServiceUrls]:
    with databases.fresh("billing") as made:
        yield made


@pytest.fixture(scope="module")
def database(urls: ServiceUrls) -> Iterator[Database]:
    made = Database(urls.app, pool_size=64)
    yield made
    made.close()


@pytest.fixture
def books(database: Database) -> Books:
    return Books.opened(database)
