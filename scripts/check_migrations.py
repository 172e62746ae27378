"""Compares what the migrations of every service build with what its models say.

For each services/<name>/migrations/ a database is built from nothing on an embedded PostgreSQL, as the
service's owner role, and Alembic's comparison with `services.<name>.models.Base.metadata` must find no
difference. Policies, grants and functions are beyond that comparison; tests look at those.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis import migrate
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.testing.postgres import postgres_server

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Compare every service; 0 when all agree."""
    services = sorted({path.parent.parent.name for path in ROOT.glob("services/*/migrations/[0-9]*.py")})
    if not services:
        print("migrations: no service has one yet, so there is nothing to compare")
        return 0
    with postgres_server() as server:
        differences = {service: _differences(server, service) for service in services}
    for service, found in differences.items():
        for difference in found:
            print(f"services/{service}: models and migrations disagree: {difference}", file=sys.stderr)
    return 1 if any(differences.values()) else 0


def _differences(server: EmbeddedPostgres, service: str) -> list[str]:
    """What a migration would still have to do for the models to be true, one line each."""
    urls = server.bootstrap([service])[service]
    migrate.upgrade(f"services.{service}", urls.owner, app_role=f"{service}_app", sweep_role=f"{service}_sweep")
    metadata = importlib.import_module(f"services.{service}.models").Base.metadata
    engine = sa.create_engine(urls.owner, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return [str(difference) for difference in compare_metadata(context, metadata)]
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
