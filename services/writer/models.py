"""The writer's tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns, idempotency, outbox, tenancy, work
from chassis.tenancy import Editable, SectorRow, SoftDeleted, TenantBase, within_sector, within_site
from services.writer.domain import terms

CATALOGUE: frozenset[str] = frozenset()  # the writer has no table without a tenant
_SECTOR = ("account_id", "site_id", "sector_id")
_ALIVE = sa.text("delete_time IS NULL")


class Base(TenantBase):
    """Base of the writer's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)
work.add_table(Base.metadata)


class Task(SectorRow, Editable, SoftDeleted, Base):
    """Something to be written; an idea makes one task, ever."""

    __tablename__ = "task"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "site_id", "content_idea_id"),
        sa.UniqueConstraint(*_SECTOR, "id"),
        within_site("taxonomy_term", "taxonomy_term_id"),
        columns.one_of("content_type", *terms.CONTENT_TYPES),
        columns.one_of("content_structure", *terms.CONTENT_STRUCTURES),
        columns.one_of("status", *terms.TASK_STATUSES),
        sa.CheckConstraint("target_word_count > 0", name="target_word_count"),
        sa.Index(
            "task_queue_idx",
            "account_id",
            "site_id",
            "id",
            postgresql_where=sa.text("status = 'queued' AND NOT disabled AND delete_time IS NULL"),
        ),
    )

    cluster_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)  # the planner's, as is the idea
    content_idea_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    taxonomy_term_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    title: Mapped[str] = columns.text(default=None)
    content_type: Mapped[str] = columns.text(default="post")
    content_structure: Mapped[str] = columns.text(default="article")
    primary_keyword: Mapped[str] = columns.text()
    keywords: Mapped[list[str]] = columns.texts()
    target_word_count: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="1000")
    audience: Mapped[str] = columns.text()
    tone: Mapped[str] = columns.text()
    brief: Mapped[str] = columns.text()
    outline: Mapped[list[Any]] = mapped_column(JSONB, nullable=False, server_default=sa.text("'[]'"))
    language: Mapped[str] = columns.text()
    prompt_override: Mapped[str] = columns.text()
    status: Mapped[str] = columns.text(default="queued")
    error: Mapped[str] = columns.text()
    disabled: Mapped[bool] = columns.flag(default=False)
    # The step that last prepared it: a step that was given up late must not touch what another one has begun.
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)


class Content(SectorRow, Editable, SoftDeleted, Base):
    """Something written or imported."""

    __tablename__ = "content"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "site_id", "id"),
        sa.UniqueConstraint(*_SECTOR, "id"),
        within_sector("task", "task_id"),
        columns.one_of("content_type", *terms.CONTENT_TYPES),
        columns.one_of("content_structure", *terms.CONTENT_STRUCTURES),
        columns.one_of("status", *terms.CONTENT_STATUSES),
        columns.one_of("source", *terms.CONTENT_SOURCES),
        columns.one_of("sync_status", *terms.SYNC_STATUSES),
        sa.Index("content_slug_key", "account_id", "site_id", "slug", unique=True, postgresql_where=_ALIVE),
        sa.Index("content_task_key", "account_id", "task_id", unique=True, postgresql_where=_ALIVE),
        # Not unique: a destination that is set up anew counts its ids from 1 again.
        sa.Index(
            "content_external_idx",
            "account_id",
            "site_id",
            "external_id",
            postgresql_where=sa.text("external_id <> ''"),
        ),
        sa.Index("content_status_idx", "account_id", "site_id", "status", "id", postgresql_where=_ALIVE),
    )

    task_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    cluster_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    title: Mapped[str] = columns.text(default=None)
    slug: Mapped[str] = columns.text(default=None)
    html: Mapped[str] = columns.text()
    word_count: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")
    excerpt: Mapped[str] = columns.text()
    meta_title: Mapped[str] = columns.text()
    meta_description: Mapped[str] = columns.text()
    primary_keyword: Mapped[str] = columns.text()
    secondary_keywords: Mapped[list[str]] = columns.texts()
    content_type: Mapped[str] = columns.text(default="post")
    content_structure: Mapped[str] = columns.text(default="article")
    status: Mapped[str] = columns.text(default="draft")
    source: Mapped[str] = columns.text(default="igny8")
    provider: Mapped[str] = columns.text()
    model: Mapped[str] = columns.text()
    sync_status: Mapped[str] = columns.text(default="native")
    external_platform: Mapped[str] = columns.text()
    external_id: Mapped[str] = columns.text()
    external_url: Mapped[str] = columns.text()
    external_metadata: Mapped[dict[str, Any]] = columns.json_object()
    # When the newest publication that was heard of became true: an older one that comes late changes nothing.
    publish_time: Mapped[datetime | None] = columns.instant_or_none()


