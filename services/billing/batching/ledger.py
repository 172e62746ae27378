"""What concerns holds, done together with what others want of the same account at the same moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis import call
from chassis.database import DATABASE_AWAY, Database
from chassis.tenancy import Tenant
from services.billing import repository
from services.billing.batching.queue import Batcher
from services.billing.repository import Answer, Operation


class Ledger:
    """Puts operations on one account that come at once into one transaction.

    Args:
        database: billing's, under its app role.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._batcher = Batcher[UUID, Operation, Answer](self.run, hopeless=DATABASE_AWAY)

    def turn(self, tenant: Tenant) -> "Turn":
        """Return a place in the queue of a tenant's account: `repository.reserve(ledger.turn(tenant), ...)`."""
        self.database.refer(tenant)  # here, since who leads the batch may be of another site
        return Turn(self, tenant)

    def submit(self, account_id: UUID, operation: Operation) -> Answer:
        """Do an operation, at once when nothing is under way for the account, and return what the ledger answers.

        Raises:
            DeadlineTooShort: the time of the call was over before its turn came; nothing was done.
            psycopg.Error: the ledger broke off; nothing was done.
        """
        return self._batcher.submit(account_id, operation, call.until())

    def run(self, account_id: UUID, batch: Sequence[Operation]) -> list[Answer]:
        """Do operations on one account in one transaction."""
        return repository.call_together(self.database, account_id, batch)

    def waiting(self, account_id: UUID) -> int:
        """Return how many operations are queued up behind what is under way for an account."""
        return self._batcher.waiting(account_id)


@dataclass(frozen=True)
class Turn:
    """A tenant's place in the queue of his account; an operation that is called there is of the tenant's site."""

    ledger: Ledger
    tenant: Tenant

    def take(self, operation: Operation) -> Answer:
        """Do the operation; raises what `Ledger.submit` raises."""
        return self.ledger.submit(self.tenant.account_id, operation)
