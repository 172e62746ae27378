"""Clusters as people arrange them: who placed a keyword, what became of a merged cluster, and clustering again."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import migrate, tenancy

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_name("sql") / "0007_cluster_sums.sql"
_MERGED = "cluster_account_id_site_id_sector_id_merged_into_id_fkey"
_FILLED = ("cluster", "content_idea", "keyword")


def upgrade() -> None:
    op.add_column("keyword", _text("placed_by"))
    for name in ("informational", "navigational", "commercial", "transactional", "planned"):
        op.add_column("cluster", _whole(f"{name}_count"))
    op.add_column("cluster", sa.Column("name_given", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("cluster", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.execute(
        f"ALTER TABLE cluster ADD CONSTRAINT {_MERGED} FOREIGN KEY (account_id, site_id, sector_id, merged_into_id)"
        " REFERENCES cluster (account_id, site_id, sector_id, id) NOT VALID"
    )
    _cluster_content()
    _reclustering()
    _reclustering_move()
    op.execute(_SQL.read_text(encoding="utf-8"))
    app, _ = migrate.roles(op)
    for table in ("cluster_content", "reclustering", "reclustering_move"):
        tenancy.protect(op, table, app, "site")
    _fill()
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE cluster VALIDATE CONSTRAINT {_MERGED}")


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _fill() -> None:
    """Count what there is. Every cluster that has ideas had them for the keywords it has now."""
    # An owner is under row level security too, so a migration that fills columns of every tenant lifts it from itself.
    for table in _FILLED:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO cluster_content (account_id, site_id, sector_id, id, cluster_id)"
        " SELECT DISTINCT ON (account_id, content_id) account_id, site_id, sector_id, content_id, cluster_id"
        " FROM content_idea WHERE content_id IS NOT NULL"
    )
    op.execute("SELECT refresh_cluster_keywords(array_agg(id)) FROM cluster HAVING count(*) > 0")
    op.execute("UPDATE cluster SET planned_count = keyword_count WHERE status = 'mapped'")
    for table in _FILLED:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _cluster_content() -> None:
    op.create_table(
        "cluster_content",
        *_sector_row("cluster_content"),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id", "cluster_id"],
            ["cluster.account_id", "cluster.site_id", "cluster.sector_id", "cluster.id"],
            name="cluster_content_account_id_site_id_sector_id_cluster_id_fkey",
        ),
    )
    op.create_index("cluster_content_cluster_idx", "cluster_content", ["account_id", "cluster_id"])


def _reclustering() -> None:
    counts = ("keyword", "cluster", "moved", "joined", "created", "split", "merged", "emptied", "skipped")
    op.create_table(
        "reclustering",
        *_sector_row("reclustering"),
        sa.Column("status", sa.Text(), server_default="proposed", nullable=False),
        sa.Column("granularity", sa.Double(), nullable=False),
        *(_whole(f"{name}_count") for name in counts),
        sa.Column("changes", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("homes", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("names", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        _text("applied_by"),
        sa.Column("apply_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("status IN ('proposed', 'applied', 'superseded')", name="reclustering_status_check"),
        sa.UniqueConstraint("account_id", "site_id", "id", name="reclustering_site_key"),
    )


def _reclustering_move() -> None:
    op.create_table(
        "reclustering_move",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("reclustering_id", sa.Uuid(), nullable=False),
        sa.Column("keyword_id", sa.Uuid(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("from_cluster_id", sa.Uuid(), nullable=True),
        _text("from_name"),
        sa.Column("to_cluster_id", sa.Uuid(), nullable=False),
        sa.Column("to_name", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "reclustering_id"],
            ["reclustering.account_id", "reclustering.site_id", "reclustering.id"],
            name="reclustering_move_account_id_site_id_reclustering_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name="reclustering_move_account_id_site_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="reclustering_move_pkey"),
    )
    op.create_index("reclustering_move_reclustering_idx", "reclustering_move", ["account_id", "reclustering_id", "id"])


def _sector_row(table: str) -> list[sa.schema.SchemaItem]:
    return [
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("account_id", "id", "site_id", "sector_id")),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id", "sector_id"],
            ["sector_ref.account_id", "sector_ref.site_id", "sector_ref.sector_id"],
            name=f"{table}_account_id_site_id_sector_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=f"{table}_pkey"),
    ]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
