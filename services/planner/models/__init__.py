"""The planner's tables."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns, tenancy
from chassis.tenancy import AccountRow, Editable, SectorRow, SiteRow, SoftDeleted
from services.planner.domain import (
    CONTENT_STRUCTURES,
    CONTENT_TYPES,
    FREE_KEYWORDS_MAX,
    FREE_PLAN,
    Intent,
    ReclusteringStatus,
    Verdict,
)
from services.planner.models.base import Base, named, table
from services.planner.models.imports import ImportSkippedLine, KeywordImport
from services.planner.models.library import LibraryChange, LibraryChangeLine
from services.planner.models.meanings import KeywordMeaning
from services.planner.models.seeds import PrivateSeedKeyword, SeedCandidate, SeedKeyword, SeedKeywordLibrary

__all__ = [
    "CATALOGUE",
    "SECTOR_KEY",
    "AccountLimit",
    "Base",
    "Cluster",
    "ClusterContent",
    "ContentIdea",
    "ContentIdeaKeyword",
    "ImportSkippedLine",
    "Keyword",
    "KeywordImport",
    "KeywordMeaning",
    "LibraryChange",
    "LibraryChangeLine",
    "PrivateSeedKeyword",
    "Reclustering",
    "ReclusteringMove",
    "SeedCandidate",
    "SeedKeyword",
    "SeedKeywordLibrary",
    "SitePage",
    "applying",
    "applying_intent",
    "idea_keywords",
    "intent_source",
    "table",
]

SECTOR_KEY = ("account_id", "site_id", "sector_id", "id")
"""What a link inside one sector points at; foreign keys ignore row level security, so it names the whole tenant."""
CATALOGUE = frozenset({"seed_keyword", "library_change", "library_change_line"})
"""Tables of the platform that belong to no tenant."""


# In the lines that PostgreSQL prints, as Alembic compares them.
_VOLUME_ORDER = """(
CASE
    WHEN applying_volume IS NULL THEN '-9223372036854775808'::bigint
    ELSE applying_volume
END)"""


def _depends_on(seed: str) -> sa.TextClause:
    """Holds of the keywords that a figure of the library applies to, by the column that names it."""
    return sa.text(f"{seed} IS NOT NULL AND (volume IS NULL OR difficulty IS NULL)")


class Keyword(SectorRow, Editable, SoftDeleted, Base):
    """A keyword of a sector. `volume` and `difficulty` are the site's own; without them the library's apply.

    `applying_volume` and `applying_difficulty` are those that apply. Triggers keep them, also when the library changes.
    `intent` is what a file or a person said, `derived_intent` what the rules say; it applies where nobody did.
    """

    __tablename__ = "keyword"
    __table_args__ = (
        sa.UniqueConstraint(*SECTOR_KEY, name="keyword_sector_key"),
        sa.Index(
            "keyword_live_text_key",
            "account_id",
            "site_id",
            "sector_id",
            "normalised",
            unique=True,
            postgresql_where=sa.text("delete_time IS NULL"),
        ),
        sa.Index("keyword_cluster_idx", "account_id", "cluster_id", postgresql_where=sa.text("cluster_id IS NOT NULL")),
        sa.Index(  # as `chassis.paging` orders by a column that may be NULL
            "keyword_applying_volume_idx",
            *("account_id", sa.text(_VOLUME_ORDER), "id"),
            postgresql_where=sa.text("delete_time IS NULL"),
        ),
        sa.Index("keyword_seed_idx", "seed_keyword_id", postgresql_where=_depends_on("seed_keyword_id")),
        sa.Index(
            "keyword_private_seed_idx",
            *("account_id", "private_seed_keyword_id"),
            postgresql_where=_depends_on("private_seed_keyword_id"),
        ),
        sa.ForeignKeyConstraint(["seed_keyword_id"], ["seed_keyword.id"]),
        tenancy.within_account("private_seed_keyword", "private_seed_keyword_id"),
        tenancy.within_sector("cluster", "cluster_id"),
        sa.CheckConstraint("num_nonnulls(seed_keyword_id, private_seed_keyword_id) = 1", name="one_seed"),
        sa.CheckConstraint("volume >= 0", name="volume"),
        sa.CheckConstraint("difficulty BETWEEN 0 AND 100", name="difficulty"),
        columns.one_of("intent", *Intent),
        columns.one_of("derived_intent", *Intent),
    )

    seed_keyword_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    private_seed_keyword_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    cluster_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    status: Mapped[str] = mapped_column(
        sa.Text, sa.Computed("CASE WHEN cluster_id IS NULL THEN 'new' ELSE 'mapped' END", persisted=True)
    )
    disabled: Mapped[bool] = columns.flag(default=False)
    text: Mapped[str] = columns.text(default=None)
    normalised: Mapped[str] = columns.text(default=None)
    volume: Mapped[int | None] = mapped_column(sa.BigInteger)
    difficulty: Mapped[float | None] = mapped_column(sa.Double)
    applying_volume: Mapped[int | None] = mapped_column(sa.BigInteger)
    applying_difficulty: Mapped[float | None] = mapped_column(sa.Double)
    intent: Mapped[str | None] = mapped_column(sa.Text)
    derived_intent: Mapped[str | None] = mapped_column(sa.Text)
    country: Mapped[str] = columns.text()
    cpc_micros: Mapped[int | None] = mapped_column(sa.BigInteger)
    cpc_currency: Mapped[str] = columns.text()
    competition: Mapped[float | None] = mapped_column(sa.Double)
    impressions: Mapped[int | None] = mapped_column(sa.BigInteger)
    clicks: Mapped[int | None] = mapped_column(sa.BigInteger)
    position: Mapped[float | None] = mapped_column(sa.Double)
    parent_keyword: Mapped[str] = columns.text()
    url: Mapped[str] = columns.text()
    attributes: Mapped[dict[str, Any]] = columns.json_object()
    placed_by: Mapped[str] = columns.text()  # who decided its cluster; no later run moves it then


class Cluster(SectorRow, Editable, SoftDeleted, Base):
    """Keywords that belong on the same pages. Triggers keep its sums, so that a list is ordered by them from rows."""

    __tablename__ = "cluster"
    __table_args__ = (
        sa.UniqueConstraint(*SECTOR_KEY, name="cluster_sector_key"),
        sa.Index(
            "cluster_live_name_key",
            *("account_id", "site_id", "sector_id", sa.text("lower(name)")),
            unique=True,
            postgresql_where=sa.text("delete_time IS NULL"),
        ),
        sa.Index("cluster_volume_idx", "account_id", "site_id", "volume"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id", "primary_keyword_id"],
            [f"keyword.{name}" for name in SECTOR_KEY],
            name="cluster_primary_keyword_fkey",
            use_alter=True,  # cluster and keyword point at each other
        ),
        tenancy.within_sector("cluster", "merged_into_id"),
        columns.one_of("status", "new", "mapped"),
    )

    name: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text()
    primary_keyword_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    keyword_count: Mapped[int] = columns.whole()
    volume: Mapped[int] = columns.whole()
    difficulty: Mapped[float | None] = mapped_column(sa.Double)
    informational_count: Mapped[int] = columns.whole()
    navigational_count: Mapped[int] = columns.whole()
    commercial_count: Mapped[int] = columns.whole()
    transactional_count: Mapped[int] = columns.whole()
    idea_count: Mapped[int] = columns.whole()
    content_count: Mapped[int] = columns.whole()
    planned_count: Mapped[int] = columns.whole()  # of its keywords, those that it had when it last got ideas
    status: Mapped[str] = mapped_column(sa.Text, nullable=False, server_default="new")
    disabled: Mapped[bool] = columns.flag(default=False)
    name_given: Mapped[bool] = columns.flag(default=False)  # by a person; no later run renames it then
    merged_into_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)


class ClusterContent(SectorRow, Base):
    """A content that is mapped to a cluster, counted there by a trigger. Its id is the content's."""

    __tablename__ = "cluster_content"
    __table_args__ = (
        tenancy.within_sector("cluster", "cluster_id"),
        sa.Index("cluster_content_cluster_idx", "account_id", "cluster_id"),
    )

    cluster_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)


