"""A real PostgreSQL for tests: one server per session, one copy of a migrated database per test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import ServiceUrls, bootstrap_service


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    """A running server in a folder of its own; both are gone afterwards.

    Args:
        durable: whether it waits for the disk at every commit, as it does where the data matters.
    """
    folder = Path(tempfile.mkdtemp(prefix="igny8-test-"))
    folder.chmod(0o711)  # under root the server runs as another user, who must get through
    server = EmbeddedPostgres(folder / "postgres", fast=not durable)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        for leftover in (server.place, server.socket_dir, folder):
            shutil.rmtree(leftover, ignore_errors=True)


class TemplateDatabases:
    """Databases of services, each a copy of one that was migrated once.

    Args:
        server: the running server.
        migrate: called with the service's name and its owner's URL on an empty database; it must leave no
            connection open, or PostgreSQL refuses to copy.
    """

    def __init__(self, server: EmbeddedPostgres, migrate: Callable[[str, str], object]) -> None:
        self._server = server
        self._migrate = migrate
        self._templates: set[str] = set()
        self._numbers = count(1)

    @contextmanager
    def fresh(self, service: str) -> Iterator[ServiceUrls]:
        """A database of its own for one test, dropped afterwards."""
        template = self._template(service)
        database = f"{service}_{next(self._numbers)}"
        urls = self._make(service, database, template)
        try:
            yield urls
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database))
            with psycopg.connect(self._server.admin_url, autocommit=True) as connection:
                connection.execute(drop)

    def _template(self, service: str) -> str:
        template = f"{service}_template"
        if service not in self._templates:
            self._migrate(service, self._make(service, template, None).owner)
            self._templates.add(service)
        return template

    def _make(self, service: str, database: str, template: str | None) -> ServiceUrls:
        return bootstrap_service(
            self._server.admin_url,
            service,
            password=self._server.passwords,
            database=database,
            template=template,
        )
