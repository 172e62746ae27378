"""What a run will cost, before it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import Internal, InvalidArgument, NotFound
from chassis.tenancy import Tenant
from services.billing import repository
from services.billing.domain import (
    FALLBACK_PRICES,
    MOST_LINES,
    MOST_QUANTITY,
    QUOTE_LIFETIME,
    Price,
    PricedWork,
    Work,
    known_operations,
    price_work,
    quote_totals,
)
from services.billing.errors import InsufficientCredits, KeyReused, NoCreditAccount, QuoteExpired, UnknownOperation


def create_quote(
    database: Database, tenant: Tenant, *, request_id: str, work: Sequence[Work], max_credits: int, now: datetime
) -> sa.RowMapping:
    """Price work and keep the quote for a day, once for a request id.

    Raises:
        InvalidArgument: quantities or pieces make no sense.
        UnknownOperation: an operation has no price.
        KeyReused: the request id was used for other work.
        NoCreditAccount: the account was opened a moment ago.
    """
    _check(work, max_credits, request_id)
    with database.transaction(tenant) as transaction:
        lines = _price(work, repository.prices(transaction))
        answer = repository.create_quote(
            transaction,
            key=request_id,
            request={"lines": [asdict(item) for item in work], "max_credits": max_credits},
            lines=lines,
            totals=quote_totals(lines, max_credits),
            max_credits=max_credits,
            expire_time=now + QUOTE_LIFETIME,
            now=now,
        )
        match answer.code:
            case "ok":
                return _read(transaction, answer.id)
            case "key_reused":
                raise KeyReused(request_id, "quote")
            case "no_credit_account":
                raise NoCreditAccount
            case code:
                raise Internal(f"quote_create answered {code!r}")


def get_quote(database: Database, tenant: Tenant, quote_id: UUID) -> sa.RowMapping:
    """Return a quote with what was used of it.

    Raises:
        NotFound: there is no such quote.
    """
    with database.transaction(tenant) as transaction:
        return _read(transaction, quote_id)


def accept_quote(database: Database, tenant: Tenant, quote_id: UUID, run_id: UUID, now: datetime) -> sa.RowMapping:
    """Bind a quote to a run; the same run again gets the same answer.

    Raises:
        NotFound: there is no such quote.
        QuoteExpired: it is older than a day.
        KeyReused: another run has it.
        InsufficientCredits: fewer credits are available than the quote's limit.
    """
    with database.transaction(tenant) as transaction:
        answer = repository.accept_quote(transaction, quote_id, run_id, now)
        match answer.code:
            case "ok":
                return _read(transaction, quote_id)
            case "quote_not_found":
                raise NotFound.row("quote", quote_id)
            case "quote_of_another_run":
                raise KeyReused(str(quote_id), "run")
            case "quote_expired":
                raise QuoteExpired
            case "insufficient_credits":
                raise InsufficientCredits(needed=answer.needed, available=answer.available, held=answer.held)
            case code:
                raise Internal(f"quote_accept answered {code!r}")


def _read(transaction: Transaction, quote_id: UUID) -> sa.RowMapping:
    row = repository.quote(transaction, quote_id)
    if row is None:
        raise NotFound.row("quote", quote_id)
    return row


def _price(work: Sequence[Work], catalogue: Mapping[str, Price]) -> list[PricedWork]:
    priced = []
    for n, item in enumerate(work):
        price = catalogue.get(item.operation) or FALLBACK_PRICES.get(item.operation)
        if price is None:
            known = known_operations(catalogue)
            raise UnknownOperation(item.operation, field=f"lines[{n}].operation", known=known)
        priced.append(price_work(item, price))
    return priced


def _check(work: Sequence[Work], max_credits: int, request_id: str) -> None:
    if len(request_id) > 100:  # noqa: PLR2004 - callers send a UUID
        raise InvalidArgument.field("request_id", "must be at most 100 characters")
    if len(work) > MOST_LINES:
        raise InvalidArgument.field("lines", f"must be at most {MOST_LINES}")
    if not 0 <= max_credits <= MOST_QUANTITY:
        raise InvalidArgument.field("max_credits", f"must be from 0 to {MOST_QUANTITY}")
    for n, item in enumerate(work):
        _check_line(item, f"lines[{n}]")


def _check_line(item: Work, name: str) -> None:
    if not 0 <= item.limit_quantity <= MOST_QUANTITY:
        raise InvalidArgument.field(f"{name}.limit_quantity", f"must be from 0 to {MOST_QUANTITY}")
    if not 0 <= item.expected_quantity <= item.limit_quantity:
        raise InvalidArgument.field(f"{name}.expected_quantity", "must be from 0 to the limit_quantity")
    if not (0 if item.limit_quantity == 0 else 1) <= item.pieces <= MOST_QUANTITY:
        raise InvalidArgument.field(f"{name}.pieces", "must be at least 1 where there is something to do")
