"""Fixtures that every suite may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.embedded.postgres import EmbeddedPostgres
from chassis.testing.postgres import postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One real PostgreSQL for the whole session."""
    with postgres_server() as server:
        yield server
