"""The comparison of the books sums first and joins then, and a capture writes into two indexes fewer."""

import sqlalchemy as sa
from alembic import op

from services.billing.migrations.sql import install

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    install(op, revision)
    with op.get_context().autocommit_block():
        op.create_index(
            "credit_transaction_correction_idx",
            "credit_transaction",
            ["account_id", "key"],
            unique=True,
            postgresql_where=sa.text("key IS NOT NULL"),  # a deduction has none
            postgresql_concurrently=True,
        )
        op.drop_index("credit_transaction_key_idx", "credit_transaction", postgresql_concurrently=True)
        op.drop_index("credit_usage_hold_idx", "credit_usage", postgresql_concurrently=True)


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
