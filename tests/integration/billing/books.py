"""One account's books, written through the ledger's functions and read back."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.clock import FakeClock
from chassis.testing.service import a_site
from services.billing import repository
from services.billing.domain import (
    NO_DAY_LIMIT,
    QUOTE_LIFETIME,
    Correction,
    DayLimit,
    Extension,
    Grant,
    Reservation,
    Use,
)

PLENTY = 10**9
CHANGE_KINDS = {"plan": "subscription", "bonus": "purchase", "promotional": "promotion"}
CONNECTIONS = 64  # as many as the tests' pool has


@dataclass
class Books:
    database: Database
    tenant: Tenant
    clock: FakeClock = field(default_factory=FakeClock)
    run_id: UUID = field(default_factory=new_id)

    @classmethod
    def opened(cls, database: Database, clock: FakeClock | None = None) -> "Books":
        books = cls(database, Tenant(new_id(), a_site()), clock or FakeClock())
        books.do(repository.open_account)
        return books

    def do(self, function: Any, *arguments: Any) -> Any:
        with self.database.transaction(self.tenant) as transaction:
            return function(transaction, *arguments, self.clock.now())

    def give(
        self,
        credits_: int,
        *,
        key: str = "",
        kind: str = "bonus",
        expires: datetime | None = None,
        name: str = "",
        **more: Any,
    ) -> Any:
        given = Grant(key or str(new_id()), kind, CHANGE_KINDS[kind], credits_, name, expires, True, **more)
        return self.do(repository.grant, given)

    def quote(self, limit: int = PLENTY, *, key: str = "") -> UUID:
        """A quote that the run has besides others, whatever is available: accepting one has tests of its own."""
        with self.database.transaction(self.tenant) as transaction:
            quote_id: UUID = new_quote(transaction, limit, self.clock.now(), key=key).id
        accept = "UPDATE quote SET run_id = :run, accept_time = :now WHERE id = :id RETURNING 1"
        self.rows(accept, run=self.run_id, now=self.clock.now(), id=quote_id)
        return quote_id

    def reserve(
        self,
        quote_id: UUID,
        quantity: int,
        *,
        key: str = "",
        operation: str = "image_prompt",
        day: DayLimit = NO_DAY_LIMIT,
    ) -> Any:
        wanted = Reservation(key or str(new_id()), quote_id, operation, quantity, self.run_id, None, day)
        return self.do(repository.reserve, wanted)

    def extend(self, key: str, quantity: int, *, extension: str = "", day: DayLimit = NO_DAY_LIMIT) -> Any:
        return self.do(repository.extend, Extension(key, extension or str(new_id()), quantity, day))

    def capture(self, key: str, quantity: int, **more: Any) -> Any:
        return self.do(repository.capture, key, Use(quantity, "task", **more))

    def release(self, key: str) -> Any:
        return self.do(repository.release, key)

    def refund(self, target: UUID, credits_: int, *, key: str = "", reason: str = "") -> Any:
        return self.do(repository.refund, target, credits_, self.why(key, reason))

    def adjust(self, credits_: int, *, key: str = "", reason: str = "") -> Any:
        return self.do(repository.adjust, credits_, self.why(key, reason))

    def reverse(self, target: UUID, *, key: str = "", reason: str = "") -> Any:
        return self.do(repository.reverse, target, self.why(key, reason))

    @staticmethod
    def why(key: str, reason: str) -> Correction:
        return Correction(key or str(new_id()), reason, "user:me")

    def last(self, kind: str) -> UUID:
        """The newest transaction of a kind."""
        newest = "SELECT id FROM credit_transaction WHERE kind = :kind ORDER BY number DESC LIMIT 1"
        found: UUID = self.rows(newest, kind=kind)[0][0]
        return found

    def grants(self) -> list[tuple[str, int, int]]:
        """Description, rest and what is held of each grant, oldest first."""
        return self.rows("SELECT description, remaining, held FROM credit_grant ORDER BY create_time, id")

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.database.transaction(self.tenant) as transaction:
            return [tuple(row) for row in transaction.all(sa.text(statement), parameters)]

    def balance(self) -> tuple[int, int]:
        posted, held = self.rows("SELECT posted, held FROM credit_account")[0]
        return posted, held

    def differences(self) -> list[Any]:
        with self.database.transaction(self.tenant) as transaction:
            return [row for row in repository.check(transaction) if row.booked != row.counted]


def new_quote(transaction: Transaction, limit: int, now: datetime, *, key: str = "") -> Any:
    return repository.create_quote(
        transaction,
        key=key or str(new_id()),
        request={"limit": limit},
        lines=[],
        totals=(limit, limit),
        max_credits=0,
        expire_time=now + QUOTE_LIFETIME,
        now=now,
    )
