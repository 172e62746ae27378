"""What the rules say of a keyword's intent, beside what a file or a person said."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keyword", sa.Column("derived_intent", sa.Text(), nullable=True))
    # Proved afterwards, under a lock that stops nobody.
    op.execute(
        "ALTER TABLE keyword ADD CONSTRAINT keyword_derived_intent_check CHECK"
        " (derived_intent IN ('informational', 'navigational', 'commercial', 'transactional')) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE keyword VALIDATE CONSTRAINT keyword_derived_intent_check")


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")
