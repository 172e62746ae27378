"""How the ledger's functions in PostgreSQL are called: one round trip each, every parameter by its name."""

from functools import cache
from typing import Any

import sqlalchemy as sa

from chassis.database import Transaction

Answer = sa.Row[Any]
"""A `ledger_answer`: code, fresh, id, state, credits, ... as `migrations/sql/1_foundation.sql` declares it."""


def call(transaction: Transaction, function: str, **parameters: Any) -> Answer:
    """Call a function about the transaction's account; the parameters are named as in SQL, without their p_."""
    values = {"account": transaction.tenant.account_id, **parameters}
    return transaction.execute(statement(function, tuple(values)), values).one()


@cache
def statement(function: str, names: tuple[str, ...]) -> sa.TextClause:
    """Return the call of a function with parameters of these names."""
    # Each column by its name: a statement that was prepared before the answer was given another one still holds.
    arguments = ", ".join(f"p_{name} => :{name}" for name in names)
    return sa.text(f"SELECT {_ANSWER} FROM {function}({arguments})")  # noqa: S608 - the names are those of our functions


_ANSWER = (
    "code, fresh, id, state, credits, captured_credits, credit_cost_id, needed, available, held, limit_credits,"
    " quote_captured, quote_held, day_captured, day_held, taken_credits, transaction_id"
)
