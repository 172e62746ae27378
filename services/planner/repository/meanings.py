"""What an embedding model said that texts mean, kept by account, model and text."""

import hashlib
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from services.planner.models import KeywordMeaning, table

MEANING = table(KeywordMeaning)
_KNOWN = sa.text(
    "SELECT m.digest, m.vector FROM unnest(CAST(:digests AS bytea[])) AS d (digest)"
    " JOIN keyword_meaning m ON m.account_id = :account AND m.model = :model AND m.digest = d.digest"
)


def known(transaction: Transaction, model: str, texts: Iterable[str]) -> dict[str, bytes]:
    """Return the vectors of those of some texts that have one."""
    by_digest = {_digest(text): text for text in texts}
    values = {"account": transaction.tenant.account_id, "model": model, "digests": list(by_digest)}
    return {by_digest[bytes(row.digest)]: bytes(row.vector) for row in transaction.all(_KNOWN, values)}


def store(transaction: Transaction, model: str, vectors: Mapping[str, bytes]) -> None:
    """Keep the vectors of texts; those that are there stay."""
    key = {"account_id": transaction.tenant.account_id, "model": model}
    rows = [key | {"digest": _digest(text), "vector": vector} for text, vector in vectors.items()]
    transaction.execute(insert(MEANING).on_conflict_do_nothing(), rows)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
