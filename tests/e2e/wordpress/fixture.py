"""Fixtures: a session's one site, an adapter for it, and a proxy in front of it."""

import os
from collections.abc import Iterator

import pytest

from services.integration.adapters.base import Destination
from tests.e2e.wordpress import WordPressSite, WordPressUnavailable
from tests.e2e.wordpress.articles import adapter
from tests.e2e.wordpress.proxy import Proxy


def start_or_explain(*, subfolder: str = "", environment: str = "local") -> WordPressSite:
    """Start a site. Where none can be had, skip with the reason; fail in CI, where a skip would hide it."""
    try:
        return WordPressSite.start(subfolder=subfolder, environment=environment)
    except WordPressUnavailable as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no real WordPress here: {reason}")


@pytest.fixture(scope="session")
def wordpress() -> Iterator[WordPressSite]:
    with start_or_explain() as site:
        yield site


@pytest.fixture
def destination(wordpress: WordPressSite) -> Destination:
    return adapter(wordpress)


@pytest.fixture
def proxy(wordpress: WordPressSite) -> Iterator[Proxy]:
    with Proxy(wordpress.url) as proxy:
        yield proxy
