"""How many keywords an account may have, and has."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from services.planner.errors import PlanLimit


@dataclass(frozen=True)
class Limit:
    """An account's plan, the keywords it allows, and the keywords there are."""

    plan: str
    max_keywords: int
    keyword_count: int

    def require(self, wanted: int) -> None:
        """Check that so many more keywords fit.

        Raises:
            PlanLimit: they do not.
        """
        if wanted and self.keyword_count + wanted > self.max_keywords:
            raise PlanLimit(plan=self.plan, allowed=self.max_keywords, used=self.keyword_count, wanted=wanted)


def locked(transaction: Transaction) -> Limit:
    """Return the account's limit; whoever else adds keywords to the account waits until this transaction ends."""
    account = {"account": transaction.tenant.account_id}
    transaction.execute(_MAKE, account)
    row = transaction.execute(_LOCK, account).one()
    return Limit(row.plan, row.max_keywords, row.keyword_count)


def put(transaction: Transaction, account_id: UUID, plan: str, max_keywords: int) -> None:
    """Store what an account's plan allows."""
    transaction.execute(_PUT, {"account": account_id, "plan": plan, "max": max_keywords})


_MAKE = sa.text("INSERT INTO account_limit (account_id) VALUES (:account) ON CONFLICT DO NOTHING")
_LOCK = sa.text(
    "SELECT plan, max_keywords, keyword_count FROM account_limit WHERE account_id = :account FOR NO KEY UPDATE"
)
_PUT = sa.text(
    "INSERT INTO account_limit (account_id, plan, max_keywords) VALUES (:account, :plan, :max)"
    " ON CONFLICT (account_id) DO UPDATE SET plan = excluded.plan, max_keywords = excluded.max_keywords"
)
