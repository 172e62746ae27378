"""What an idea is about, and what became of comparing it with the pages that the site has or plans."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from chassis import migrate, tenancy

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BATCH = 1_000
_CHECKS = (
    ("verdict", "verdict IN ('write', 'refresh', 'merge', 'link_only')"),
    ("overlap_score", "overlap_score BETWEEN 0 AND 1"),
    ("overrule_time", "(overruled_by = '') = (overrule_time IS NULL)"),
)


def upgrade() -> None:
    for column in (
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("verdict", sa.Text(), server_default="write", nullable=False),
        sa.Column("overlap_score", sa.Double(), server_default="0", nullable=False),
        sa.Column("overlap_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("overlap_id", sa.Uuid(), nullable=True),
        sa.Column("overlap_title", sa.Text(), server_default="", nullable=False),
        sa.Column("overlap_url", sa.Text(), server_default="", nullable=False),
        sa.Column("overruled_by", sa.Text(), server_default="", nullable=False),
        sa.Column("overrule_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("overrule_time", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("content_idea", column)
    for name, rule in _CHECKS:  # proved afterwards, under a lock that stops nobody
        op.execute(f"ALTER TABLE content_idea ADD CONSTRAINT content_idea_{name}_check CHECK ({rule}) NOT VALID")
    _site_page()
    _fill()
    with op.get_context().autocommit_block():
        for name, _ in _CHECKS:
            op.execute(f"ALTER TABLE content_idea VALIDATE CONSTRAINT content_idea_{name}_check")
        op.create_index(
            "content_idea_subject_idx",
            "content_idea",
            ["account_id", "site_id", "subject"],
            postgresql_where=sa.text("delete_time IS NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _site_page() -> None:
    op.create_table(
        "site_page",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name="site_page_account_id_site_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="site_page_pkey"),
    )
    op.create_index("site_page_subject_idx", "site_page", ["account_id", "site_id", "subject"], unique=False)
    app, _ = migrate.roles(op)
    tenancy.protect(op, "site_page", app, "site")


def _fill() -> None:
    """Say of the ideas that there are what they are about: the rule is Python's, so it cannot be one statement."""
    # An owner is under row level security too, so a migration that fills columns of every tenant lifts it from itself.
    op.execute("ALTER TABLE content_idea NO FORCE ROW LEVEL SECURITY")
    connection = op.get_bind()
    update = sa.text("UPDATE content_idea SET subject = :subject WHERE account_id = :account AND id = :id")
    for batch in _batches(connection):
        connection.execute(update, batch)
    op.execute("ALTER TABLE content_idea FORCE ROW LEVEL SECURITY")


def _batches(connection: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    # Here, so that what the rule stands on is loaded only where there is something to fill.
    from services.planner.overlap import subject  # noqa: PLC0415 - see above

    rows = connection.execute(sa.text("SELECT account_id, id, primary_keyword, title FROM content_idea")).all()
    for start in range(0, len(rows), _BATCH):
        yield [
            {"account": row.account_id, "id": row.id, "subject": subject(row.primary_keyword or row.title)}
            for row in rows[start : start + _BATCH]
        ]
