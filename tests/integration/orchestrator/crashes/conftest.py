"""One site with work for every function, for all walks."""

from collections.abc import Iterator

import pytest

from tests.house import House
from tests.integration.orchestrator.conftest import new_owner
from tests.integration.orchestrator.crashes.supply import Supply
from tests.integration.orchestrator.crashes.witness import Witness


@pytest.fixture(scope="package")
def supply(house: House) -> Supply:
    house.work()  # what other tests have left
    made = Supply(new_owner(house, credits=1_000_000, sectors=5))
    made.open()
    return made


@pytest.fixture(scope="package")
def witness(supply: Supply) -> Iterator[Witness]:
    seen = Witness(supply.owner)
    yield seen
    seen.close()
