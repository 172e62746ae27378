"""Leases of things that one replica does at a time, and how long a lease is; no transaction is held meanwhile."""

import sqlalchemy as sa

from chassis.config import Environment
from chassis.database import Database
from services.orchestrator.domain.stages import LEASE_S

_TAKE = sa.text(
    "INSERT INTO lane (lane, rung_time) VALUES (:name, now() + make_interval(secs => :lease))"
    " ON CONFLICT (lane) DO UPDATE SET rung_time = now() + make_interval(secs => :lease)"
    " WHERE lane.rung_time <= now() RETURNING 1"
)
_END = sa.text("UPDATE lane SET rung_time = now() WHERE lane = :name")


def lease_s(environment: Environment) -> int:
    """Return STEP_LEASE_S: seconds that a worker has a step, or a replica a round, before it must renew or lose it.

    The same for every process of an installation. Shorter, what a dead worker held is taken up sooner, and a slow one
    loses its steps sooner.
    """
    return environment.integer("STEP_LEASE_S", LEASE_S, least=1, most=600)


class Lease:
    """The right to do something alone for a while; it runs out with its holder.

    Args:
        database: under the sweep role.
        name: of what is done; a row beside the lanes'.
        lease_s: seconds that it is taken for.
    """

    def __init__(self, database: Database, name: str, *, lease_s: float = LEASE_S) -> None:
        self._database, self._name, self._lease_s = database, name, lease_s

    def take(self) -> bool:
        """Take it; return False while somebody else has it."""
        with self._database.untenanted() as connection:
            return connection.execute(_TAKE, {"name": self._name, "lease": self._lease_s}).first() is not None

    def end(self) -> None:
        """Give it back."""
        with self._database.untenanted() as connection:
            connection.execute(_END, {"name": self._name})
