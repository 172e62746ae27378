"""What people do with contents, and what a destination gets of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from chassis.html import HtmlTooLong, clean, count_words
from chassis.tenancy import Tenant
from services.writer.domain import states
from services.writer.domain.states import Verb
from services.writer.errors import NotApproved
from services.writer.html import PlacedImage, place_images
from services.writer.repository import contents, images

_SLUG_KEY = "content_slug_key"


@dataclass(frozen=True)
class Publishable:
    """A content as a destination needs it: cleaned, its pictures in their places; only those that are made."""

    content: Mapping[str, Any]
    images: Sequence[Mapping[str, Any]]


def change_content(
    database: Database, tenant: Tenant, content_id: UUID, changes: Mapping[str, Any], *, etag: str, actor: str
) -> sa.RowMapping:
    """Change a content as a person edits it; its text is cleaned and counted, and what was is kept as a revision.

    Args:
        database: the writer's.
        tenant: account and site.
        content_id: which.
        changes: column values.
        etag: the revision that was edited; empty for whichever it is.
        actor: who edits: "user:0197...".

    Raises:
        NotFound: there is no such content.
        InvalidArgument: the HTML is too long.
        AlreadyExists: the slug is taken.
        Aborted: somebody changed it meanwhile.
    """
    values = dict(changes)
    if "html" in values:
        values["html"] = _cleaned(values["html"])
        values["word_count"] = count_words(values["html"])
    with database.transaction(tenant) as transaction:
        row = _locked(transaction, content_id, etag)
        if any(name in values and values[name] != getattr(row, name) for name in ("html", "title")):
            contents.keep_revision(transaction, row, actor)
        try:
            contents.change(transaction, content_id, values)
        except sa.exc.IntegrityError as error:
            if getattr(getattr(error.orig, "diag", None), "constraint_name", None) != _SLUG_KEY:
                raise
            raise AlreadyExists(f"A content of the site has the slug {values['slug']!r}; choose another.") from error
        return _shown(transaction, content_id)


def move_content(database: Database, tenant: Tenant, content_id: UUID, verb: Verb, etag: str) -> sa.RowMapping:
    """Submit, approve or reject a content.

    Raises:
        NotFound: there is no such content.
        FailedPrecondition: WRONG_STATE; the message names the state and what is possible.
        Aborted: somebody changed it meanwhile.
    """
    with database.transaction(tenant) as transaction:
        row = _locked(transaction, content_id, etag)
        contents.change(transaction, content_id, {"status": states.after(verb, row.status)})
        return _shown(transaction, content_id)


def publishable(database: Database, tenant: Tenant, content_id: UUID) -> Publishable:
    """Return an approved or published content with the pictures that are made.

    Pictures are placed here and not when they are made, so one that failed or was deleted leaves no hole, and a text
    that was edited meanwhile keeps what was edited.

    Raises:
        NotFound: there is no such content.
        NotApproved: it may not be published yet.
    """
    with database.transaction(tenant) as transaction:
        row = _shown(transaction, content_id)
        if row["status"] not in states.PUBLISHABLE:
            raise NotApproved(content_id, row["status"])
        made = images.of_content(transaction, content_id, "generated")
    placed = [PlacedImage(str(i["id"]), i["kind"], i["position"], i["alt_text"]) for i in made]
    return Publishable({**row, "html": place_images(clean(row["html"]), placed)}, [dict(i) for i in made])


def _cleaned(html: str) -> str:
    try:
        return clean(html)
    except HtmlTooLong as error:
        raise InvalidArgument.field("content.html", str(error)) from error


def _locked(transaction: Transaction, content_id: UUID, etag: str) -> sa.Row[Any]:
    row = contents.get(transaction, content_id, lock=True)
    if row is None:
        raise NotFound.row("content", content_id)
    if etag and etag != str(row.revision):
        raise Aborted("The content was changed by somebody else; read it again and repeat the change.")
    return row


def _shown(transaction: Transaction, content_id: UUID) -> sa.RowMapping:
    row = contents.shown(transaction, content_id)
    if row is None:
        raise NotFound.row("content", content_id)
    return row