class Reclustering(SectorRow, Editable, Base):
    """What clustering a sector again would change; its moves are rows of their own. It takes effect when applied."""

    __tablename__ = "reclustering"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "site_id", "id", name="reclustering_site_key"),
        columns.one_of("status", *ReclusteringStatus),
    )

    status: Mapped[str] = mapped_column(sa.Text, nullable=False, server_default="proposed")
    granularity: Mapped[float] = mapped_column(sa.Double, nullable=False)
    keyword_count: Mapped[int] = columns.whole()
    cluster_count: Mapped[int] = columns.whole()
    moved_count: Mapped[int] = columns.whole()
    joined_count: Mapped[int] = columns.whole()
    created_count: Mapped[int] = columns.whole()
    split_count: Mapped[int] = columns.whole()
    merged_count: Mapped[int] = columns.whole()
    emptied_count: Mapped[int] = columns.whole()
    skipped_count: Mapped[int] = columns.whole()
    changes: Mapped[list[Any]] = mapped_column(JSONB, nullable=False, server_default=sa.text("'[]'::jsonb"))
    homes: Mapped[dict[str, Any]] = columns.json_object()  # emptied cluster -> the one that has most of it
    names: Mapped[dict[str, Any]] = columns.json_object()  # cluster -> the name that fits it now
    applied_by: Mapped[str] = columns.text()
    apply_time: Mapped[datetime | None] = columns.instant_or_none()
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)


