"""The `wordpress` fixture (a session's one site), and a start that explains why there is none."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.wordpress import WordPressSite, WordPressUnavailable


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
