"""How the ledger's functions in PostgreSQL are called: every parameter by its name, one or many in a round trip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson
import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.tenancy import Tenant


class Answer(NamedTuple):
    """A `ledger_answer`, as `migrations/sql/1_foundation.sql` declares it; what says nothing of its call is None."""

    code: str
    fresh: bool
    id: UUID
    state: str
    credits: int
    captured_credits: int
    credit_cost_id: UUID | None
    needed: int
    available: int
    held: int
    limit_credits: int
    quote_captured: int
    quote_held: int
    day_captured: int
    day_held: int
    taken_credits: int
    transaction_id: UUID


@dataclass(frozen=True)
class Operation:
    """A call that is put into a batch.

    Args:
        function: "ledger_reserve".
        parameters: by name as in SQL, without their p_, all but the account. The site must be that of the caller's
            passport: the batch holds row level security to it.
    """

    function: str
    parameters: Mapping[str, Any]


class Turn(Protocol):
    """A tenant's place in the queue of his account, where an operation waits to be done with others."""

    @property
    def tenant(self) -> Tenant:
        """Whose place it is."""

    def take(self, operation: Operation) -> Answer:
        """Do the operation and return its answer."""


def call(where: Transaction | Turn, function: str, **parameters: Any) -> Answer:
    """Call a function about the tenant's account, in a transaction or in its turn with others.

    Args:
        where: the transaction, or the place in the queue; only what concerns holds can queue up.
        function: "ledger_reserve".
        parameters: named as in SQL, without their p_.
    """
    if not isinstance(where, Transaction):
        return where.take(Operation(function, parameters))
    values = {"account": where.tenant.account_id, **parameters}
    return Answer._make(where.execute(statement(function, tuple(values)), values).one())


def call_together(database: Database, account_id: UUID, batch: Sequence[Operation]) -> list[Answer]:
    """Do operations on one account in their order, in one transaction and one round trip; return an answer each.

    Raises:
        psycopg.Error: one of them broke off, and none is done.
    """
    # As JSON: an array for each of two dozen parameters costs the driver more than it spares the server.
    operations = orjson.dumps([{"function": each.function, **each.parameters} for each in batch]).decode()
    rows = database.single(_TOGETHER, {"account": account_id, "operations": operations})
    return [Answer._make(row) for row in rows]


@cache
def statement(function: str, names: tuple[str, ...]) -> sa.TextClause:
    """Return the call of a function with parameters of these names."""
    arguments = ", ".join(f"p_{name} => :{name}" for name in names)
    return sa.text(f"SELECT {_ANSWER} FROM {function}({arguments})")  # noqa: S608 - the names are those of our functions


# Each column by its name: a statement that was prepared before the answer was given another one still holds.
_ANSWER = ", ".join(Answer._fields)
_TOGETHER = f"SELECT {_ANSWER} FROM ledger_batch(%(account)s, %(operations)s)"  # noqa: S608 - as above