class ReclusteringMove(SiteRow, Base):
    """A keyword that a reclustering puts elsewhere; `from_cluster_id` is NULL for one that had no cluster."""

    __tablename__ = "reclustering_move"
    __table_args__ = (
        tenancy.within_site("reclustering", "reclustering_id"),
        sa.Index("reclustering_move_reclustering_idx", "account_id", "reclustering_id", "id"),
    )

    reclustering_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    keyword_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    keyword: Mapped[str] = columns.text(default=None)
    from_cluster_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    from_name: Mapped[str] = columns.text()
    to_cluster_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    to_name: Mapped[str] = columns.text(default=None)


class ContentIdea(SectorRow, Editable, SoftDeleted, Base):
    """Something worth writing, with where it came from."""

    __tablename__ = "content_idea"
    __table_args__ = (
        sa.UniqueConstraint(*SECTOR_KEY, name="content_idea_sector_key"),
        sa.Index("content_idea_cluster_idx", "account_id", "cluster_id"),
        sa.Index("content_idea_title_idx", "account_id", "site_id", sa.text("lower(title)")),
        sa.Index(
            "content_idea_subject_idx",
            *("account_id", "site_id", "subject"),
            postgresql_where=sa.text("delete_time IS NULL"),
        ),
        sa.Index(
            "content_idea_content_idx",
            "account_id",
            "content_id",
            postgresql_where=sa.text("content_id IS NOT NULL"),
        ),
        tenancy.within_sector("cluster", "cluster_id"),
        columns.one_of("content_type", *CONTENT_TYPES),
        columns.one_of("content_structure", *CONTENT_STRUCTURES),
        columns.one_of("status", "new", "queued", "completed"),
        sa.CheckConstraint("estimated_word_count >= 0", name="estimated_word_count"),
        columns.one_of("verdict", *Verdict),
        sa.CheckConstraint("overlap_score BETWEEN 0 AND 1", name="overlap_score"),
        sa.CheckConstraint("(overruled_by = '') = (overrule_time IS NULL)", name="overrule_time"),
    )

    cluster_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    title: Mapped[str] = columns.text(default=None)
    content_type: Mapped[str] = mapped_column(sa.Text, nullable=False, server_default="post")
    content_structure: Mapped[str] = mapped_column(sa.Text, nullable=False, server_default="article")
    primary_keyword: Mapped[str] = columns.text()
    audience: Mapped[str] = columns.text()
    tone: Mapped[str] = columns.text()
    estimated_word_count: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")
    brief: Mapped[str] = columns.text()
    call_to_action: Mapped[str] = columns.text()
    outline: Mapped[list[Any]] = mapped_column(JSONB, nullable=False, server_default=sa.text("'[]'::jsonb"))
    language: Mapped[str] = columns.text()
    priority: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")
    assigned_user_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    needs_review: Mapped[bool] = columns.flag(default=False)
    status: Mapped[str] = mapped_column(sa.Text, nullable=False, server_default="new")
    disabled: Mapped[bool] = columns.flag(default=False)
    content_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    published_url: Mapped[str] = columns.text()
    subject: Mapped[str] = columns.text()  # of its primary keyword, see `overlap.subject`
    verdict: Mapped[str] = columns.text(default="write")
    overlap_score: Mapped[float] = mapped_column(sa.Double, nullable=False, server_default="0")
    overlap_reason: Mapped[str] = columns.text()
    overlap_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    overlap_title: Mapped[str] = columns.text()
    overlap_url: Mapped[str] = columns.text()
    overruled_by: Mapped[str] = columns.text()
    overrule_reason: Mapped[str] = columns.text()
    overrule_time: Mapped[datetime | None] = columns.instant_or_none()
    provider: Mapped[str] = columns.text()
    provenance: Mapped[dict[str, Any]] = columns.json_object()
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    run_id: Mapped[UUID | None] = mapped_column(sa.Uuid)


