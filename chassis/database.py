"""PostgreSQL: an engine, and a unit of work that always knows its tenant.

No ORM session: tables are declared as classes, queries are Core statements on a connection (measured: half the cost).
A transaction begins by naming its tenant with `set_config(..., is_local := true)`; row level security does the rest,
and a transaction that names none sees nothing.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import CursorResult, Row
from sqlalchemy.sql import Executable

from chassis import call
from chassis.ids import new_id
from chassis.singles import Singles
from chassis.tenancy import Tenant

_SET_TENANT = "SELECT set_config('app.account', %(account)s, true), set_config('app.site', %(site)s, true)"
_OUTBOX = sa.text(
    "INSERT INTO outbox (account_id, id, site_id, sector_id, kind, payload)"
    " VALUES (:account, :id, :site, :sector, :kind, :payload)"
).bindparams(
    sa.bindparam("account", type_=sa.Uuid),
    sa.bindparam("id", type_=sa.Uuid),
    sa.bindparam("site", type_=sa.Uuid),
    sa.bindparam("sector", type_=sa.Uuid),
    sa.bindparam("payload", type_=sa.JSON),
)
DATABASE_AWAY = (
    *(sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError),
    *(psycopg.OperationalError, psycopg.InterfaceError),  # of `single`
)
"""What is raised when it cannot be reached, or has no connection free; trying again may help."""
DATABASE_ERRORS = (sa.exc.SQLAlchemyError, psycopg.Error)
"""Whatever a database says no with."""
POOL_SIZE = 8
POOL_TIMEOUT_S = 2.0  # below every deadline: a caller learns that we are busy, and may try another replica
LOCK_TIMEOUT_S = 4.0  # the same for a row: who holds it may be frozen


@dataclass(frozen=True)
class Transaction:
    """One transaction of one tenant; it commits when its `with` block ends well."""

    connection: sa.Connection
    tenant: Tenant

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement. Raises what SQLAlchemy raises."""
        return self.connection.execute(statement, parameters)

    def one(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Row[Any] | None:
        """Return the first row of a statement, or None."""
        return self.connection.execute(statement, parameters).first()

    def all(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Return all rows of a statement."""
        return self.connection.execute(statement, parameters).all()

    def emit(
        self, kind: str, payload: Mapping[str, Any], *, site_id: UUID | None = None, sector_id: UUID | None = None
    ) -> None:
        """Tell other services a fact, if and only if this transaction commits.

        Args:
            kind: "<service>.<noun>_<past participle>".
            payload: what happened; ids as text.
            site_id: the site it is about, when that is not the tenant's own.
            sector_id: the sector it is about, when it is about one.
        """
        own = self.tenant.site
        self.connection.execute(
            _OUTBOX,
            {
                "account": self.tenant.account_id,
                "id": new_id(),
                "site": site_id or (own.id if own else None),
                "sector": sector_id,
                "kind": kind,
                "payload": dict(payload),
            },
        )


class Database:
    """One service's database under one role.

    Args:
        url: SQLAlchemy's, `postgresql+psycopg://...`.
        pool_size: connections at most, and as many for single statements where there are any.
        lock_timeout_s: how long a single statement waits for a row that somebody else has locked.
    """

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self.engine = sa.create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            pool_recycle=1800,
            connect_args={"connect_timeout": 5},
        )
        self._singles = Singles(
            self.engine.url, size=pool_size, timeout_s=POOL_TIMEOUT_S, lock_timeout_s=lock_timeout_s
        )
        self._referenced: set[tuple[UUID, UUID | None, int]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self, tenant: Tenant) -> Iterator[Transaction]:
        """Open a transaction that sees one tenant's rows; never hold it across a call to another service."""
        self.refer(tenant)
        with call.transaction(), self.engine.begin() as connection:
            _name_tenant(connection, tenant)
            yield Transaction(connection, tenant)

    @contextmanager
    def untenanted(self) -> Iterator[sa.Connection]:
        """Open a transaction without a tenant: for named look-ups, catalogues, and the sweep role."""
        with call.transaction(), self.engine.begin() as connection:
            yield connection

    def single(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement that is a transaction by itself and return its rows: one round trip, see `Singles`.

        Args:
            statement: names its tenant itself; tell `refer` before whose reference rows it needs.
            parameters: by name, `%(name)s` in the statement.

        Raises:
            psycopg.Error: as the driver raised it.
            sqlalchemy.exc.TimeoutError: no connection was free in time.
        """
        with call.transaction():
            return self._singles.run(statement, parameters)

    def close(self) -> None:
        """Close every connection."""
        self._singles.close()
        self.engine.dispose()

    def refer(self, tenant: Tenant) -> None:
        """Write the reference rows that foreign keys point at, from the passport's claims, on a tenant's first use."""
        site = tenant.site
        key = (tenant.account_id, site.id if site else None, hash(site.sectors) if site else 0)
        if key in self._referenced:
            return
        with self.engine.begin() as connection:
            _name_tenant(connection, tenant)
            for statement, parameters in _references(tenant):
                connection.execute(statement, parameters)
        with self._lock:
            if len(self._referenced) > 100_000:  # noqa: PLR2004 - a bound on memory, not a rule
                self._referenced.clear()
            self._referenced.add(key)


def _name_tenant(connection: sa.Connection, tenant: Tenant) -> None:
    site = str(tenant.site.id) if tenant.site else ""
    # as the driver takes it: every transaction begins with it, and this is a tenth of what one costs
    connection.exec_driver_sql(_SET_TENANT, {"account": str(tenant.account_id), "site": site})


def _references(tenant: Tenant) -> Iterator[tuple[sa.TextClause, dict[str, Any]]]:
    account = {"account": tenant.account_id}
    yield sa.text("INSERT INTO account_ref VALUES (:account) ON CONFLICT DO NOTHING"), account
    if tenant.site is None:
        return
    site = account | {"site": tenant.site.id}
    yield (
        sa.text("INSERT INTO site_ref VALUES (:account, :site, :industry) ON CONFLICT DO NOTHING"),
        site | {"industry": tenant.site.industry_id},
    )
    for sector in tenant.site.sectors:
        yield (
            sa.text("INSERT INTO sector_ref VALUES (:account, :site, :sector, :template) ON CONFLICT DO NOTHING"),
            site | {"sector": sector.id, "template": sector.industry_sector_id},
        )
