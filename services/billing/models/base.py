"""The metadata of billing's tables."""

from chassis import outbox, tenancy
from chassis.tenancy import TenantBase


class Base(TenantBase):
    """Base of billing's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
