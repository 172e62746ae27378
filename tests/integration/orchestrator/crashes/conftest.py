"""One site with work for every function, for all walks."""

from collections.abc import Iterator

import pytest

from tests.house import House
from tests.integration.orchestrator.crashes.supply import Supply, open_supply
from tests.integration.orchestrator.crashes.witness import Witness


@pytest.fixture(scope="package")
def supply(house: House) -> Supply:
    return open_supply(house)


@pytest.fixture(scope="package")
def witness(supply: Supply) -> Iterator[Witness]:
    seen = Witness(supply.owner)
    yield seen
    seen.close()
