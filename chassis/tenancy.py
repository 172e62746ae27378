"""Tenancy: the columns every tenant row carries, the keys that tie it to its site and sector, and the policies.

A service declares `class Keyword(SectorRow, Base)`. From that follow the columns `account_id`, `site_id`, `sector_id`
and `id`, a primary key that starts with the account, and a composite foreign key to the service's own reference rows
(foreign keys ignore row level security, so they name the whole tenant). The migration calls `protect`, which forces
row level security on the table; a test reads the catalogue and fails on the first table without it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    Table,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.passport import Passport, SectorClaim, SiteClaim

if TYPE_CHECKING:  # Alembic is for migrations: importing it would cost every service 0.15 s of its start
    from alembic.runtime.migration import MigrationContext

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
_ACCOUNT = "nullif(current_setting('app.account', true), '')::uuid"
_SITE = "nullif(current_setting('app.site', true), '')::uuid"
_SITE_RULES = {
    "account": "",
    "site": " AND ({site} IS NULL OR {column} = {site})",
    "optional_site": " AND ({site} IS NULL OR {column} IS NULL OR {column} = {site})",
    "whole_account": " AND {site} IS NULL",
}


class Operations(Protocol):
    """What is needed of Alembic's `op`, which is a module that behaves as an object."""

    def execute(self, sqltext: str) -> None:
        """Run a statement."""

    def get_context(self) -> "MigrationContext":
        """Return what the migration runs in."""


@dataclass(frozen=True)
class Tenant:
    """Whose rows a transaction sees: an account's, or only those of one of its sites."""

    account_id: UUID
    site: SiteClaim | None = None

    @classmethod
    def of(cls, passport: Passport) -> "Tenant":
        """Return the tenant a passport names.

        Raises:
            ValueError: it names none.
        """
        if passport.account_id is None:
            raise ValueError("This passport names no account.")
        return cls(passport.account_id, passport.site)

    @property
    def site_id(self) -> UUID:
        """The site.

        Raises:
            ValueError: the tenant is a whole account; the method's access level should be LEVEL_SITE.
        """
        if self.site is None:
            raise ValueError("This work needs a passport that names a site.")
        return self.site.id

    def sector(self, sector_id: UUID) -> SectorClaim | None:
        """Return one of the site's sectors, or None."""
        return next((s for s in self.site.sectors if s.id == sector_id), None) if self.site else None


def metadata() -> MetaData:
    """Return a service's metadata with its own reference rows of accounts, sites and sectors."""
    made = MetaData(naming_convention=NAMING)
    Table("account_ref", made, Column("account_id", Uuid, primary_key=True))
    Table(
        "site_ref",
        made,
        Column("account_id", Uuid, primary_key=True),
        Column("site_id", Uuid, primary_key=True),
        Column("industry_id", Uuid, nullable=False),
        ForeignKeyConstraint(["account_id"], ["account_ref.account_id"]),
    )
    Table(
        "sector_ref",
        made,
        Column("account_id", Uuid, primary_key=True),
        Column("site_id", Uuid, primary_key=True),
        Column("sector_id", Uuid, primary_key=True),
        Column("industry_sector_id", Uuid, nullable=False),
        ForeignKeyConstraint(["account_id", "site_id"], ["site_ref.account_id", "site_ref.site_id"]),
    )
    return made


