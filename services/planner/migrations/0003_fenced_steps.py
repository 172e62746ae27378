"""What tells a late worker of a step from the one that took it over."""

from alembic import op

from chassis import baseline

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    baseline.fence_steps(op)


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")
