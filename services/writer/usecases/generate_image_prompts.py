"""`generate_image_prompts`: a model describes the pictures of an article; each description is counted."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Job, JobKind, Made, Selection, Work, admit, apply_once
from services.writer import html as markup
from services.writer.domain import answers, quantities, states
from services.writer.repository import contents, images

NAME = "generate_image_prompts"
STYLE = "natural light, realistic photograph, calm colours"
_TOKENS_PER_PROMPT = 400


class GenerateImagePrompts:
    """Describes the pictures of contents that never had any.

    Args:
        database: the writer's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return contents without pictures that are not published, oldest first; none when no pictures are wanted."""
        wanted = quantities.images_per_article(options)
        if wanted == 0:
            return Selection([], 0, "images_per_article is 0: this run makes no pictures")
        with self._database.transaction(tenant) as transaction:
            rows, total = contents.without_images(transaction, subject_ids, limit)
        return Selection([Item(row.id, "content", row.title, wanted, wanted) for row in rows], total)

    def prepare(self, work: Work) -> Job:
        """Return the call that describes the pictures.

        Raises:
            NotFound: there is no such content.
            FailedPrecondition: it has pictures, or is published.
        """
        wanted = _wanted(work)
        with self._database.transaction(work.tenant) as transaction:
            row = _content(transaction, work.subject_id)
        return Job(
            kind=JobKind.TEXT,
            template=NAME,
            variables={
                "title": row.title,
                "excerpt": row.excerpt,
                "headings": [heading.text for heading in markup.headings(row.html)],
                "in_article": wanted - 1,
                "style": str(work.options.get("image_style") or STYLE),
            },
            limit_quantity=wanted,
            answer_schema=answers.PROMPTS_SCHEMA,
            max_output_tokens=(wanted + 1) * _TOKENS_PER_PROMPT,
        )

    def apply(self, work: Work, answer: Answer | None) -> Applied:
        """Store the descriptions as pictures that wait to be made.

        Raises:
            UnusableAnswer: nothing was stored.
            NotFound: there is no such content.
            FailedPrecondition: it has pictures, or is published.
        """
        if answer is None:
            raise InvalidArgument.field("answer", "is what this step stores; send it")
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(transaction, NAME, work, lambda: _store(transaction, work, answer))

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:  # noqa: ARG002 - nobody is told
        """Note that it was given up; preparing changed nothing, and the content is still without pictures."""
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, NAME, work)


def _wanted(work: Work) -> int:
    wanted = quantities.images_per_article(work.options)
    if wanted == 0:
        raise FailedPrecondition("images_per_article is 0: there is no picture to describe.")
    return wanted


def _content(transaction: Transaction, content_id: UUID) -> sa.Row[Any]:
    row = contents.get(transaction, content_id, lock=True)
    if row is None:
        raise NotFound.row("content", content_id)
    if row.status not in states.BEFORE_PUBLICATION:
        raise FailedPrecondition(f"The content {content_id} is in the state {row.status}; its pictures are settled.")
    if images.count(transaction, content_id):
        raise FailedPrecondition(f"The content {content_id} has pictures already.")
    return row


def _store(transaction: Transaction, work: Work, answer: Answer) -> Applied:
    content, wanted = _content(transaction, work.subject_id), _wanted(work)
    prompts = answers.prompts(answer.text, wanted, content.title)
    rows = [_image(content, prompt) for prompt in prompts]
    images.add(transaction, rows)
    for row in rows:
        contents.note_origin(transaction, work, NAME, content.sector_id, ("image", row["id"]), answer.provenance)
    notes = [] if len(rows) == wanted else [f"{len(rows)} of {wanted} pictures were described"]
    return Applied(len(rows), [Made("image", str(row["id"])) for row in rows], notes)


def _image(content: sa.Row[Any], prompt: answers.Prompt) -> dict[str, Any]:
    return {
        "account_id": content.account_id,
        "site_id": content.site_id,
        "sector_id": content.sector_id,
        "id": new_id(),
        "content_id": content.id,
        "kind": prompt.kind,
        "position": prompt.position,
        "prompt": prompt.prompt,
        "alt_text": prompt.alt_text,
        "status": "pending",
    }
