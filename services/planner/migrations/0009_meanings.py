"""What an embedding model said that keywords mean."""

import sqlalchemy as sa
from alembic import op

from chassis import migrate, tenancy

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "keyword_meaning",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "octet_length(digest) = 32 AND octet_length(vector) > 0", name="keyword_meaning_bytes_check"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account_ref.account_id"], name="keyword_meaning_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "model", "digest", name="keyword_meaning_pkey"),
    )
    app, _ = migrate.roles(op)
    tenancy.protect(op, "keyword_meaning", app, "account", grants="SELECT, INSERT")


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")