class SitePage(SiteRow, Base):
    """A content of the site that no idea led to: what ideas are compared with beside each other. Its id is the
    content's."""

    __tablename__ = "site_page"
    __table_args__ = (sa.Index("site_page_subject_idx", "account_id", "site_id", "subject"),)

    title: Mapped[str] = columns.text(default=None)
    subject: Mapped[str] = columns.text(default=None)
    url: Mapped[str] = columns.text()


class ContentIdeaKeyword(Base):
    """Which keywords an idea covers, the first being the one it aims at."""

    __tablename__ = "content_idea_keyword"
    __table_args__ = (
        named("content_idea_keyword_idea_fkey", tenancy.within_sector("content_idea", "content_idea_id")),
        named("content_idea_keyword_keyword_fkey", tenancy.within_sector("keyword", "keyword_id")),
        sa.Index("content_idea_keyword_keyword_idx", "account_id", "keyword_id"),
    )
    tenant_key: ClassVar[tuple[str, ...]] = SectorRow.tenant_key

    account_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    content_idea_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    keyword_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    site_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    sector_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    position: Mapped[int] = mapped_column(sa.Integer, nullable=False)


class AccountLimit(Base):
    """How many keywords an account may have, and has; the row is what everybody who adds some queues at.

    A trigger counts: a passport sees one site's keywords, so nobody could count the account's.
    """

    __tablename__ = "account_limit"
    tenant_key: ClassVar[tuple[str, ...]] = AccountRow.tenant_key

    account_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    plan: Mapped[str] = mapped_column(sa.Text, nullable=False, server_default=FREE_PLAN)
    max_keywords: Mapped[int] = mapped_column(sa.BigInteger, nullable=False, server_default=str(FREE_KEYWORDS_MAX))
    keyword_count: Mapped[int] = columns.whole()


def applying(figure: str) -> sa.ColumnElement[Any]:
    """Return a keyword's own figure ("volume", "difficulty"), or the library's where the site has none."""
    column: sa.ColumnElement[Any] = Keyword.__table__.c[f"applying_{figure}"]
    return column


def applying_intent() -> sa.ColumnElement[Any]:
    """Return what a keyword's searcher wants: as given, else as the rules say, else NULL."""
    keyword = Keyword.__table__
    return sa.func.coalesce(keyword.c.intent, keyword.c.derived_intent)


def intent_source() -> sa.ColumnElement[Any]:
    """Return where the intent that applies comes from: "given", "derived", or NULL where there is none."""
    keyword = Keyword.__table__
    return sa.case(
        (keyword.c.intent.is_not(None), "given"), (keyword.c.derived_intent.is_not(None), "derived"), else_=None
    )


def idea_keywords() -> sa.ColumnElement[Any]:
    """Return the texts of an idea's keywords, the one it aims at first."""
    idea, link, keyword = ContentIdea.__table__, ContentIdeaKeyword.__table__, Keyword.__table__
    texts = sa.select(sa.func.array_agg(aggregate_order_by(keyword.c.text, link.c.position), type_=ARRAY(sa.Text)))
    joined = texts.select_from(
        link.join(keyword, (keyword.c.account_id == link.c.account_id) & (keyword.c.id == link.c.keyword_id))
    )
    mine = joined.where(link.c.account_id == idea.c.account_id, link.c.content_idea_id == idea.c.id)
    return mine.correlate(idea).scalar_subquery()
