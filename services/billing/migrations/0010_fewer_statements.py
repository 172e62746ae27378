"""Captures of a batch write their holds in the statement that does the rest; an operation alone is done without it."""

from alembic import op

from services.billing.migrations.sql import install

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    install(op, revision)


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
