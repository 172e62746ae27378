"""What a batch charges is one statement, asks each foreign key once, and tells no index of what none of them has.

A hold's pins and uses are of the tenant of their hold, a hold of its quote's, a transaction of its site's account: the
tenant's own key said the same a second time, row by row. An index of open holds had every capture write to all indexes
of its hold; what a site holds is the sum over its quotes.
"""

from alembic import op

from services.billing.migrations.sql import install

revision = "0011"
down_revision = "0010"

_IMPLIED = (
    ("hold", "hold_account_id_site_id_fkey"),
    ("hold_grant", "hold_grant_account_id_fkey"),
    ("credit_transaction", "credit_transaction_account_id_fkey"),
    ("credit_usage", "credit_usage_account_id_site_id_fkey"),
)


def upgrade() -> None:
    # In the order of a charge, which begins with the account: who came to the one before would else wait for us, and we
    # for him. Nothing is committed in between, so all of it is done or nothing.
    op.execute(
        "LOCK TABLE credit_account, account_ref, site_ref, quote, hold, hold_grant, credit_transaction, credit_usage"
        " IN ACCESS EXCLUSIVE MODE"
    )
    # It rewrites the table: a second for 200,000 quotes.
    op.execute(
        "-- squawk-ignore adding-field-with-default\n"
        "ALTER TABLE quote ADD COLUMN holding boolean GENERATED ALWAYS AS (held_credits > 0) STORED"
    )
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX quote_holding_idx ON quote (account_id, site_id) WHERE holding"
    )
    op.execute("-- squawk-ignore require-concurrent-index-deletion\nDROP INDEX hold_open_idx")
    install(op, revision)  # its triggers before the keys go: at no time does nobody look
    for table, constraint in _IMPLIED:
        op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT {constraint}")
    for table in ("hold", "hold_grant"):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 70)")  # of pages to come


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
