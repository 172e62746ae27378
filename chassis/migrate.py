"""Migrations: Alembic without an `env.py` in every service.

A service's `migrations/NNNN_<what>.py` files are its whole history. They run as the owner role, one transaction each
run, under an advisory lock so that two starting replicas do not race, and with short time-outs so that a migration
that would block traffic fails instead.
"""

import importlib.util
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from chassis.tenancy import Operations

_LOCK = 0x19A8_0001  # any number, the same for all: one database has one migrator


def upgrade(package: str, owner_url: str, *, app_role: str, sweep_role: str, revision: str = "head") -> None:
    """Bring a database to the newest schema of a service, or to an older one than that.

    Args:
        package: the service's package, "services.planner".
        owner_url: SQLAlchemy URL under the owner role.
        app_role: the role the service runs as; migrations grant to it.
        sweep_role: the role of claims and relays.
        revision: where to stop.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached, or a lock was not got in time.
    """
    script = _script(package)
    config = script.config if hasattr(script, "config") else Config()
    engine = sa.create_engine(owner_url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.execute(sa.text("SET lock_timeout = '4s'"))
            connection.commit()
            with EnvironmentContext(
                config, script, fn=lambda current, _: script._upgrade_revs(revision, current)
            ) as env:
                env.configure(connection=connection, app_role=app_role, sweep_role=sweep_role)
                with env.begin_transaction():
                    env.run_migrations()
            connection.commit()
    finally:
        engine.dispose()


def roles(op: Operations) -> tuple[str, str]:
    """Return (app role, sweep role) inside a migration."""
    options = op.get_context().opts
    return options["app_role"], options["sweep_role"]


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision a database is at, or None."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision(package: str) -> str | None:
    """Return the newest revision of a service."""
    return _script(package).get_current_head()


def _script(package: str) -> ScriptDirectory:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"There is no package {package}.")
    folder = Path(spec.submodule_search_locations[0]) / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "newline")
    return ScriptDirectory.from_config(config)
