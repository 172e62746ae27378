"""`generate_image`: a model makes one picture."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, UnusableAnswer
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, ImageSpec, Item, Job, JobKind, Made, Selection, Work, admit, apply_once
from services.writer.domain.quantities import image_size
from services.writer.repository import contents, images

NAME = "generate_image"


class GenerateImage:
    """Makes pictures that were described.

    Args:
        database: the writer's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:  # noqa: ARG002 - no option bears on it
        """Return pictures that wait, oldest first; of those that are named also the ones that failed."""
        with self._database.transaction(tenant) as transaction:
            rows, total = images.ready(transaction, subject_ids, limit)
        return Selection([Item(row.id, "image", _label(row), 1, 1) for row in rows], total)

    def prepare(self, work: Work) -> Job:
        """Return the call that makes the picture; one that failed waits again.

        Raises:
            NotFound: there is no such picture.
            FailedPrecondition: it is made.
            StepTakenOver: a later worker of the step was here.
        """
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, NAME, work)
            row = _image(transaction, work.subject_id)
            if row.status == "failed":
                images.change(transaction, row.id, {"status": "pending", "error": ""})
        width, height = image_size(row.kind)
        title = row.title if row.kind == "featured" else row.alt_text or row.title
        return Job(
            kind=JobKind.IMAGE,
            template=NAME,
            variables={"prompt": row.prompt, "title": title},
            limit_quantity=1,
            image=ImageSpec(row.prompt, width, height, title),
        )

    def apply(self, work: Work, answer: Answer | None) -> Applied:
        """Store where the picture lies.

        Raises:
            UnusableAnswer: there is no picture in the answer; nothing was stored.
            NotFound: there is no such picture.
            FailedPrecondition: another step has made it.
        """
        if answer is None:
            raise InvalidArgument.field("answer", "is what this step stores; send it")
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(transaction, NAME, work, lambda: _store(transaction, work, answer))

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:
        """Mark the picture as failed with the error; one that is made stays so, one that was cancelled still waits."""
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, NAME, work)
            if failed:
                images.give_up(transaction, work.subject_id, error)


def _label(row: sa.Row[Any]) -> str:
    place = "featured picture" if row.kind == "featured" else f"picture {row.position + 1}"
    return f"{place} of {row.title}"


def _image(transaction: Transaction, image_id: UUID) -> sa.Row[Any]:
    row = images.get(transaction, image_id, lock=True)
    if row is None:
        raise NotFound.row("image", image_id)
    if row.status == "generated":
        raise FailedPrecondition(f"The image {image_id} is made already.")
    return row


def _store(transaction: Transaction, work: Work, answer: Answer) -> Applied:
    row = _image(transaction, work.subject_id)
    if not answer.object_key or not answer.mime_type.startswith("image/") or min(answer.width, answer.height) < 1:
        raise UnusableAnswer("The answer has no picture: it needs an object key, an image type, and a size.")
    origin = answer.provenance
    made = {
        "status": "generated",
        "error": "",
        "object_key": answer.object_key,
        "mime_type": answer.mime_type,
        "width": answer.width,
        "height": answer.height,
        "provider": origin.provider,
        "model": origin.model,
    }
    images.change(transaction, row.id, made)
    contents.note_origin(transaction, work, NAME, row.sector_id, ("image", row.id), origin)
    return Applied(1, [Made("image", str(row.id))])
