"""One row in every table of a tenant, made from what PostgreSQL's catalogue says a row needs.

Every id of a row is the same: its site's where it has a site, its account's otherwise. So one id names a row in every
table at once, and a probe need not know which table an rpc reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from tests.contract.catalogue import BOOKKEEPING

_SITE_TABLES = frozenset({"site"})  # tables whose own id is a site's
_NOT_SEEDED = {"link_suggestion": "joins two different rows of one table, and a tenant here has one of each"}
_LATER = "2126-11-22T08:00:00Z"  # periods end after they start
_SCOPE = frozenset({"account_id", "site_id", "sector_id"})
_BY_TYPE: Mapping[str, Any] = {
    "smallint": 1,
    "integer": 1,
    "bigint": 1,
    "numeric": 1,
    "double precision": 1.0,
    "boolean": False,
    "date": "2026-11-22",
    "time without time zone": "08:00",
    "timestamp with time zone": "2026-11-22T08:00:00Z",
    "bytea": b"x" * 32,
}


class CannotSeed(Exception):
    """A table needs what the catalogue does not tell."""


@dataclass(frozen=True)
class Column:
    """A column, as far as filling it goes."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True)
class Reference:
    """A foreign key: (column, column it points at) pairs."""

    target: str
    pairs: tuple[tuple[str, str], ...]


@dataclass
class Table:
    """A table and what its rows need."""

    name: str
    columns: list[Column] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def of_tenant(self) -> bool:
        """Whether its rows belong to a tenant."""
        return any(column.name == "account_id" for column in self.columns)

    @property
    def of_site(self) -> bool:
        """Whether its rows belong to a site."""
        return self.name in _SITE_TABLES or any(column.name == "site_id" for column in self.columns)

    def needs(self, filled: frozenset[str]) -> list[Reference]:
        """Return the foreign keys of a row in which these columns are filled."""
        return [r for r in self.references if r.target != self.name and all(name in filled for name, _ in r.pairs)]

    def allowed(self, column: str) -> str | None:
        """Return the first value that a CHECK lists for a column, None when none lists any."""
        for check in self.checks.values():
            listed = re.search(rf"\(?\b{column}\b\)?(?:::text)? = (?:ANY \()?\(?(?:ARRAY\[)?'([^']*)'", check)
            if listed:
                return listed[1]
        return None


class Seeder:
    """Fills a database as its owner.

    Args:
        connection: under the owner role, which is under row level security too.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._tables = _schema(connection)
        self._rows: dict[tuple[str, UUID], dict[str, Any]] = {}
        self._sites: dict[UUID, UUID] = {}

    def seed(self, account_id: UUID, site_ids: tuple[UUID, ...]) -> None:
        """Fill every table of a tenant: one row for the account, one for each site.

        Raises:
            CannotSeed: a table needs what the catalogue does not tell; the message names it.
        """
        self._connection.execute("SELECT set_config('app.account', %s, false)", (str(account_id),))
        self._sites[account_id] = site_ids[0]
        for table in self._tables.values():
            if table.of_tenant and table.name not in _NOT_SEEDED:
                for site_id in site_ids if table.of_site else (None,):
                    self._ensure(table, account_id, site_id)
        self._connection.commit()

    def filled(self, row_id: UUID) -> frozenset[str]:
        """Return the tables that were given a row of this id."""
        return frozenset(table for table, known in self._rows if known == row_id)

    def _ensure(self, table: Table, account_id: UUID, site_id: UUID | None) -> dict[str, Any]:
        if table.of_site and site_id is None:  # an account's row that points at a site's
            site_id = self._sites[account_id]
        row_id = site_id if table.of_site and site_id is not None else account_id
        key = (table.name, row_id)
        if key not in self._rows:
            self._rows[key] = {}  # a circle of foreign keys ends here
            self._rows[key] = self._insert(table, account_id, site_id, row_id)
        return self._rows[key]

    def _insert(self, table: Table, account_id: UUID, site_id: UUID | None, row_id: UUID) -> dict[str, Any]:
        """Insert the least that a row needs; where a CHECK wants more, try each column that it names."""
        wanted: list[frozenset[str]] = [frozenset()]
        while True:
            extra = wanted.pop(0)
            values = self._values(table, account_id, site_id, row_id, extra)
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                sql.Identifier(table.name),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.Placeholder() * len(values)),
            )
            try:
                with self._connection.transaction():
                    self._connection.execute(statement, list(values.values()))
            except psycopg.Error as error:
                broken = table.checks.get(error.diag.constraint_name or "", "")
                if not extra:
                    optional = (c.name for c in table.columns if not c.required and c.name not in _SCOPE)
                    wanted = [frozenset({name}) for name in optional if re.search(rf"\b{name}\b", broken)]
                if not wanted:
                    raise CannotSeed(f"cannot seed {table.name} with {values}: {error}") from error
            else:
                return values

    def _values(
        self, table: Table, account_id: UUID, site_id: UUID | None, row_id: UUID, extra: frozenset[str]
    ) -> dict[str, Any]:
        filled = [c for c in table.columns if c.required or c.name in extra or c.name in _SCOPE]
        values: dict[str, Any] = {c.name: _value(table, c, row_id) for c in filled}
        own = {"account_id": account_id, "site_id": site_id, "sector_id": site_id}
        values |= {name: own[name] for name in values if name in own}
        for reference in table.needs(frozenset(values)):
            target = self._tables[reference.target]
            row = self._ensure(target, account_id, site_id) if target.of_tenant else self._any_row(target, account_id)
            values |= {name: row[there] for name, there in reference.pairs if there in row and name not in own}
        return values

    def _any_row(self, table: Table, row_id: UUID) -> dict[str, Any]:
        query = sql.SQL("SELECT to_jsonb(t) FROM {} t LIMIT 1").format(sql.Identifier(table.name))
        found = self._connection.execute(query).fetchone()
        return dict(found[0]) if found else self._ensure(table, row_id, None)


def _value(table: Table, column: Column, row_id: UUID) -> Any:
    if column.type == "uuid":
        return row_id
    if column.type == "jsonb":
        return Jsonb({})
    if column.type.endswith("[]"):
        return []
    if column.type == "timestamp with time zone" and re.search("end|expire", column.name):
        return _LATER
    if column.name == "number":  # of a history: far from those that a change made here will write
        return 1_000_000
    base = column.type.split("(")[0]
    return _BY_TYPE[base] if base in _BY_TYPE else table.allowed(column.name) or str(row_id)


def _schema(connection: Connection[Any]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name, column, kind, required in connection.execute(_COLUMNS):
        if name not in BOOKKEEPING:
            tables.setdefault(name, Table(name)).columns.append(Column(column, kind, required))
    for name, constraint, kind, definition, target, columns, there in connection.execute(_CONSTRAINTS):
        if name not in tables:
            continue
        if kind == "f":
            tables[name].references.append(Reference(target, tuple(zip(columns, there, strict=True))))
        else:
            tables[name].checks[constraint] = definition
    return tables


_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
           (a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY c.relname, a.attnum
"""
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname::text, contype::text, pg_get_constraintdef(oid), confrelid::regclass::text,
           ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k(n, at)
                 JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY at),
           ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k(n, at)
                 JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY at)
    FROM pg_constraint
    WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace
"""
