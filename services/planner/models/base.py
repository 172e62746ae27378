"""What the planner's tables stand on."""

import sqlalchemy as sa

from chassis import idempotency, outbox, tenancy, work
from chassis.tenancy import TenantBase


class Base(TenantBase):
    """Base of the planner's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)
work.add_table(Base.metadata)


def table(rows: type[Base]) -> sa.Table:
    """Return the table of a row class; `__table__` is typed as any FROM clause, which cannot be inserted into."""
    return rows.metadata.tables[rows.__tablename__]


def named(name: str, key: sa.ForeignKeyConstraint) -> sa.ForeignKeyConstraint:
    """Return the key under a name of our own: the one made of its columns is longer than PostgreSQL takes."""
    key.name = name
    return key
