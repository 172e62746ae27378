"""The planner's way to whether a lane waits."""

from alembic import op

from services.orchestrator.migrations.sql import install

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install(op, revision)


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")
