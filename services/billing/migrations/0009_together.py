"""Operations of a batch are done together, and a charge locks no row that all accounts share.

A reference to a price version had every charge of everybody lock the version's row. A version never goes and never
changes its id (`credit_cost_never_goes`, `credit_cost_never_changes`), so there is nothing to guard against.
"""

from alembic import op

from services.billing.migrations.sql import install

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for table in ("hold", "credit_transaction", "credit_usage"):
        constraint = f"{table}_credit_cost_id_fkey"
        op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT {constraint}")
    install(op, revision)


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
