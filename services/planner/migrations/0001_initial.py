"""Keywords and clusters, and the triggers that keep sums beside what they are sums of."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import baseline, migrate, tenancy

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_name("sql") / "0001_keyword_sums.sql"
_LEVELS = {
    "private_seed_keyword": "account",
    "account_limit": "account",
    "cluster": "site",
    "keyword": "site",
}


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    baseline.create(op, app, sweep, functions=True)
    _keywords()
    op.execute(_SQL.read_text(encoding="utf-8"))
    for table, level in _LEVELS.items():
        tenancy.protect(op, table, app, level)
    op.execute(f"GRANT SELECT ON seed_keyword TO {app}")


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _keywords() -> None:
    op.create_table(
        "seed_keyword",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("industry_id", sa.Uuid(), nullable=False),
        sa.Column("industry_sector_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("normalised", sa.Text(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("difficulty", sa.Double(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "intent IN ('informational', 'navigational', 'commercial', 'transactional')",
            name="seed_keyword_intent_check",
        ),
        sa.PrimaryKeyConstraint("id", name="seed_keyword_pkey"),
        sa.UniqueConstraint("industry_sector_id", "normalised", name="seed_keyword_industry_sector_id_normalised_key"),
    )
    op.create_table(
        "private_seed_keyword",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("industry_id", sa.Uuid(), nullable=False),
        sa.Column("industry_sector_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("normalised", sa.Text(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("difficulty", sa.Double(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "intent IN ('informational', 'navigational', 'commercial', 'transactional')",
            name="private_seed_keyword_intent_check",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account_ref.account_id"], name="private_seed_keyword_account_id_fkey"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="private_seed_keyword_pkey"),
        sa.UniqueConstraint("account_id", "industry_sector_id", "normalised", name="private_seed_keyword_text_key"),
    )
    op.create_table(
        "cluster",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("sector_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("primary_keyword_id", sa.Uuid(), nullable=True),
        sa.Column("keyword_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("volume", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("difficulty", sa.Double(), nullable=True),
        sa.Column("idea_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("content_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="new", nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("status IN ('new', 'mapped')", name="cluster_status_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id"],
            ["sector_ref.account_id", "sector_ref.site_id", "sector_ref.sector_id"],
            name="cluster_account_id_site_id_sector_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="cluster_pkey"),
        sa.UniqueConstraint("account_id", "site_id", "sector_id", "id", name="cluster_sector_key"),
    )
    op.create_index(
        "cluster_live_name_key",
        "cluster",
        ["account_id", "site_id", "sector_id", sa.literal_column("lower(name)")],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_index("cluster_volume_idx", "cluster", ["account_id", "site_id", "volume"], unique=False)
    op.create_table(
        "keyword",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("sector_id", sa.Uuid(), nullable=False),
        sa.Column("seed_keyword_id", sa.Uuid(), nullable=True),
        sa.Column("private_seed_keyword_id", sa.Uuid(), nullable=True),
        sa.Column("cluster_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Text(),
            sa.Computed("CASE WHEN cluster_id IS NULL THEN 'new' ELSE 'mapped' END", persisted=True),
            nullable=False,
        ),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("normalised", sa.Text(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("difficulty", sa.Double(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("cpc_micros", sa.BigInteger(), nullable=True),
        sa.Column("cpc_currency", sa.Text(), server_default="", nullable=False),
        sa.Column("competition", sa.Double(), nullable=True),
        sa.Column("impressions", sa.BigInteger(), nullable=True),
        sa.Column("clicks", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.Double(), nullable=True),
        sa.Column("parent_keyword", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("attributes", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "intent IN ('informational', 'navigational', 'commercial', 'transactional')", name="keyword_intent_check"
        ),
        sa.CheckConstraint("difficulty BETWEEN 0 AND 100", name="keyword_difficulty_check"),
        sa.CheckConstraint("num_nonnulls(seed_keyword_id, private_seed_keyword_id) = 1", name="keyword_one_seed_check"),
        sa.CheckConstraint("volume >= 0", name="keyword_volume_check"),
        sa.ForeignKeyConstraint(
            ["account_id", "private_seed_keyword_id"],
            ["private_seed_keyword.account_id", "private_seed_keyword.id"],
            name="keyword_account_id_private_seed_keyword_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id", "cluster_id"],
            ["cluster.account_id", "cluster.site_id", "cluster.sector_id", "cluster.id"],
            name="keyword_account_id_site_id_sector_id_cluster_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id"],
            ["sector_ref.account_id", "sector_ref.site_id", "sector_ref.sector_id"],
            name="keyword_account_id_site_id_sector_id_fkey",
        ),
        sa.ForeignKeyConstraint(["seed_keyword_id"], ["seed_keyword.id"], name="keyword_seed_keyword_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="keyword_pkey"),
        sa.UniqueConstraint("account_id", "site_id", "sector_id", "id", name="keyword_sector_key"),
    )
    op.create_index(
        "keyword_cluster_idx",
        "keyword",
        ["account_id", "cluster_id"],
        unique=False,
        postgresql_where=sa.text("cluster_id IS NOT NULL"),
    )
    op.create_index(
        "keyword_live_text_key",
        "keyword",
        ["account_id", "site_id", "sector_id", "normalised"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_table(
        "account_limit",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("plan", sa.Text(), server_default="Free", nullable=False),
        sa.Column("max_keywords", sa.BigInteger(), server_default="100", nullable=False),
        sa.Column("keyword_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="account_limit_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", name="account_limit_pkey"),
    )
    op.create_foreign_key(
        "cluster_primary_keyword_fkey",
        "cluster",
        "keyword",
        ["account_id", "site_id", "sector_id", "primary_keyword_id"],
        ["account_id", "site_id", "sector_id", "id"],
    )
