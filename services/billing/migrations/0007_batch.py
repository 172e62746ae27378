"""Operations in batches, and look-ups that cost the same however long the history of an account is."""

import sqlalchemy as sa
from alembic import op

from chassis import tenancy
from services.billing.migrations.sql import install

revision = "0007"
down_revision = "0006"

_OF_SITES = ("credit_usage", "hold", "hold_extension", "quote", "quote_line")


def upgrade() -> None:
    op.execute(  # it rewrites the table, which has a row for a grant: a moment's work
        "-- squawk-ignore adding-field-with-default\n"
        "ALTER TABLE credit_grant ADD COLUMN spent boolean GENERATED ALWAYS AS (remaining = 0) STORED"
    )
    for table in _OF_SITES:
        tenancy.tell_dependency(op, table, "account_id", "site_id")
    install(op, revision)
    with op.get_context().autocommit_block():
        for name in ("credit_grant_left_idx", "credit_grant_due_idx", "hold_grant_grant_idx"):
            op.drop_index(name, postgresql_concurrently=True)
        for name, column in (("credit_grant_unspent_idx", "account_id"), ("credit_grant_end_idx", "expire_time")):
            op.create_index(
                name, "credit_grant", [column], postgresql_where=sa.text("NOT spent"), postgresql_concurrently=True
            )


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
