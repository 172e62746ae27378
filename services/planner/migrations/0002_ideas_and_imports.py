"""Ideas with the keywords they cover, and imports with the lines they left out."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import migrate, tenancy

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_name("sql") / "0002_idea_sums.sql"
_STRUCTURES = (
    "'article', 'guide', 'comparison', 'review', 'listicle', 'landing_page', 'business_page', 'service_page', "
    "'general', 'cluster_hub', 'product_page', 'category_archive', 'tag_archive', 'attribute_archive'"
)


def upgrade() -> None:
    _ideas()
    _imports()
    op.execute(_SQL.read_text(encoding="utf-8"))
    app, _ = migrate.roles(op)
    for table in ("content_idea", "content_idea_keyword", "keyword_import", "import_skipped_line"):
        tenancy.protect(op, table, app, "site")


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _ideas() -> None:
    op.create_table(
        "content_idea",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("sector_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), server_default="post", nullable=False),
        sa.Column("content_structure", sa.Text(), server_default="article", nullable=False),
        sa.Column("primary_keyword", sa.Text(), server_default="", nullable=False),
        sa.Column("audience", sa.Text(), server_default="", nullable=False),
        sa.Column("tone", sa.Text(), server_default="", nullable=False),
        sa.Column("estimated_word_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("brief", sa.Text(), server_default="", nullable=False),
        sa.Column("call_to_action", sa.Text(), server_default="", nullable=False),
        sa.Column("outline", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("assigned_user_id", sa.Uuid(), nullable=True),
        sa.Column("needs_review", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.Text(), server_default="new", nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("content_id", sa.Uuid(), nullable=True),
        sa.Column("published_url", sa.Text(), server_default="", nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("provenance", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(f"content_structure IN ({_STRUCTURES})", name="content_idea_content_structure_check"),
        sa.CheckConstraint(
            "content_type IN ('post', 'page', 'product', 'taxonomy')", name="content_idea_content_type_check"
        ),
        sa.CheckConstraint("status IN ('new', 'queued', 'completed')", name="content_idea_status_check"),
        sa.CheckConstraint("estimated_word_count >= 0", name="content_idea_estimated_word_count_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id", "cluster_id"],
            ["cluster.account_id", "cluster.site_id", "cluster.sector_id", "cluster.id"],
            name="content_idea_account_id_site_id_sector_id_cluster_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id"],
            ["sector_ref.account_id", "sector_ref.site_id", "sector_ref.sector_id"],
            name="content_idea_account_id_site_id_sector_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="content_idea_pkey"),
        sa.UniqueConstraint("account_id", "site_id", "sector_id", "id", name="content_idea_sector_key"),
    )
    op.create_index("content_idea_cluster_idx", "content_idea", ["account_id", "cluster_id"], unique=False)
    op.create_index(
        "content_idea_content_idx",
        "content_idea",
        ["account_id", "content_id"],
        unique=False,
        postgresql_where=sa.text("content_id IS NOT NULL"),
    )
    op.create_index(
        "content_idea_title_idx",
        "content_idea",
        ["account_id", "site_id", sa.literal_column("lower(title)")],
        unique=False,
    )
    op.create_table(
        "content_idea_keyword",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("content_idea_id", sa.Uuid(), nullable=False),
        sa.Column("keyword_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("sector_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id", "content_idea_id"],
            ["content_idea.account_id", "content_idea.site_id", "content_idea.sector_id", "content_idea.id"],
            name="content_idea_keyword_idea_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id", "keyword_id"],
            ["keyword.account_id", "keyword.site_id", "keyword.sector_id", "keyword.id"],
            name="content_idea_keyword_keyword_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id"],
            ["sector_ref.account_id", "sector_ref.site_id", "sector_ref.sector_id"],
            name="content_idea_keyword_account_id_site_id_sector_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "content_idea_id", "keyword_id", name="content_idea_keyword_pkey"),
    )
    op.create_index(
        "content_idea_keyword_keyword_idx", "content_idea_keyword", ["account_id", "keyword_id"], unique=False
    )


def _imports() -> None:
    op.create_table(
        "keyword_import",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("sector_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.Text(), server_default="", nullable=False),
        sa.Column("layout", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("line_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skipped_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("note_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('running', 'completed', 'failed')", name="keyword_import_status_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id"],
            ["sector_ref.account_id", "sector_ref.site_id", "sector_ref.sector_id"],
            name="keyword_import_account_id_site_id_sector_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="keyword_import_pkey"),
        sa.UniqueConstraint("account_id", "site_id", "id", name="keyword_import_site_key"),
    )
    op.create_table(
        "import_skipped_line",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("keyword_import_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "keyword_import_id"],
            ["keyword_import.account_id", "keyword_import.site_id", "keyword_import.id"],
            name="import_skipped_line_import_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name="import_skipped_line_account_id_site_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="import_skipped_line_pkey"),
    )
    op.create_index(
        "import_skipped_line_import_idx",
        "import_skipped_line",
        ["account_id", "keyword_import_id", "line"],
        unique=False,
    )