class ContentRevision(SectorRow, Base):
    """What a content's title and text were before a change."""

    __tablename__ = "content_revision"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "content_id", "number"),
        within_sector("content", "content_id"),
    )

    content_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    number: Mapped[int] = mapped_column(sa.BigInteger, nullable=False)  # the content's revision that it was
    title: Mapped[str] = columns.text(default=None)
    html: Mapped[str] = columns.text(default=None)
    word_count: Mapped[int] = mapped_column(sa.Integer, nullable=False)
    replaced_by: Mapped[str] = columns.text()  # who changed it: "user:0197...", "api_key:..."


class TaxonomyTerm(SectorRow, Base):
    """A category, tag or attribute of the site."""

    __tablename__ = "taxonomy_term"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "site_id", "id"),
        sa.UniqueConstraint("account_id", "site_id", "kind", "slug"),
        columns.one_of("kind", *terms.TERM_KINDS),
        columns.one_of("sync_status", *terms.SYNC_STATUSES),
        sa.Index(
            "taxonomy_term_external_key",
            "account_id",
            "site_id",
            "external_taxonomy",
            "external_id",
            unique=True,
            postgresql_where=sa.text("external_id <> ''"),
        ),
    )

    name: Mapped[str] = columns.text(default=None)
    slug: Mapped[str] = columns.text(default=None)
    kind: Mapped[str] = columns.text(default=None)
    description: Mapped[str] = columns.text()
    external_taxonomy: Mapped[str] = columns.text()
    external_id: Mapped[str] = columns.text()
    external_count: Mapped[int] = columns.whole()
    external_metadata: Mapped[dict[str, Any]] = columns.json_object()
    sync_status: Mapped[str] = columns.text(default="native")
    update_time: Mapped[datetime] = mapped_column(
        sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
    )


class ContentTaxonomyTerm(SectorRow, Base):
    """A content has a term; terms belong to the site, so a content of any of its sectors may."""

    __tablename__ = "content_taxonomy_term"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "content_id", "taxonomy_term_id", name="content_taxonomy_term_pair_key"),
        within_sector("content", "content_id"),
        within_site("taxonomy_term", "taxonomy_term_id"),
        sa.Index("content_taxonomy_term_term_idx", "account_id", "taxonomy_term_id"),
    )

    content_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    taxonomy_term_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    position: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")  # the writer's own order


class Image(SectorRow, Editable, SoftDeleted, Base):
    """A picture of a content, or of a task before it is written."""

    __tablename__ = "image"
    __table_args__ = (
        within_sector("content", "content_id"),
        within_sector("task", "task_id"),
        columns.one_of("kind", *terms.IMAGE_KINDS),
        columns.one_of("status", *terms.IMAGE_STATUSES),
        sa.CheckConstraint("num_nonnulls(content_id, task_id) >= 1", name="parent"),
        sa.CheckConstraint("position >= 0", name="position"),
        sa.Index(
            "image_place_key", "account_id", "content_id", "kind", "position", unique=True, postgresql_where=_ALIVE
        ),
        sa.Index("image_content_id_idx", "account_id", "content_id"),
        sa.Index(
            "image_queue_idx",
            "account_id",
            "site_id",
            "id",
            postgresql_where=sa.text("status = 'pending' AND delete_time IS NULL"),
        ),
    )

    content_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    task_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    kind: Mapped[str] = columns.text(default=None)
    position: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")
    prompt: Mapped[str] = columns.text()
    alt_text: Mapped[str] = columns.text()
    status: Mapped[str] = columns.text(default="pending")
    object_key: Mapped[str] = columns.text()
    url: Mapped[str] = columns.text()  # of an imported picture, which is not in the object store
    mime_type: Mapped[str] = columns.text()
    width: Mapped[int | None] = mapped_column(sa.Integer)
    height: Mapped[int | None] = mapped_column(sa.Integer)
    provider: Mapped[str] = columns.text()
    model: Mapped[str] = columns.text()
    error: Mapped[str] = columns.text()


