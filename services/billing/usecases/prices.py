"""What operations cost: versions that follow one another and never change."""

import re
from datetime import datetime

import sqlalchemy as sa

from chassis.database import Database
from chassis.errors import Internal, InvalidArgument
from chassis.tenancy import Tenant
from services.billing import repository
from services.billing.domain import MOST_UNIT_CREDITS, CostChange
from services.billing.errors import KeyReused
from services.billing.usecases.accounts import check_words

_OPERATION = re.compile(r"[a-z][a-z0-9_]{0,59}")
_MOST_NAME = 100


def set_credit_cost(database: Database, tenant: Tenant, change: CostChange, by: str, now: datetime) -> sa.RowMapping:
    """Write the next version of an operation's price, once for a key, and return it.

    Args:
        database: billing's.
        tenant: for whom the caller acts; a price is everybody's.
        change: what the operation is to cost.
        by: who sets it.
        now: when.

    Raises:
        InvalidArgument: a name or price makes no sense, or a new operation lacks its unit or credits.
        KeyReused: the key was used with other parameters.
    """
    _check(change)
    with database.transaction(tenant) as transaction:
        answer = repository.set_cost(transaction, change, by, now)
        match answer.code:
            case "ok":
                return repository.cost(transaction, answer.id)
            case "key_reused":
                raise KeyReused(change.key, "price")
            case "no_price_before":
                field = "credits" if change.credits is None else "unit"
                raise InvalidArgument.field(field, "is required for an operation that never had a price")
            case code:
                raise Internal(f"ledger_set_cost answered {code!r}")


def _check(change: CostChange) -> None:
    check_words(change.reason, change.key)
    if not _OPERATION.fullmatch(change.operation):
        raise InvalidArgument.field("operation", "must be lower-case letters, digits and underscores, at most 60")
    if change.credits is not None and not 1 <= change.credits <= MOST_UNIT_CREDITS:
        raise InvalidArgument.field("credits", f"must be from 1 to {MOST_UNIT_CREDITS}; 0 means as before")
    if change.display_name is not None and len(change.display_name) > _MOST_NAME:
        raise InvalidArgument.field("display_name", f"must be at most {_MOST_NAME} characters")
