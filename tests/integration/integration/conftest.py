"""One integration for the session; each test calls it as an account of its own."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chassis.testing.postgres import TemplateDatabases
from tests.integration.integration.house import House, house


@pytest.fixture(scope="session")
def running_house(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with databases.fresh("integration") as urls, house(urls, tmp_path_factory.mktemp("integration")) as made:
        yield made


@pytest.fixture
def integration(running_house: House) -> Iterator[House]:
    """Integration, called by a new account for a new site."""
    yield replace(running_house, caller=running_house.running.caller())
    running_house.destinations.played.clear()
