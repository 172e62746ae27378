"""The functions of claims, and whose turn it is where accounts are level."""

import sqlalchemy as sa
from alembic import op

from chassis import migrate
from services.orchestrator.migrations.sql import install

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _, sweep = migrate.roles(op)
    op.create_table(
        "lane_turn",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("served", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("lane_turn_pkey")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON lane_turn TO {sweep}")
    install(op, revision)


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")
