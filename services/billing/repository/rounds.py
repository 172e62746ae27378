"""What is read over all accounts, and what others compare with what they know."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis import paging
from chassis.database import Transaction
from chassis.tenancy import table_of
from services.billing.models import CreditAccount, Hold

_ACCOUNT, _HOLD = table_of(CreditAccount), table_of(Hold)


def accounts_due(connection: sa.Connection, limit: int, now: datetime) -> list[UUID]:
    """Return accounts in which a grant's time has come or gone and the books do not show it, under the sweep role.

    In no order, so that accounts that fail cannot keep all others waiting.
    """
    return list(connection.execute(_DUE, {"now": now, "limit": limit}).scalars())


_DUE = sa.text(
    "SELECT due.account_id FROM ("
    " SELECT g.account_id FROM credit_grant g WHERE NOT g.spent AND g.remaining > g.held AND g.expire_time <= :now"
    " UNION SELECT g.account_id FROM credit_grant g WHERE g.post_time IS NULL AND g.effective_time <= :now"
    ") AS due ORDER BY random() LIMIT :limit"
)


def account_page(connection: sa.Connection, size: int, token: str) -> tuple[list[UUID], str]:
    """Return a page of all accounts under the sweep role, and the next page's token.

    Raises:
        InvalidArgument: the token is not one of this list.
    """
    keys = [paging.Key("account_id", _ACCOUNT.c.account_id)]
    statement = sa.select(_ACCOUNT.c.account_id).order_by(*paging.ordering(keys)).limit(size + 1)
    if token:
        statement = statement.where(paging.after(keys, token, "accounts"))
    found = list(connection.execute(statement).scalars())
    return found[:size], paging.encode(keys, found[size - 1 : size], "accounts") if len(found) > size else ""


def step_captures(
    transaction: Transaction, run_ids: Sequence[UUID], size: int, token: str
) -> tuple[Sequence[sa.RowMapping], str]:
    """Return a page of what steps have captured and hold, and the next page's token.

    Raises:
        InvalidArgument: the token is not one of this list.
    """
    keys = [paging.Key("run_id", _HOLD.c.run_id), paging.Key("step_id", _HOLD.c.step_id)]
    query = paging.fingerprint("step_captures", *run_ids)
    is_open = _HOLD.c.state == "open"
    held = sa.func.coalesce(sa.func.sum(_HOLD.c.credits - _HOLD.c.captured_credits).filter(is_open), 0)
    statement = (
        sa.select(
            _HOLD.c.run_id,
            _HOLD.c.step_id,
            sa.cast(sa.func.sum(_HOLD.c.captured_credits), sa.BigInteger).label("captured_credits"),
            sa.func.count().filter(is_open).label("open_holds"),
            sa.cast(held, sa.BigInteger).label("held_credits"),
        )
        .where(_HOLD.c.run_id.is_not(None), _HOLD.c.step_id.is_not(None))
        .group_by(_HOLD.c.run_id, _HOLD.c.step_id)
        .order_by(_HOLD.c.run_id, _HOLD.c.step_id)
        .limit(size + 1)
    )
    if run_ids:
        statement = statement.where(_HOLD.c.run_id.in_(run_ids))
    if token:
        statement = statement.where(paging.after(keys, token, query))
    rows = transaction.execute(statement).mappings().all()
    last = [rows[size - 1]["run_id"], rows[size - 1]["step_id"]] if len(rows) > size else None
    return rows[:size], paging.encode(keys, last, query) if last else ""
