"""The pages that an idea may be like, and what is written down of comparing it with them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Row

from chassis.database import Transaction
from services.planner.models import ContentIdea, SitePage, table
from services.planner.overlap import Overlap, Page

IDEA, PAGE = table(ContentIdea), table(SitePage)

# What is neither written nor to be written competes with nothing. Every look-up is one by a key that an index has.
_LIKE = sa.text(
    """
    SELECT i.id, i.content_id, i.title, i.subject, i.published_url AS url, ARRAY(
        SELECT k.keyword_id FROM content_idea_keyword k
        WHERE k.account_id = i.account_id AND k.content_idea_id = i.id
    ) AS covered
    FROM content_idea i
    WHERE i.account_id = :account AND i.site_id = :site AND i.delete_time IS NULL
        AND (i.content_id IS NOT NULL OR (i.verdict = 'write' AND NOT i.disabled))
        AND (i.subject = ANY(:subjects) OR i.id IN (
            SELECT k.content_idea_id FROM content_idea_keyword k
            WHERE k.account_id = :account AND k.keyword_id = ANY(:keywords)
        ))
    UNION ALL
    SELECT p.id, p.id, p.title, p.subject, p.url, '{}' FROM site_page p
    WHERE p.account_id = :account AND p.site_id = :site AND p.subject = ANY(:subjects)
    """
).bindparams(
    sa.bindparam("account", type_=sa.Uuid),
    sa.bindparam("site", type_=sa.Uuid),
    sa.bindparam("subjects", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("keywords", type_=sa.ARRAY(sa.Uuid)),
)
_OPEN = sa.text(
    """
    SELECT i.id, i.site_id, i.subject, ARRAY(
        SELECT k.keyword_id FROM content_idea_keyword k
        WHERE k.account_id = i.account_id AND k.content_idea_id = i.id
    ) AS covered
    FROM content_idea i
    WHERE i.account_id = :account AND i.site_id = :site AND i.subject = :subject AND i.delete_time IS NULL
        AND i.status = 'new' AND i.overruled_by = ''
    ORDER BY i.id FOR UPDATE
    """
).bindparams(sa.bindparam("account", type_=sa.Uuid), sa.bindparam("site", type_=sa.Uuid))
# The page is of a site that the planner knows, or it is no matter yet: nothing is planned there.
_REMEMBER = sa.text(
    "INSERT INTO site_page (account_id, site_id, id, title, subject)"
    " SELECT account_id, site_id, :id, :title, :subject FROM site_ref WHERE account_id = :account AND site_id = :site"
    " ON CONFLICT (account_id, id) DO NOTHING"
).bindparams(*(sa.bindparam(name, type_=sa.Uuid) for name in ("account", "site", "id")))


def like(
    transaction: Transaction, site_id: UUID, subjects: Collection[str], keyword_ids: Collection[UUID]
) -> list[tuple[UUID, Page]]:
    """Return the pages of a site, with the ids of their rows, that have one of these subjects or keywords."""
    scope = {"account": transaction.tenant.account_id, "site": site_id}
    values = scope | {"subjects": list(subjects), "keywords": list(keyword_ids)}
    return [(row.id, _page(row)) for row in transaction.all(_LIKE, values)]


def open_ideas(transaction: Transaction, site_id: UUID, subject: str) -> Sequence[Row[Any]]:
    """Lock and return the ideas of a subject of which nothing is made and nobody has decided; in one order."""
    values = {"account": transaction.tenant.account_id, "site": site_id, "subject": subject}
    return transaction.all(_OPEN, values)


def remember_page(transaction: Transaction, site_id: UUID, content_id: UUID, title: str, subject: str) -> None:
    """Know of a content that no idea led to."""
    values = {"account": transaction.tenant.account_id, "site": site_id, "id": content_id}
    transaction.execute(_REMEMBER, values | {"title": title, "subject": subject})


def place_page(transaction: Transaction, content_id: UUID, url: str) -> None:
    """Say where a content that no idea led to is found."""
    mine = (PAGE.c.account_id == transaction.tenant.account_id, PAGE.c.id == content_id)
    transaction.execute(sa.update(PAGE).where(*mine).values(url=url))


def write(transaction: Transaction, idea_id: UUID, values: Mapping[str, Any]) -> None:
    """Change what is written down of an idea's comparison."""
    stamps = {"revision": IDEA.c.revision + 1, "update_time": sa.func.now()}
    mine = (IDEA.c.account_id == transaction.tenant.account_id, IDEA.c.id == idea_id)
    transaction.execute(sa.update(IDEA).where(*mine).values({**values, **stamps}))


def locked(transaction: Transaction, idea_id: UUID) -> Row[Any] | None:
    """Lock and return a live idea of the site, or None."""
    tenant = transaction.tenant
    mine = (IDEA.c.account_id == tenant.account_id, IDEA.c.site_id == tenant.site_id, IDEA.c.id == idea_id)
    return transaction.one(sa.select(IDEA).where(*mine, IDEA.c.delete_time.is_(None)).with_for_update())


def columns(overlap: Overlap) -> dict[str, Any]:
    """Return a comparison as column values of an idea."""
    page = overlap.page
    return {
        "verdict": overlap.verdict,
        "overlap_score": overlap.score,
        "overlap_reason": overlap.reason,
        "overlap_id": page.id if page else None,
        "overlap_title": page.title if page else "",
        "overlap_url": page.url if page else "",
    }


def _page(row: Row[Any]) -> Page:
    written = row.content_id is not None
    return Page(row.content_id or row.id, row.title, row.subject, frozenset(row.covered), written, row.url)
