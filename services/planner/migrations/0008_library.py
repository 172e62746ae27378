"""What operators did to the platform's library, and what they looked at before."""

import sqlalchemy as sa
from alembic import op

from chassis import migrate

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INTENTS = "('informational', 'navigational', 'commercial', 'transactional')"


def upgrade() -> None:
    _changes()
    _lines()
    _allow()


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _changes() -> None:
    op.create_table(
        "library_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), server_default="", nullable=False),
        sa.Column("layout", sa.Text(), server_default="", nullable=False),
        sa.Column("line_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("new_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wrong_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("applied_by", sa.Text(), server_default="", nullable=False),
        sa.Column("apply_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('import', 'promotion')", name="library_change_kind_check"),
        sa.CheckConstraint("status IN ('previewed', 'applied')", name="library_change_status_check"),
        sa.CheckConstraint("(status = 'applied') = (apply_time IS NOT NULL)", name="library_change_apply_time_check"),
        sa.PrimaryKeyConstraint("id", name="library_change_pkey"),
        sa.UniqueConstraint("created_by", "request_id", name="library_change_created_by_request_id_key"),
    )


def _lines() -> None:
    op.create_table(
        "library_change_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("library_change_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("normalised", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("industry_id", sa.Uuid(), nullable=True),
        sa.Column("industry_sector_id", sa.Uuid(), nullable=True),
        sa.Column("seed_keyword_id", sa.Uuid(), nullable=True),
        sa.Column("old_volume", sa.BigInteger(), nullable=True),
        sa.Column("old_difficulty", sa.Double(), nullable=True),
        sa.Column("old_intent", sa.Text(), nullable=True),
        sa.Column("old_country", sa.Text(), server_default="", nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("difficulty", sa.Double(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "outcome IN ('new', 'updated', 'unchanged', 'wrong')", name="library_change_line_outcome_check"
        ),
        sa.CheckConstraint(f"intent IN {_INTENTS}", name="library_change_line_intent_check"),
        sa.CheckConstraint(f"old_intent IN {_INTENTS}", name="library_change_line_old_intent_check"),
        sa.CheckConstraint(
            "outcome = 'wrong' OR num_nulls(industry_id, industry_sector_id, seed_keyword_id) = 0",
            name="library_change_line_place_check",
        ),
        sa.ForeignKeyConstraint(
            ["library_change_id"],
            ["library_change.id"],
            name="library_change_line_library_change_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="library_change_line_pkey"),
    )
    op.create_index("library_change_line_change_idx", "library_change_line", ["library_change_id", "line"])


def _allow() -> None:
    """An operator's work is done under the sweep role: the app role reads the library and never writes it."""
    _, sweep = migrate.roles(op)
    op.execute(f"GRANT SELECT, INSERT, UPDATE (volume, difficulty, intent, country) ON seed_keyword TO {sweep}")
    op.execute(f"GRANT SELECT, INSERT, DELETE, UPDATE (status, applied_by, apply_time) ON library_change TO {sweep}")
    op.execute(f"GRANT SELECT, INSERT ON library_change_line TO {sweep}")
    # What accounts added may be promoted: its text and subject are seen, and neither whose it is nor its figures.
    op.execute(f"CREATE POLICY sweep ON private_seed_keyword FOR SELECT TO {sweep} USING (true)")
    seen = "industry_id, industry_sector_id, normalised, create_time"
    op.execute(f"GRANT SELECT ({seen}) ON private_seed_keyword TO {sweep}")
