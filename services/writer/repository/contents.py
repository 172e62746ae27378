"""Queries about contents, their revisions, their clusters, and where things came from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count as count_from
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.work import Provenance as Origin
from chassis.work import Work
from services.writer.models import Base, ContentClusterMapping, ContentRevision, Provenance
from services.writer.repository import terms

_CONTENT = Base.metadata.tables["content"]
_IMAGE = Base.metadata.tables["image"]
_TASK = Base.metadata.tables["task"]
_ALIVE = _CONTENT.c.delete_time.is_(None)
_UNIQUE_SLUG_TRIES = 20
_SLUGS_A_LOOK = 25


def get(transaction: Transaction, content_id: UUID, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return a content that is not deleted; with `lock`, nobody changes it before this transaction ends."""
    statement = sa.select(_CONTENT).where(_CONTENT.c.id == content_id, _ALIVE)
    return transaction.one(statement.with_for_update() if lock else statement)


def shown(transaction: Transaction, content_id: UUID) -> sa.RowMapping | None:
    """Return a content that is not deleted with the names of its categories and tags."""
    names = [terms.names_of(kind).label(plural) for kind, plural in (("category", "categories"), ("tag", "tags"))]
    statement = sa.select(_CONTENT, *names).where(_CONTENT.c.id == content_id, _ALIVE)
    return transaction.execute(statement).mappings().first()


def add(transaction: Transaction, values: Mapping[str, Any], slug: str) -> bool:
    """Insert a content under the first free one of slug, slug-2, slug-3, ...; return False when its task has one.

    Two that begin with the same slug meet in the unique index: the later one waits, finds nothing inserted, and looks
    for the next free slug.
    """
    for _ in range(_UNIQUE_SLUG_TRIES):
        free = _free_slug(transaction, slug)
        row = transaction.one(
            insert(_CONTENT).values(**values, slug=free).on_conflict_do_nothing().returning(_CONTENT.c.id)
        )
        if row is not None:
            return True
        if values.get("task_id") is not None and _written(transaction, values["task_id"]):
            return False
    raise RuntimeError(f"No free slug was found for {slug!r} in {_UNIQUE_SLUG_TRIES} tries.")


def _free_slug(transaction: Transaction, slug: str) -> str:
    for first in count_from(1, _SLUGS_A_LOOK):  # exact values, so that the unique index answers
        numbered = range(first, first + _SLUGS_A_LOOK)
        candidates = [slug if number == 1 else f"{slug}-{number}" for number in numbered]
        found = transaction.all(sa.select(_CONTENT.c.slug).where(_ALIVE, _CONTENT.c.slug.in_(candidates)))
        taken = {row.slug for row in found}
        free = next((candidate for candidate in candidates if candidate not in taken), None)
        if free is not None:
            return free
    raise AssertionError("the numbers do not end")


def _written(transaction: Transaction, task_id: UUID) -> bool:
    return transaction.one(sa.select(_CONTENT.c.id).where(_CONTENT.c.task_id == task_id, _ALIVE)) is not None


def change(transaction: Transaction, content_id: UUID, values: Mapping[str, Any]) -> None:
    """Change a content."""
    stamps = {"revision": _CONTENT.c.revision + 1, "update_time": sa.func.now()}
    transaction.execute(sa.update(_CONTENT).where(_CONTENT.c.id == content_id).values(**values, **stamps))


def keep_revision(transaction: Transaction, row: sa.Row[Any], replaced_by: str) -> None:
    """Keep what a content's title and text are, before they change."""
    values = {
        name: getattr(row, name) for name in ("account_id", "site_id", "sector_id", "title", "html", "word_count")
    }
    statement = sa.insert(ContentRevision).values(
        **values, id=new_id(), content_id=row.id, number=row.revision, replaced_by=replaced_by
    )
    transaction.execute(statement)


def publish(transaction: Transaction, content_id: UUID, values: Mapping[str, Any], when: datetime) -> bool:
    """Note that a content, a deleted one too, is published, unless newer news is known; return whether it was noted."""
    newer = sa.or_(_CONTENT.c.publish_time.is_(None), _CONTENT.c.publish_time < when)
    stamps = {"revision": _CONTENT.c.revision + 1, "update_time": sa.func.now(), "publish_time": when}
    statement = sa.update(_CONTENT).where(_CONTENT.c.id == content_id, newer)
    return transaction.execute(statement.values(status="published", **values, **stamps)).rowcount > 0


