"""The same request twice gives the same answer, for callers who repeat a call because the answer was lost.

A convenience at the edge: the ledger and `ApplyWork` rest on keys of their own. Kept for 48 hours.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol, TypeVar

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis import tenancy
from chassis.database import Database, Transaction
from chassis.errors import RequestIdReused
from chassis.tenancy import Operations

KEPT_HOURS = 48


class _Request(Protocol):
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name


Answer = TypeVar("Answer", bound=Message)


def add_table(metadata: sa.MetaData) -> None:
    """Declare the table in a service's metadata."""
    sa.Table(
        "idempotency",
        metadata,
        sa.Column("account_id", sa.Uuid, primary_key=True),
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )


def protect_table(op: Operations, app_role: str, sweep_role: str) -> None:
    """Set the policies; called by the migration that creates the table."""
    tenancy.protect(op, "idempotency", app_role, "account")
    tenancy.open_to_sweep(op, "idempotency", sweep_role, "SELECT, DELETE")


def once(
    transaction: Transaction,
    method: str,
    request: _Request,
    answer_type: type[Answer],
    do: Callable[[], Answer],
) -> Answer:
    """Do something once for a request id, and answer later calls from what was stored.

    Args:
        transaction: the one that does the work; answer and work commit together.
        method: the rpc's name.
        request: with its `request_id`; an empty one is not remembered.
        answer_type: what the rpc returns. Never used for answers with secrets.
        do: does the work.

    Raises:
        RequestIdReused: the request id was used with another body.
    """
    if not request.request_id:
        return do()
    key = {"account": transaction.tenant.account_id, "method": method, "request": request.request_id}
    body_hash = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    claimed = transaction.one(_CLAIM, key | {"hash": body_hash})  # a second caller waits here for the first to commit
    if claimed is not None:
        answer = do()
        transaction.execute(_STORE, key | {"answer": answer.SerializeToString()})
        return answer
    stored = transaction.one(_READ, key)
    if stored is None or stored.body_hash != body_hash:
        raise RequestIdReused(
            f"The request id {request.request_id!r} was used for another request; send a new one.",
            metadata={"request_id": request.request_id},
        )
    return answer_type.FromString(stored.answer)


def purge(sweep: Database, limit: int) -> int:
    """Forget answers that are kept no longer; return how many.

    Args:
        sweep: the service's database under its sweep role.
        limit: at most so many at once.
    """
    with sweep.untenanted() as connection:
        return connection.execute(_PURGE, {"limit": limit, "hours": KEPT_HOURS}).rowcount


_PURGE = sa.text(
    "DELETE FROM idempotency WHERE ctid = ANY(ARRAY("
    "SELECT ctid FROM idempotency WHERE create_time < now() - make_interval(hours => :hours) LIMIT :limit))"
)
_CLAIM = sa.text(
    "INSERT INTO idempotency (account_id, method, request_id, body_hash) VALUES (:account, :method, :request, :hash)"
    " ON CONFLICT DO NOTHING RETURNING 1"
)
_STORE = sa.text(
    "UPDATE idempotency SET answer = :answer WHERE account_id = :account AND method = :method AND request_id = :request"
)
_READ = sa.text(
    "SELECT body_hash, answer FROM idempotency"
    " WHERE account_id = :account AND method = :method AND request_id = :request"
)