class TenantBase(DeclarativeBase):
    """Base of a service's tables: adds the tenant's foreign key to every row class that names its scope.

    A foreign key is asked row by row. Where a statement writes a hundred thousand rows of one tenant, a class sets
    `tenant_by_statement`, has no such key, and its migration calls `check_by_statement` instead. Where what a row
    points at is the tenant's already, asking again says nothing new: a class names that column in `tenant_through`, and
    where it may be NULL has a trigger for the rows in which it is.
    """

    __abstract__ = True
    tenant_key: ClassVar[tuple[str, ...]] = ()
    tenant_by_statement: ClassVar[bool] = False
    tenant_through: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Tie the new table to the reference rows of its scope."""
        super().__init_subclass__(**kwargs)
        target = {1: "account_ref", 2: "site_ref", 3: "sector_ref"}.get(len(cls.tenant_key))
        table = cls.__dict__.get("__table__")
        said_otherwise = cls.tenant_by_statement or cls.tenant_through
        if isinstance(table, Table) and target is not None and not said_otherwise:
            columns = list(cls.tenant_key)
            table.append_constraint(ForeignKeyConstraint(columns, [f"{target}.{name}" for name in columns]))


def table_of(row: type[DeclarativeBase]) -> Table:
    """Return the table of a row class, for Core statements."""
    table = row.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{row.__name__} has no table of its own")
    return table


class AccountRow:
    """A row of an account."""

    tenant_key: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, sort_order=-5)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, sort_order=-4)
    create_time: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), nullable=False, sort_order=900
    )


class SiteRow(AccountRow):
    """A row of a site."""

    tenant_key: ClassVar[tuple[str, ...]] = ("account_id", "site_id")

    site_id: Mapped[UUID] = mapped_column(Uuid, nullable=False, sort_order=-3)


class SectorRow(SiteRow):
    """A row of a sector."""

    tenant_key: ClassVar[tuple[str, ...]] = ("account_id", "site_id", "sector_id")

    sector_id: Mapped[UUID] = mapped_column(Uuid, nullable=False, sort_order=-2)


class Editable:
    """A row that people change: when it was, and a revision that its etag is made of."""

    update_time: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), nullable=False, sort_order=901
    )
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("1"), nullable=False, sort_order=903)


class SoftDeleted:
    """A row that is hidden when it is deleted, and can be brought back."""

    delete_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), sort_order=902)


def within_sector(table: str, column: str) -> ForeignKeyConstraint:
    """Return the foreign key from `column` to a row of the same sector; the target needs `sector_key()`."""
    key = ["account_id", "site_id", "sector_id"]
    return ForeignKeyConstraint([*key, column], [f"{table}.{name}" for name in [*key, "id"]])


def within_site(table: str, column: str) -> ForeignKeyConstraint:
    """Return the foreign key from `column` to a row of the same site; the target needs a unique of those columns."""
    key = ["account_id", "site_id"]
    return ForeignKeyConstraint([*key, column], [f"{table}.{name}" for name in [*key, "id"]])


def within_account(table: str, column: str) -> ForeignKeyConstraint:
    """Return the foreign key from `column` to a row of the same account, whose primary key it is."""
    return ForeignKeyConstraint(["account_id", column], [f"{table}.account_id", f"{table}.id"])


def protect_references(op: Operations, app_role: str) -> None:
    """Force the policies on a service's own reference rows; called once, by the first migration."""
    for table, has_site in (("account_ref", False), ("site_ref", True), ("sector_ref", True)):
        protect(op, table, app_role, "site" if has_site else "account", grants="SELECT, INSERT")


def protect(
    op: Operations,
    table: str,
    app_role: str,
    level: str,
    *,
    grants: str = "SELECT, INSERT, UPDATE, DELETE",
    site_column: str = "site_id",
) -> None:
    """Force row level security on a tenant's table and let the app role use it.

    Args:
        op: the migration's operations.
        table: the table.
        app_role: the role the service runs as.
        level: what a passport that names a site sees; one that names none sees every row of its account.
            "account": every row too; "site": rows of its site; "optional_site": rows of its site and those without a
            site; "whole_account": nothing.
        grants: what the app role may do.
        site_column: where the row's site stands.

    Raises:
        ValueError: the level is unknown.
    """
    if level not in _SITE_RULES:
        raise ValueError(f"Unknown level {level!r}; use one of {', '.join(_SITE_RULES)}.")
    rule = f"account_id = {_ACCOUNT}" + _SITE_RULES[level].format(site=_SITE, column=site_column)
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({rule}) WITH CHECK ({rule})")
    op.execute(f"GRANT {grants} ON {table} TO {app_role}")


def check_by_statement(op: Operations, table: str) -> None:
    """Have a trigger check, once for the rows of a statement, that a service knows the accounts they are of.

    What a foreign key to `account_ref` asks for each row; nobody may delete an account's reference row, or change
    whose a row is (the policies see to that), so inserting is all that has to be looked at.
    """
    name = f"{table}_account_known"
    op.execute(f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM (SELECT DISTINCT n.account_id FROM new_rows n) AS n
                WHERE NOT EXISTS (SELECT FROM account_ref a WHERE a.account_id = n.account_id)
            ) THEN
                RAISE foreign_key_violation USING MESSAGE = 'A row of {table} is of an account that is not known here.',
                    TABLE = '{table}', CONSTRAINT = '{name}';
            END IF;
            RETURN NULL;
        END $$
    """)  # noqa: S608 - names of ours
    op.execute(
        f"CREATE TRIGGER {name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )


def tell_dependency(op: Operations, table: str, column: str, follows_from: str) -> None:
    """Tell the planner that one column of a table follows from another: a site's account, a grant's account.

    It takes columns to be independent, so it believes that hardly a row has both this account and this site, and takes
    any index that begins with the two for as good as the one that has the whole key. An account with a long history is
    then read from beginning to end at every look-up. What it is told here it knows after the next ANALYZE.
    """
    op.execute(
        f"CREATE STATISTICS {table}_{column}_{follows_from} (dependencies) ON {column}, {follows_from} FROM {table}"
    )


def open_to_sweep(op: Operations, table: str, sweep_role: str, grants: str) -> None:
    """Let the sweep role see the rows of every tenant: for claims, relays and schedules, never for a person's call."""
    op.execute(f"CREATE POLICY sweep ON {table} TO {sweep_role} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT {grants} ON {table} TO {sweep_role}")
