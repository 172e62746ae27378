"""`approve_content`: what a run does at the end of writing. It approves, or hands over to people."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from chassis.database import Database, Transaction
from chassis.errors import NotFound
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Made, Selection, WithoutModel, Work, apply_once
from services.writer.domain import states
from services.writer.domain.quantities import auto_approve
from services.writer.domain.states import APPROVE, SUBMIT, Verb
from services.writer.errors import ImagesPending
from services.writer.repository import contents, images

NAME = "approve_content"


class ApproveContent(WithoutModel):
    """Approves contents when the run may do so by itself (`auto_approve`), and submits drafts for review otherwise.

    Args:
        database: the writer's.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database, NAME)

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return contents that the run can move on, oldest first: those that wait for no picture."""
        verb = _verb(options)
        statuses = sorted(verb.sources)
        with self._database.transaction(tenant) as transaction:
            rows, total = contents.illustrated(transaction, statuses, subject_ids, limit)
            reason = "" if total else _skip_reason(transaction, verb)
        return Selection([Item(row.id, "content", row.title, 1, 1) for row in rows], total, reason)

    def apply(self, work: Work, answer: Answer | None) -> Applied:  # noqa: ARG002 - needs no model
        """Approve the content, or submit it; one that a person has moved on meanwhile is left as it is.

        Raises:
            NotFound: there is no such content.
            ImagesPending: a picture is still being made.
        """
        verb = _verb(work.options)
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(transaction, NAME, work, lambda: _move(transaction, work.subject_id, verb))


def _verb(options: Mapping[str, Any]) -> Verb:
    return APPROVE if auto_approve(options) else SUBMIT


def _skip_reason(transaction: Transaction, verb: Verb) -> str:
    waiting = sum(contents.count(transaction, status) for status in verb.sources)
    if waiting:
        return f"{waiting} contents wait for their pictures"
    in_review = contents.count(transaction, "review")
    return f"{in_review} contents wait for review" if in_review and verb is SUBMIT else ""


def _move(transaction: Transaction, content_id: UUID, verb: Verb) -> Applied:
    row = contents.get(transaction, content_id, lock=True)
    if row is None:
        raise NotFound.row("content", content_id)
    if row.status not in verb.sources:
        return Applied(0, [], [f"the content was in the state {row.status} already"])
    pending = images.count(transaction, content_id, status="pending")
    if pending:
        raise ImagesPending(content_id, pending)
    contents.change(transaction, content_id, {"status": states.after(verb, row.status)})
    return Applied(1, [Made("content", str(content_id))])
