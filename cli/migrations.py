"""Brings all seven databases to their newest schema in one process: `python -m cli.migrations`.

Seven processes would import SQLAlchemy and Alembic seven times. The URLs come from the environment, as each service's
own `migrate` takes them.
"""

import importlib.util
import os
import sys
from pathlib import Path

from chassis.config import ConfigurationError, Environment
from chassis.service import migrate_from_environment


def has_migrations(service: str) -> bool:
    """Return whether a service keeps a database of its own."""
    spec = importlib.util.find_spec(f"services.{service}")
    places = spec.submodule_search_locations if spec is not None else None
    return bool(places) and any(Path(place).glob("migrations/[0-9]*.py") for place in places or ())


def main() -> int:
    """Migrate every service whose owner URL the environment names."""
    named = (name for name, value in os.environ.items() if name.endswith("_OWNER_URL") and value)
    services = sorted(name.removesuffix("_OWNER_URL").lower() for name in named)
    for service in filter(has_migrations, services):
        try:
            migrate_from_environment(service, Environment())
        except ConfigurationError as error:
            sys.stderr.write(f"{service}: {error}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
