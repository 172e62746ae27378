"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.e2e.installation import Installation, running
from tests.e2e.wordpress.fixture import destination, proxy, wordpress

__all__ = ["destination", "proxy", "wordpress"]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation for every test that leaves its processes alone: a start costs ten seconds."""
    with running(tmp_path_factory.mktemp("installation") / "igny8") as running_one:
        yield running_one
