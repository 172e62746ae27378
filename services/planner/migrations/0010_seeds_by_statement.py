"""The account of private seeds is checked once for all that an import adds: a foreign key took a tenth of its time."""

from alembic import op

from chassis import tenancy

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Both at once: one after the other, who has looked at the first and comes to the second would wait for us, and we
    # for him.
    op.execute("LOCK TABLE account_ref, private_seed_keyword IN ACCESS EXCLUSIVE MODE")
    tenancy.check_by_statement(op, "private_seed_keyword")  # before the key goes: at no time does nobody look
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        "ALTER TABLE private_seed_keyword DROP CONSTRAINT private_seed_keyword_account_id_fkey"
    )


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")
