"""What a settled process no longer looks through."""

import gc
from collections.abc import Iterator

import pytest

from chassis import collector


@pytest.fixture
def _as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("_as_before")
def test_what_is_there_is_not_looked_through_again_and_what_comes_is() -> None:
    collector.settle()
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    later: list[object] = []
    later.append(later)
    kept = id(later)
    assert any(id(each) == kept for each in gc.get_objects())
    del later
    assert gc.collect() > 0
    assert gc.get_freeze_count() == frozen
