"""Setting right what was done: another transaction makes up for it, the first one stays."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import Fault, Internal, InvalidArgument, NotFound
from chassis.tenancy import Tenant
from services.billing import repository
from services.billing.domain import MOST_GRANT, Balance, Correction
from services.billing.errors import (
    AlreadyReversed,
    InsufficientCredits,
    KeyReused,
    NoCreditAccount,
    NotReversible,
    RefundAboveCapture,
)
from services.billing.usecases.accounts import balance_of, check_words, whole_account

Corrected = tuple[sa.RowMapping, Balance]
"""The transaction that was made, and what the account has after it."""


def refund(
    database: Database, tenant: Tenant, target: UUID, credits_: int, why: Correction, now: datetime
) -> Corrected:
    """Give back, in part or whole, what a capture took.

    Raises:
        InvalidArgument: fewer credits than 1.
        NotFound: there is no such transaction.
        NotReversible: it is no deduction.
        RefundAboveCapture: less of it is left to give back.
        KeyReused: the key was used with other parameters.
    """
    if not 1 <= credits_ <= MOST_GRANT:
        raise InvalidArgument.field("credits", f"must be from 1 to {MOST_GRANT}")
    _check(why)
    with database.transaction(whole_account(tenant)) as transaction:
        return _done(transaction, repository.refund(transaction, target, credits_, why, now), target, why, now)


def adjust(database: Database, tenant: Tenant, credits_: int, why: Correction, now: datetime) -> Corrected:
    """Set the balance right by so many credits, up or down.

    Raises:
        InvalidArgument: none, or more than anybody has.
        InsufficientCredits: fewer are available than are to be taken.
        NoCreditAccount, KeyReused: as they say.
    """
    if not 1 <= abs(credits_) <= MOST_GRANT:
        raise InvalidArgument.field("credits", f"must be from 1 to {MOST_GRANT}, or from -{MOST_GRANT} to -1")
    _check(why)
    with database.transaction(whole_account(tenant)) as transaction:
        return _done(transaction, repository.adjust(transaction, credits_, why, now), None, why, now)


def reverse(database: Database, tenant: Tenant, target: UUID, why: Correction, now: datetime) -> Corrected:
    """Undo a transaction as a whole, once.

    Raises:
        NotFound: there is no such transaction.
        NotReversible: it sets another one right itself.
        AlreadyReversed: it was undone before, or given back in part.
        InsufficientCredits: what it gave is used or held.
        KeyReused: the key was used with other parameters.
    """
    _check(why)
    with database.transaction(whole_account(tenant)) as transaction:
        return _done(transaction, repository.reverse(transaction, target, why, now), target, why, now)


def _check(why: Correction) -> None:
    check_words(why.description, why.key.partition(":")[2])


def _done(
    transaction: Transaction, answer: repository.Answer, target: UUID | None, why: Correction, now: datetime
) -> Corrected:
    if answer.code != "ok":
        raise _refusal(answer, target, why)
    return repository.credit_transaction(transaction, answer.transaction_id), balance_of(transaction, now)


def _refusal(answer: repository.Answer, target: UUID | None, why: Correction) -> Fault:
    match answer.code:
        case "insufficient_credits":
            return InsufficientCredits(needed=answer.needed, available=answer.available, held=answer.held)
        case "refund_above_capture":
            return RefundAboveCapture(credits_=answer.needed, left=answer.available)
    reasons: dict[str, Fault] = {
        "no_credit_account": NoCreditAccount(),
        "transaction_not_found": NotFound.row("transaction", target),
        "not_refundable": NotReversible("Only a deduction is refunded; reverse the transaction or adjust the balance"),
        "not_reversible": NotReversible("It sets another one right itself; adjust the balance instead"),
        "already_reversed": AlreadyReversed(),
        "key_reused": KeyReused(why.key.partition(":")[2], "correction"),
    }
    return reasons.get(answer.code) or Internal(f"a correction was answered with {answer.code!r}")
