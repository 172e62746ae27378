"""A short chaos run, played once: whether its end is clean, and what the judge makes of it when it is tampered with."""

from collections.abc import Iterator

import pytest

from chassis.testing.model_provider import model_provider
from tests.chaos.__main__ import RATES, opened
from tests.chaos.answers import answer
from tests.chaos.play import Played, Stage
from tests.chaos.script import Script, Sizes, draw

SIZES = Sizes(seconds=18, kills=8, pauses=1, sites=3, lease_s=3, scheduled=False)
SEED = 8  # PostgreSQL, workers, a frozen child, two services; and runs that go through all stages


@pytest.fixture(scope="session")
def script() -> Script:
    return draw(SEED, SIZES)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A running installation whose models are ours."""
    data = tmp_path_factory.mktemp("chaos") / "igny8"
    with model_provider(answer, RATES, SEED) as provider, opened(data, provider, SIZES.lease_s) as opened_one:
        yield opened_one


@pytest.fixture(scope="session")
def played(stage: Stage, script: Script) -> Played:
    """What was done to it, now that it is at rest again."""
    return stage.play(script)