class ContentClusterMapping(SectorRow, Base):
    """A content's or task's place among the clusters."""

    __tablename__ = "content_cluster_mapping"
    __table_args__ = (
        sa.UniqueConstraint(
            "account_id", "content_id", "cluster_id", "role", name="content_cluster_mapping_content_key"
        ),
        sa.UniqueConstraint("account_id", "task_id", "cluster_id", "role", name="content_cluster_mapping_task_key"),
        within_sector("content", "content_id"),
        within_sector("task", "task_id"),
        columns.one_of("role", *terms.CLUSTER_ROLES),
        columns.one_of("source", *terms.MAPPING_SOURCES),
        sa.CheckConstraint("num_nonnulls(content_id, task_id) = 1", name="parent"),
        sa.Index("content_cluster_mapping_cluster_idx", "account_id", "site_id", "cluster_id"),
    )

    content_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    task_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    cluster_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    role: Mapped[str] = columns.text(default=None)
    source: Mapped[str] = columns.text(default=None)


class ContentAttribute(SectorRow, Editable, Base):
    """An attribute of a content, task or cluster: what a product is, how a service differs, what a text is about."""

    __tablename__ = "content_attribute"
    __table_args__ = (
        within_sector("content", "content_id"),
        within_sector("task", "task_id"),
        columns.one_of("kind", *terms.ATTRIBUTE_KINDS),
        columns.one_of("source", *terms.MAPPING_SOURCES),
        sa.CheckConstraint("num_nonnulls(content_id, task_id, cluster_id) >= 1", name="parent"),
        sa.Index("content_attribute_content_idx", "account_id", "content_id"),
    )

    content_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    task_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    cluster_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    kind: Mapped[str] = columns.text(default=None)
    name: Mapped[str] = columns.text(default=None)
    value: Mapped[str] = columns.text()
    source: Mapped[str] = columns.text(default="manual")
    external_id: Mapped[str] = columns.text()
    external_attribute: Mapped[str] = columns.text()
    attribute_metadata: Mapped[dict[str, Any]] = columns.json_object()


class OptimizationTask(SectorRow, Editable, Base):
    """A content made better: its scores and text before and after. What it cost stands under its step, in billing."""

    __tablename__ = "optimization_task"
    __table_args__ = (
        within_sector("content", "content_id"),
        columns.one_of("status", *terms.OPTIMIZATION_STATUSES),
        sa.Index("optimization_task_content_idx", "account_id", "content_id"),
    )

    content_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    status: Mapped[str] = columns.text(default="pending")
    scores_before: Mapped[dict[str, Any]] = columns.json_object()
    scores_after: Mapped[dict[str, Any]] = columns.json_object()
    html_before: Mapped[str] = columns.text()
    html_after: Mapped[str] = columns.text()
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    error: Mapped[str] = columns.text()
    task_metadata: Mapped[dict[str, Any]] = columns.json_object()


class LinkSuggestion(SectorRow, Editable, Base):
    """A link that one content could have to another of the site."""

    __tablename__ = "link_suggestion"
    __table_args__ = (
        sa.UniqueConstraint(
            "account_id", "content_id", "target_content_id", "anchor_text", name="link_suggestion_link_key"
        ),
        within_sector("content", "content_id"),
        within_site("content", "target_content_id"),
        columns.one_of("status", *terms.LINK_STATUSES),
        sa.CheckConstraint("content_id <> target_content_id", name="target"),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        sa.Index("link_suggestion_target_idx", "account_id", "target_content_id"),
    )

    content_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    target_content_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    anchor_text: Mapped[str] = columns.text(default=None)
    passage: Mapped[str] = columns.text()
    confidence: Mapped[float] = mapped_column(sa.Double, nullable=False, server_default="0")
    status: Mapped[str] = columns.text(default="suggested")


class Provenance(SectorRow, Base):
    """Where an artefact came from: the model's call that it was made of."""

    __tablename__ = "provenance"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "step_id", "artefact_id"),
        sa.CheckConstraint("artefact_kind IN ('content', 'image')", name="artefact_kind"),
        sa.Index("provenance_artefact_idx", "account_id", "artefact_id"),
    )

    artefact_kind: Mapped[str] = columns.text(default=None)
    artefact_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    function: Mapped[str] = columns.text(default=None)
    step_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    run_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    call_id: Mapped[str] = columns.text()
    provider: Mapped[str] = columns.text()
    model: Mapped[str] = columns.text()
    template: Mapped[str] = columns.text()
    template_version: Mapped[str] = columns.text()
    input_tokens: Mapped[int] = columns.whole()
    output_tokens: Mapped[int] = columns.whole()
