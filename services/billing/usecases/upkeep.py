"""The rounds over all accounts: what the time does to credits, and whether everybody's books are right."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis import paging
from chassis.database import Database
from chassis.errors import InvalidArgument
from chassis.tenancy import Tenant
from services.billing import repository

log = logging.getLogger(__name__)
MOST_ACCOUNTS = 1000
MOST_RUNS = 100


@dataclass(frozen=True)
class Lapsed:
    """What the time did, in how many accounts; how many refused it, and whether more wait."""

    accounts: int
    began_credits: int
    ended_credits: int
    failed_accounts: int
    more: bool


@dataclass(frozen=True)
class Difference:
    """Two things in an account's books that should be equal and are not."""

    account_id: UUID
    what: str
    booked: int
    counted: int


@dataclass(frozen=True)
class Reconciled:
    """How many accounts were looked at, what differs in them, and where the next page begins."""

    accounts: int
    differences: list[Difference]
    next_page_token: str


def lapse_credits(sweep: Database, database: Database, limit: int, now: datetime) -> Lapsed:
    """Begin and end credits in up to so many accounts, each in a transaction of its own.

    The sweep role only finds the accounts; what changes them is the account's own transaction under row level security.

    Raises:
        InvalidArgument: the limit makes no sense.
    """
    if not 1 <= limit <= MOST_ACCOUNTS:
        raise InvalidArgument.field("limit", f"must be from 1 to {MOST_ACCOUNTS}")
    with sweep.untenanted() as connection:
        due = repository.accounts_due(connection, limit + 1, now)
    began = ended = failed = 0
    for account_id in due[:limit]:
        try:
            with database.transaction(Tenant(account_id)) as transaction:
                answer = repository.keep_time(transaction, now)
        except (sa.exc.IntegrityError, sa.exc.InternalError) as error:  # these books are wrong: others' are not
            log.error("account %s: its credits could not be begun or ended", account_id, exc_info=error)
            failed += 1
        else:
            began, ended = began + answer.credits, ended + answer.taken_credits
    done = min(len(due), limit) - failed
    return Lapsed(done, began, ended, failed, more=len(due) > limit)


def reconcile_accounts(sweep: Database, database: Database, size: int, token: str) -> Reconciled:
    """Compare the books of a page of accounts with each other, each account in one statement and so at one moment.

    Raises:
        InvalidArgument: the size or the token makes no sense.
    """
    with sweep.untenanted() as connection:
        accounts, next_token = repository.account_page(connection, paging.page_size(size), token)
    differences = []
    for account_id in accounts:
        with database.transaction(Tenant(account_id)) as transaction:
            rows = repository.check(transaction)
        differences += [Difference(account_id, r.what, r.booked, r.counted) for r in rows if r.booked != r.counted]
    return Reconciled(len(accounts), differences, next_token)


def list_step_captures(
    database: Database, tenant: Tenant, run_ids: Sequence[UUID], size: int, token: str
) -> tuple[Sequence[sa.RowMapping], str]:
    """Return a page of what the account's steps have captured and hold, and the next page's token.

    Raises:
        InvalidArgument: too many runs, or a size or token that makes no sense.
    """
    if len(run_ids) > MOST_RUNS:
        raise InvalidArgument.field("run_ids", f"must be at most {MOST_RUNS}")
    with database.transaction(tenant) as transaction:
        return repository.step_captures(transaction, run_ids, paging.page_size(size), token)
