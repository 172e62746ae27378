"""The functions of the ledger."""

from alembic import op

from services.billing.migrations.sql import install

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    install(op, revision)


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
