"""What is mapped to clusters, which are the planner's."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction

_LINKED = ("task", "content", "content_attribute")
# A content that has the same role in both clusters keeps it once.
_DROP_DOUBLE = sa.text(
    "DELETE FROM content_cluster_mapping m USING content_cluster_mapping other"
    " WHERE m.account_id = :account AND m.cluster_id = ANY(:merged) AND other.account_id = m.account_id"
    " AND other.role = m.role AND other.content_id IS NOT DISTINCT FROM m.content_id"
    " AND other.task_id IS NOT DISTINCT FROM m.task_id"
    " AND (other.cluster_id = :home OR (other.cluster_id = ANY(:merged) AND other.id < m.id))"
)
_FOLLOW = tuple(
    sa.text(f"UPDATE {table} SET cluster_id = :home WHERE account_id = :account AND cluster_id = ANY(:merged)")  # noqa: S608 - tables of ours
    for table in (*_LINKED, "content_cluster_mapping")
)


def follow(transaction: Transaction, merged: Sequence[UUID], home: UUID) -> None:
    """Map to one cluster all that is mapped to those that were merged into it."""
    values = {"account": transaction.tenant.account_id, "merged": list(merged), "home": home}
    for statement in (_DROP_DOUBLE, *_FOLLOW):
        transaction.execute(statement, values)
