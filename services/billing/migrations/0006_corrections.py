"""The functions of refunds, adjustments and reversals say who did it."""

from alembic import op

from services.billing.migrations.sql import install

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    install(op, revision)


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
