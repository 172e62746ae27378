"""Quotes: what a run will cost, and what was used of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from services.billing.domain import PricedWork
from services.billing.repository.functions import Answer, call


def create_quote(
    transaction: Transaction,
    *,
    key: str,
    request: Mapping[str, Any],
    lines: Sequence[PricedWork],
    totals: tuple[int, int],
    max_credits: int,
    expire_time: datetime,
    now: datetime,
) -> Answer:
    """Keep a quote. Codes: ok, no_credit_account, key_reused."""
    return call(
        transaction,
        "quote_create",
        site=transaction.tenant.site_id,
        id=new_id(),
        key=key,
        request=json.dumps(request),
        lines=json.dumps([_line(position, line) for position, line in enumerate(lines)]),
        expected=totals[0],
        limit=totals[1],
        max=max_credits,
        expire_time=expire_time,
        now=now,
    )


def _line(position: int, line: PricedWork) -> dict[str, Any]:
    return {
        **asdict(line.work),
        "id": str(new_id()),
        "position": position,
        "expected_credits": line.expected_credits,
        "limit_credits": line.limit_credits,
        "credit_cost_id": str(line.price.id) if line.price.id else None,
        "unit": line.price.unit,
        "unit_credits": line.price.unit_credits,
    }


def accept_quote(transaction: Transaction, quote_id: UUID, run_id: UUID, now: datetime) -> Answer:
    """Bind a quote to a run. Codes: ok, quote_not_found, quote_of_another_run, quote_expired, insufficient_credits."""
    site = transaction.tenant.site_id
    return call(transaction, "quote_accept", site=site, quote=quote_id, run=run_id, now=now)


def quote(transaction: Transaction, quote_id: UUID) -> sa.RowMapping | None:
    """Return a quote of the tenant's site, with its lines as a list of objects."""
    parameters = {"id": quote_id, "site": transaction.tenant.site_id}
    return transaction.execute(_QUOTE, parameters).mappings().first()


_QUOTE = sa.text(
    "SELECT q.id, q.site_id, q.expected_credits, q.limit_credits, q.captured_credits, q.held_credits, q.expire_time,"
    " q.run_id, q.replace_time, earlier.captured_credits AS earlier_captured_credits,"
    " earlier.held_credits AS earlier_held_credits,"
    " (SELECT jsonb_agg(jsonb_build_object('stage', l.stage, 'operation', l.operation,"
    " 'expected_quantity', l.expected_quantity, 'limit_quantity', l.limit_quantity, 'pieces', l.pieces,"
    " 'expected_credits', l.expected_credits, 'limit_credits', l.limit_credits,"
    " 'credit_cost_id', l.credit_cost_id, 'unit', nullif('UNIT_' || upper(l.unit), 'UNIT_'),"
    " 'unit_credits', l.unit_credits) ORDER BY l.position)"
    " FROM quote_line l WHERE l.account_id = q.account_id AND l.quote_id = q.id) AS lines"
    " FROM quote q CROSS JOIN LATERAL ("
    "  SELECT coalesce(sum(e.captured_credits), 0)::bigint AS captured_credits,"
    "  coalesce(sum(e.held_credits), 0)::bigint AS held_credits"
    "  FROM quote e WHERE e.account_id = q.account_id AND e.run_id = q.run_id"
    "  AND (e.accept_time, e.id) < (q.accept_time, q.id)"
    " ) AS earlier WHERE q.id = :id AND q.site_id = :site"
)
