"""Runs the migrations of every service, compares what they build with its models, and has squawk read their SQL.

For each services/<name>/migrations/ a database is built from nothing on an embedded PostgreSQL, as the
service's owner role, and Alembic's comparison with `services.<name>.models.Base.metadata` must find no
difference. Policies, grants and functions are beyond that comparison; tests look at those.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis import migrate
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.testing.postgres import postgres_server

ROOT = Path(__file__).resolve().parent.parent
SQUAWK_TIMEOUT_S = 60
BOOKKEEPING = ("SELECT", "SHOW", "SET ", "INSERT INTO alembic_version", "CREATE TABLE alembic_version")
REVISION_END = ("INSERT INTO alembic_version", "UPDATE alembic_version")


def main() -> int:
    """Check every service; 0 when there is nothing to say."""
    services = sorted({path.parent.parent.name for path in ROOT.glob("services/*/migrations/[0-9]*.py")})
    if not services:
        print("migrations: no service has one yet, so there is nothing to compare")
        return 0
    with postgres_server() as server:
        clean = [_check(server, service) for service in services]
    return 0 if all(clean) else 1


def _check(server: EmbeddedPostgres, service: str) -> bool:
    urls = server.bootstrap([service])[service]
    with _statements() as statements:
        migrate.upgrade(f"services.{service}", urls.owner, app_role=f"{service}_app", sweep_role=f"{service}_sweep")
    differences = _differences(service, urls.owner)
    for difference in differences:
        print(f"services/{service}: models and migrations disagree: {difference}", file=sys.stderr)
    return _squawk(service, statements) and not differences


def _differences(service: str, owner_url: str) -> list[str]:
    """What a migration would still have to do for the models to be true, one line each."""
    metadata = importlib.import_module(f"services.{service}.models").Base.metadata
    engine = sa.create_engine(owner_url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return [str(difference) for difference in compare_metadata(context, metadata)]
    finally:
        engine.dispose()


@contextmanager
def _statements() -> Iterator[list[tuple[str, bool]]]:
    """The SQL that any engine executes meanwhile, each with whether it runs in a transaction."""
    seen: list[tuple[str, bool]] = []

    def remember(connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not parameters:  # rows that a migration inserts: their placeholders are no SQL that squawk could read
            inside = not connection.connection.driver_connection.autocommit  # type: ignore[union-attr]  # psycopg's
            seen.append((statement.strip().replace("%%", "%"), inside))

    sa.event.listen(sa.Engine, "before_cursor_execute", remember)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", remember)


def _squawk(service: str, statements: list[tuple[str, bool]]) -> bool:
    """Lint the SQL of each revision by itself: what one revision creates, the next finds in use."""
    ended = [sum(s.startswith(REVISION_END) for s, _ in statements[:n]) for n in range(len(statements))]
    parts: dict[tuple[int, bool], list[str]] = {}
    for number, (text, inside) in zip(ended, statements, strict=True):
        if not text.startswith((*BOOKKEEPING, *REVISION_END)):
            parts.setdefault((number + 1, inside), []).append(f"{text.rstrip(';')};\n")
    with tempfile.TemporaryDirectory() as folder:
        for (number, inside), texts in parts.items():
            (Path(folder) / f"{service}-{number:04}{'' if inside else '-outside'}.sql").write_text("".join(texts))
        files = sorted(Path(folder).iterdir())
        outside = [file for file in files if file.stem.endswith("-outside")]
        inside_ones = [file for file in files if file not in outside]
        return _lint(inside_ones, "--assume-in-transaction") and (not outside or _lint(outside))


def _lint(files: list[Path], *options: str) -> bool:
    squawk, config = Path(sys.executable).parent / "squawk", ROOT / ".squawk.toml"
    command = [str(squawk), "--config", str(config), "--reporter", "gcc", *options, *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=SQUAWK_TIMEOUT_S, check=False)
    if result.returncode != 0:
        print(result.stdout + result.stderr, file=sys.stderr)
    return result.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
