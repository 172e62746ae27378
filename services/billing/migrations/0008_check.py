"""The comparison of the books sums first and joins then, for accounts with a long history."""

from alembic import op

from services.billing.migrations.sql import install

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    install(op, revision)


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
