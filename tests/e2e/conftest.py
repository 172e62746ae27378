"""Fixtures of the end-to-end tests."""

from tests.e2e.wordpress.fixture import wordpress

__all__ = ["wordpress"]
