"""Queries about categories and tags."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from chassis.database import Transaction
from chassis.ids import new_id
from services.writer.domain.terms import term_slug
from services.writer.models import Base, ContentTaxonomyTerm

_TERM = Base.metadata.tables["taxonomy_term"]
_LINK = Base.metadata.tables["content_taxonomy_term"]
_CONTENT = Base.metadata.tables["content"]


def names_of(kind: str) -> sa.ColumnElement[list[str]]:
    """Return the SQL for the names of a content's terms of one kind, in the writer's order."""
    names = (
        sa.select(_TERM.c.name)
        .where(
            _LINK.c.account_id == _CONTENT.c.account_id,
            _LINK.c.content_id == _CONTENT.c.id,
            _TERM.c.account_id == _LINK.c.account_id,
            _TERM.c.id == _LINK.c.taxonomy_term_id,
            _TERM.c.kind == kind,
        )
        .order_by(_LINK.c.position)
        .correlate(_CONTENT)
    )
    return sa.func.array(names.scalar_subquery(), type_=ARRAY(sa.Text))


def content_count() -> sa.ColumnElement[int]:
    """Return the SQL for how many contents have a term, deleted ones left out."""
    return (
        sa.select(sa.func.count())
        .select_from(_LINK)
        .where(
            _LINK.c.account_id == _TERM.c.account_id,
            _LINK.c.taxonomy_term_id == _TERM.c.id,
            _CONTENT.c.account_id == _LINK.c.account_id,
            _CONTENT.c.id == _LINK.c.content_id,
            _CONTENT.c.delete_time.is_(None),
        )
        .correlate(_TERM)
        .scalar_subquery()
    )


def link(transaction: Transaction, content: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> None:
    """Give a content its terms, and make those that the site lacks.

    Args:
        transaction: the one that stores the content.
        content: its tenant's columns and id.
        names: by kind, in the writer's order.
    """
    wanted = [(kind, term_slug(name), name) for kind, listed in names.items() for name in listed]
    if not wanted:
        return
    place = {name: content[name] for name in ("account_id", "site_id", "sector_id")}
    # In one order everywhere: two contents that make the same terms wait for each other instead of dead-locking.
    rows = [{**place, "id": new_id(), "kind": kind, "slug": slug, "name": name} for kind, slug, name in sorted(wanted)]
    transaction.execute(insert(_TERM).values(rows).on_conflict_do_nothing())
    ids = _ids(transaction, [(kind, slug) for kind, slug, _ in wanted])
    links = [
        {**place, "id": new_id(), "content_id": content["id"], "taxonomy_term_id": ids[kind, slug], "position": place_}
        for place_, (kind, slug, _) in enumerate(wanted)
    ]
    transaction.execute(insert(ContentTaxonomyTerm).values(links).on_conflict_do_nothing())


def exists(transaction: Transaction, term_id: UUID) -> bool:
    """Return whether the site has a term."""
    return transaction.one(sa.select(_TERM.c.id).where(_TERM.c.id == term_id)) is not None


def _ids(transaction: Transaction, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    statement = sa.select(_TERM.c.kind, _TERM.c.slug, _TERM.c.id).where(sa.tuple_(_TERM.c.kind, _TERM.c.slug).in_(keys))
    return {(row.kind, row.slug): row.id for row in transaction.all(statement)}
