"""All tables of the writer."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis import baseline, migrate, tenancy
from chassis.tenancy import within_sector, within_site

revision = "0001"
down_revision = None
_SECTOR = ("account_id", "site_id", "sector_id")
_STRUCTURES = (
    "article guide comparison review listicle landing_page business_page service_page general cluster_hub"
    " product_page category_archive tag_archive attribute_archive"
)
_REWRITTEN = (
    "taxonomy_term task content content_taxonomy_term image"
    " content_cluster_mapping content_attribute optimization_task link_suggestion"
)


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    baseline.create(op, app, sweep, functions=True)
    _taxonomy_term()
    _task()
    _content()
    _content_revision()
    _content_taxonomy_term()
    _image()
    _content_cluster_mapping()
    _content_attribute()
    _optimization_task()
    _link_suggestion()
    _provenance()
    for table in _REWRITTEN.split():
        tenancy.protect(op, table, app, "site")
    for table in ("content_revision", "provenance"):  # what was, and where it came from, is never rewritten
        tenancy.protect(op, table, app, "site", grants="SELECT, INSERT")


def downgrade() -> None:
    raise NotImplementedError("A schema is not taken back: restore the backup that was made before the migration.")


def _sector_table(name: str, *parts: Any) -> None:
    op.create_table(
        name,
        *[_id(column) for column in ("account_id", "id", "site_id", "sector_id")],
        *parts,
        _now("create_time"),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sa.ForeignKeyConstraint(_SECTOR, [f"sector_ref.{column}" for column in _SECTOR]),
    )


def _required(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _text(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text, server_default=default, nullable=False)


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid, nullable=False)


def _object(name: str) -> sa.Column[Any]:
    return sa.Column(name, JSONB, server_default=sa.text("'{}'"), nullable=False)


def _one_of(table: str, column: str, values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values.split())
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{table}_{column}_check")


def _index(name: str, table: str, columns: str, *, unique: bool = False, where: str | None = None) -> None:
    op.create_index(name, table, columns.split(), unique=unique, postgresql_where=where and sa.text(where))


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _taxonomy_term() -> None:
    _sector_table(
        "taxonomy_term",
        *map(_required, ("name", "slug", "kind")),
        *map(_text, ("description", "external_taxonomy", "external_id")),
        sa.Column("external_count", sa.BigInteger, server_default="0", nullable=False),
        _object("external_metadata"),
        _text("sync_status", "native"),
        _now("update_time"),
        _one_of("taxonomy_term", "kind", "category tag attribute"),
        _one_of("taxonomy_term", "sync_status", "native imported synced"),
        sa.UniqueConstraint("account_id", "site_id", "id"),
        sa.UniqueConstraint("account_id", "site_id", "kind", "slug"),
    )
    _index(
        "taxonomy_term_external_key",
        "taxonomy_term",
        "account_id site_id external_taxonomy external_id",
        unique=True,
        where="external_id <> ''",
    )


def _task() -> None:
    _sector_table(
        "task",
        _id("cluster_id"),
        sa.Column("content_idea_id", sa.Uuid),
        sa.Column("taxonomy_term_id", sa.Uuid),
        _required("title"),
        _text("content_type", "post"),
        _text("content_structure", "article"),
        _text("primary_keyword"),
        sa.Column("keywords", ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("target_word_count", sa.Integer, server_default="1000", nullable=False),
        *map(_text, ("audience", "tone", "brief")),
        sa.Column("outline", JSONB, server_default=sa.text("'[]'"), nullable=False),
        *map(_text, ("language", "prompt_override")),
        _text("status", "queued"),
        _text("error"),
        sa.Column("disabled", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("step_id", sa.Uuid),
        _now("update_time"),
        sa.Column("delete_time", sa.DateTime(timezone=True)),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("1"), nullable=False),
        _one_of("task", "content_structure", _STRUCTURES),
        _one_of("task", "content_type", "post page product taxonomy"),
        _one_of("task", "status", "queued running completed failed"),
        sa.CheckConstraint("target_word_count > 0", name="task_target_word_count_check"),
        within_site("taxonomy_term", "taxonomy_term_id"),
        sa.UniqueConstraint("account_id", "site_id", "content_idea_id"),
        sa.UniqueConstraint("account_id", "site_id", "sector_id", "id"),
    )
    _index(
        "task_queue_idx",
        "task",
        "account_id site_id id",
        where="status = 'queued' AND NOT disabled AND delete_time IS NULL",
    )


def _content() -> None:
    _sector_table(
        "content",
        sa.Column("task_id", sa.Uuid),
        sa.Column("cluster_id", sa.Uuid),
        *map(_required, ("title", "slug")),
        _text("html"),
        sa.Column("word_count", sa.Integer, server_default="0", nullable=False),
        *map(_text, ("excerpt", "meta_title", "meta_description", "primary_keyword")),
        sa.Column("secondary_keywords", ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False),
        _text("content_type", "post"),
        _text("content_structure", "article"),
        _text("status", "draft"),
        _text("source", "igny8"),
        *map(_text, ("provider", "model")),
        _text("sync_status", "native"),
        *map(_text, ("external_platform", "external_id", "external_url")),
        _object("external_metadata"),
        sa.Column("publish_time", sa.DateTime(timezone=True)),
        _now("update_time"),
        sa.Column("delete_time", sa.DateTime(timezone=True)),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("1"), nullable=False),
        _one_of("content", "content_structure", _STRUCTURES),
        _one_of("content", "content_type", "post page product taxonomy"),
        _one_of("content", "source", "igny8 wordpress shopify manual"),
        _one_of("content", "status", "draft review approved published"),
        _one_of("content", "sync_status", "native imported synced"),
        within_sector("task", "task_id"),
        sa.UniqueConstraint("account_id", "site_id", "id"),
        sa.UniqueConstraint("account_id", "site_id", "sector_id", "id"),
    )
    _index("content_external_idx", "content", "account_id site_id external_id", where="external_id <> ''")
    _index("content_slug_key", "content", "account_id site_id slug", unique=True, where="delete_time IS NULL")
    _index("content_status_idx", "content", "account_id site_id status id", where="delete_time IS NULL")
    _index("content_task_key", "content", "account_id task_id", unique=True, where="delete_time IS NULL")


def _content_revision() -> None:
    _sector_table(
        "content_revision",
        _id("content_id"),
        sa.Column("number", sa.BigInteger, nullable=False),
        *map(_required, ("title", "html")),
        sa.Column("word_count", sa.Integer, nullable=False),
        _text("replaced_by"),
        within_sector("content", "content_id"),
        sa.UniqueConstraint("account_id", "content_id", "number"),
    )


def _content_taxonomy_term() -> None:
    _sector_table(
        "content_taxonomy_term",
        *map(_id, ("content_id", "taxonomy_term_id")),
        sa.Column("position", sa.Integer, server_default="0", nullable=False),
        within_sector("content", "content_id"),
        within_site("taxonomy_term", "taxonomy_term_id"),
        sa.UniqueConstraint("account_id", "content_id", "taxonomy_term_id", name="content_taxonomy_term_pair_key"),
    )
    _index("content_taxonomy_term_term_idx", "content_taxonomy_term", "account_id taxonomy_term_id")


def _image() -> None:
    _sector_table(
        "image",
        sa.Column("content_id", sa.Uuid),
        sa.Column("task_id", sa.Uuid),
        _required("kind"),
        sa.Column("position", sa.Integer, server_default="0", nullable=False),
        *map(_text, ("prompt", "alt_text")),
        _text("status", "pending"),
        *map(_text, ("object_key", "url", "mime_type")),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        *map(_text, ("provider", "model", "error")),
        _now("update_time"),
        sa.Column("delete_time", sa.DateTime(timezone=True)),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("1"), nullable=False),
        _one_of("image", "kind", "featured in_article"),
        _one_of("image", "status", "pending generated failed"),
        sa.CheckConstraint("num_nonnulls(content_id, task_id) >= 1", name="image_parent_check"),
        sa.CheckConstraint("position >= 0", name="image_position_check"),
        within_sector("content", "content_id"),
        within_sector("task", "task_id"),
    )
    _index("image_content_id_idx", "image", "account_id content_id")
    _index("image_place_key", "image", "account_id content_id kind position", unique=True, where="delete_time IS NULL")
    _index("image_queue_idx", "image", "account_id site_id id", where="status = 'pending' AND delete_time IS NULL")


def _content_cluster_mapping() -> None:
    _sector_table(
        "content_cluster_mapping",
        sa.Column("content_id", sa.Uuid),
        sa.Column("task_id", sa.Uuid),
        _id("cluster_id"),
        *map(_required, ("role", "source")),
        _one_of("content_cluster_mapping", "role", "hub supporting attribute"),
        _one_of("content_cluster_mapping", "source", "blueprint manual import"),
        sa.CheckConstraint("num_nonnulls(content_id, task_id) = 1", name="content_cluster_mapping_parent_check"),
        within_sector("content", "content_id"),
        within_sector("task", "task_id"),
        sa.UniqueConstraint(
            "account_id", "content_id", "cluster_id", "role", name="content_cluster_mapping_content_key"
        ),
        sa.UniqueConstraint("account_id", "task_id", "cluster_id", "role", name="content_cluster_mapping_task_key"),
    )
    _index("content_cluster_mapping_cluster_idx", "content_cluster_mapping", "account_id site_id cluster_id")


def _content_attribute() -> None:
    _sector_table(
        "content_attribute",
        sa.Column("content_id", sa.Uuid),
        sa.Column("task_id", sa.Uuid),
        sa.Column("cluster_id", sa.Uuid),
        *map(_required, ("kind", "name")),
        _text("value"),
        _text("source", "manual"),
        *map(_text, ("external_id", "external_attribute")),
        _object("attribute_metadata"),
        _now("update_time"),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("1"), nullable=False),
        _one_of("content_attribute", "kind", "product_spec service_modifier semantic_facet"),
        _one_of("content_attribute", "source", "blueprint manual import"),
        sa.CheckConstraint("num_nonnulls(content_id, task_id, cluster_id) >= 1", name="content_attribute_parent_check"),
        within_sector("content", "content_id"),
        within_sector("task", "task_id"),
    )
    _index("content_attribute_content_idx", "content_attribute", "account_id content_id")


def _optimization_task() -> None:
    _sector_table(
        "optimization_task",
        _id("content_id"),
        _text("status", "pending"),
        _object("scores_before"),
        _object("scores_after"),
        *map(_text, ("html_before", "html_after")),
        sa.Column("step_id", sa.Uuid),
        _text("error"),
        _object("task_metadata"),
        _now("update_time"),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("1"), nullable=False),
        _one_of("optimization_task", "status", "pending running completed failed"),
        within_sector("content", "content_id"),
    )
    _index("optimization_task_content_idx", "optimization_task", "account_id content_id")


def _link_suggestion() -> None:
    _sector_table(
        "link_suggestion",
        *map(_id, ("content_id", "target_content_id")),
        _required("anchor_text"),
        _text("passage"),
        sa.Column("confidence", sa.Double, server_default="0", nullable=False),
        _text("status", "suggested"),
        _now("update_time"),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("1"), nullable=False),
        _one_of("link_suggestion", "status", "suggested accepted rejected applied"),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="link_suggestion_confidence_check"),
        sa.CheckConstraint("content_id <> target_content_id", name="link_suggestion_target_check"),
        within_sector("content", "content_id"),
        within_site("content", "target_content_id"),
        sa.UniqueConstraint(
            "account_id", "content_id", "target_content_id", "anchor_text", name="link_suggestion_link_key"
        ),
    )
    _index("link_suggestion_target_idx", "link_suggestion", "account_id target_content_id")


def _provenance() -> None:
    _sector_table(
        "provenance",
        _required("artefact_kind"),
        _id("artefact_id"),
        _required("function"),
        _id("step_id"),
        sa.Column("run_id", sa.Uuid),
        *map(_text, ("call_id", "provider", "model", "template", "template_version")),
        sa.Column("input_tokens", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("output_tokens", sa.BigInteger, server_default="0", nullable=False),
        _one_of("provenance", "artefact_kind", "content image"),
        sa.UniqueConstraint("account_id", "step_id", "artefact_id"),
    )
    op.create_index("provenance_artefact_idx", "provenance", ["account_id", "artefact_id"])
