"""Leases of things that one replica does at a time; no transaction is held while they are done."""

import sqlalchemy as sa

from chassis.database import Database
from services.orchestrator.domain.stages import LEASE_S

_TAKE = sa.text(
    "INSERT INTO lane (lane, rung_time) VALUES (:name, now() + make_interval(secs => :lease))"
    " ON CONFLICT (lane) DO UPDATE SET rung_time = now() + make_interval(secs => :lease)"
    " WHERE lane.rung_time <= now() RETURNING 1"
)
_END = sa.text("UPDATE lane SET rung_time = now() WHERE lane = :name")


class Lease:
    """The right to do something alone for a while; it runs out with its holder.

    Args:
        database: under the sweep role.
        name: of what is done; a row beside the lanes'.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name

    def take(self) -> bool:
        """Take it; return False while somebody else has it."""
        with self._database.untenanted() as connection:
            return connection.execute(_TAKE, {"name": self._name, "lease": LEASE_S}).first() is not None

    def end(self) -> None:
        """Give it back."""
        with self._database.untenanted() as connection:
            connection.execute(_END, {"name": self._name})
