"""The databases and roles of the services, on the embedded PostgreSQL as on any other.

Each service has one database and three roles: `<service>_owner` runs migrations and owns the tables,
`<service>_app` answers requests under row level security, `<service>_sweep` does the service's own rounds
with policies of its own. None of them is a superuser or bypasses row level security. Everything here can be
run again, also after it was interrupted half-way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection, sql
from sqlalchemy.engine import URL, make_url

CONNECT_TIMEOUT_S = 10
BOOTSTRAP_LOCK = 0x49474E59  # "IGNY": two bootstraps at once wait for each other


class UnsafeRole(RuntimeError):
    """A role that exists already could go round row level security."""

    def __init__(self, role: str) -> None:
        super().__init__(
            f"role {role} is a superuser or bypasses row level security; run: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS"
        )


@dataclass(frozen=True)
class ServiceUrls:
    """How a service's three roles connect to its database; the passwords in them stay out of logs."""

    app: str = field(repr=False)
    owner: str = field(repr=False)
    sweep: str = field(repr=False)


def bootstrap(admin_url: str, services: Iterable[str], password: Callable[[str], str]) -> dict[str, ServiceUrls]:
    """Make every service's roles and its database, named as the service.

    Args:
        admin_url: URL of a role that may create roles and databases.
        services: short names, such as `billing`.
        password: gives the password of a role; roles that exist are set to it.

    Raises:
        UnsafeRole: a role of that name exists and could see every tenant.
    """
    return {service: bootstrap_service(admin_url, service, password=password, database=service) for service in services}


def bootstrap_service(
    admin_url: str,
    service: str,
    *,
    password: Callable[[str], str],
    database: str,
    template: str | None = None,
) -> ServiceUrls:
    """Make one service's roles and a database for them, from `template` if one is named; its three URLs."""
    admin = make_url(admin_url)
    owner, app, sweep = (f"{service}_{kind}" for kind in ("owner", "app", "sweep"))
    with _connect(admin) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (BOOTSTRAP_LOCK,))
        for role in (owner, app, sweep):
            _make_role(connection, role, password(role))
        _make_database(connection, database, owner, template)
        _restrict_database(connection, database, owner, (app, sweep))
    with _connect(admin.set(database=database)) as connection:
        _restrict_schema(connection, owner, (app, sweep))
    return ServiceUrls(*(_url(admin, database, role, password(role)) for role in (app, owner, sweep)))


def _connect(url: URL) -> Connection[tuple[object, ...]]:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)


def _url(admin: URL, database: str, role: str, password: str) -> str:
    url = admin.set(username=role, password=password, database=database)
    return url.render_as_string(hide_password=False)


def _make_role(connection: Connection[tuple[object, ...]], role: str, password: str) -> None:
    """Create or update a role. Its password is hashed here, so that no server log can hold it."""
    row = connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if row is not None and row[0]:
        raise UnsafeRole(role)
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    # An existing role is only told what a CREATEROLE admin of a managed server may say about it.
    verb = "ALTER ROLE {} LOGIN" if row else "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"
    connection.execute(sql.SQL(verb + " PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))


def _make_database(connection: Connection[tuple[object, ...]], database: str, owner: str, template: str | None) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
        return
    # Only a member may give away ownership; a superuser is none and needs no membership.
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
    statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    connection.execute(statement)


def _restrict_database(
    connection: Connection[tuple[object, ...]], database: str, owner: str, users: tuple[str, ...]
) -> None:
    """Only the service's roles connect; temporary tables, as row level security refuses COPY."""
    name = sql.Identifier(database)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    everyone = sql.SQL(", ").join(sql.Identifier(role) for role in (owner, *users))
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, everyone))


def _restrict_schema(connection: Connection[tuple[object, ...]], owner: str, users: tuple[str, ...]) -> None:
    """Only the owner creates anything; what the others may do with a table is said by its migration."""
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(owner)))
    names = sql.SQL(", ").join(sql.Identifier(role) for role in users)
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(names))
