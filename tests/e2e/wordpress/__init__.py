"""A real WordPress for tests: Debian's packages, a private MariaDB, PHP's own server; no Docker, no mock.

    with WordPressSite.start() as site:
        site.url, site.user, site.application_password

The first start installs what is missing and builds a base under `.cache/wordpress`; each later one copies its
small data directory and is up in about a second. Nothing outlives the process that started it.
"""

from tests.e2e.wordpress.packages import WordPressUnavailable
from tests.e2e.wordpress.site import WordPressSite

__all__ = ["WordPressSite", "WordPressUnavailable"]
