"""Fixtures of the end-to-end tests."""

from tests.e2e.wordpress.fixture import destination, proxy, wordpress

__all__ = ["destination", "proxy", "wordpress"]