def idea_of(transaction: Transaction, content_id: UUID) -> UUID | None:
    """Return the idea that a content was written for, or None."""
    statement = (
        sa.select(_TASK.c.content_idea_id)
        .join(_CONTENT, (_CONTENT.c.account_id == _TASK.c.account_id) & (_CONTENT.c.task_id == _TASK.c.id))
        .where(_CONTENT.c.id == content_id)
    )
    return transaction.execute(statement).scalar()


def without_images(transaction: Transaction, ids: Sequence[UUID], limit: int) -> tuple[Sequence[sa.Row[Any]], int]:
    """Return the oldest contents that are not published and never had a picture, and how many there are in all."""
    has_image = sa.exists().where(_IMAGE.c.account_id == _CONTENT.c.account_id, _IMAGE.c.content_id == _CONTENT.c.id)
    return _page(transaction, [_CONTENT.c.status.in_(("draft", "review", "approved")), ~has_image], ids, limit)


def illustrated(
    transaction: Transaction, statuses: Sequence[str], ids: Sequence[UUID], limit: int
) -> tuple[Sequence[sa.Row[Any]], int]:
    """Return the oldest contents of some states that wait for no picture, and how many there are in all."""
    waits = sa.exists().where(
        _IMAGE.c.account_id == _CONTENT.c.account_id,
        _IMAGE.c.content_id == _CONTENT.c.id,
        _IMAGE.c.status == "pending",
        _IMAGE.c.delete_time.is_(None),
    )
    return _page(transaction, [_CONTENT.c.status.in_(statuses), ~waits], ids, limit)


def count(transaction: Transaction, status: str) -> int:
    """Return how many contents of the site are in a state."""
    return _count(transaction, [_ALIVE, _CONTENT.c.status == status])


def _page(
    transaction: Transaction, where: list[sa.ColumnElement[bool]], ids: Sequence[UUID], limit: int
) -> tuple[Sequence[sa.Row[Any]], int]:
    where = [*where, _ALIVE, *([_CONTENT.c.id.in_(ids)] if ids else [])]
    statement = sa.select(_CONTENT.c.id, _CONTENT.c.title).where(*where).order_by(_CONTENT.c.id).limit(max(limit, 0))
    return transaction.all(statement) if limit > 0 else [], _count(transaction, where)


def _count(transaction: Transaction, where: list[sa.ColumnElement[bool]]) -> int:
    statement = sa.select(sa.func.count()).select_from(_CONTENT).where(*where)
    return int(transaction.execute(statement).scalar_one())


def map_to_cluster(transaction: Transaction, content: Mapping[str, Any], role: str) -> None:
    """Give a content its place in the cluster that the plan made it for."""
    names = ("account_id", "site_id", "sector_id", "cluster_id")
    values = {name: content[name] for name in names} | {"id": new_id(), "content_id": content["id"]}
    statement = insert(ContentClusterMapping).values(**values, role=role, source="blueprint")
    transaction.execute(statement.on_conflict_do_nothing())


def note_origin(
    transaction: Transaction, work: Work, function: str, sector_id: UUID, artefact: tuple[str, UUID], origin: Origin
) -> None:
    """Note which call of a model an artefact was made of.

    Args:
        transaction: the one that stores the artefact.
        work: the step.
        function: the function's name.
        sector_id: the artefact's.
        artefact: its kind and id.
        origin: the model's call.
    """
    statement = sa.insert(Provenance).values(
        account_id=work.tenant.account_id,
        site_id=work.tenant.site_id,
        sector_id=sector_id,
        id=new_id(),
        artefact_kind=artefact[0],
        artefact_id=artefact[1],
        function=function,
        step_id=work.step_id,
        run_id=work.run_id,
        call_id=origin.call_id,
        provider=origin.provider,
        model=origin.model,
        template=origin.template,
        template_version=origin.template_version,
        input_tokens=origin.input_tokens,
        output_tokens=origin.output_tokens,
    )
    transaction.execute(statement)
