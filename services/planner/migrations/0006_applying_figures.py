"""The volume and difficulty that apply to a keyword, stored and kept right by triggers, with the index of lists."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent / "sql"
_FUNCTIONS = (
    *("keyword_figures_inserted()", "keyword_figures_changed()"),
    *("seed_figures_changed()", "private_seed_figures_changed()"),
)
_BATCH = 5_000
# Written anew as it is, a keyword's own figure has the trigger look the library's up, under the locks that it takes.
_FILL = sa.text(
    "WITH batch AS (SELECT account_id, id FROM keyword WHERE (account_id, id) > (:account, :id)"
    " ORDER BY account_id, id LIMIT :size FOR NO KEY UPDATE),"
    " filled AS (UPDATE keyword k SET volume = k.volume FROM batch b WHERE k.account_id = b.account_id AND k.id = b.id"
    " AND (k.applying_volume IS NULL OR k.applying_difficulty IS NULL))"
    " SELECT account_id, id FROM batch ORDER BY account_id DESC, id DESC LIMIT 1"
)
_NIL = "00000000-0000-0000-0000-000000000000"
_VOLUME_ORDER = "CASE WHEN applying_volume IS NULL THEN '-9223372036854775808'::bigint ELSE applying_volume END"
_DEPENDS = "(volume IS NULL OR difficulty IS NULL)"


def upgrade() -> None:
    op.add_column("keyword", sa.Column("applying_volume", sa.BigInteger(), nullable=True))
    op.add_column("keyword", sa.Column("applying_difficulty", sa.Double(), nullable=True))
    for table in ("keyword", "cluster", "private_seed_keyword"):
        for command, rule in (("SELECT", "USING (true)"), ("UPDATE", "USING (true) WITH CHECK (true)")):
            name = f"library_{command.lower()}"
            op.execute(f"CREATE POLICY {name} ON {table} FOR {command} TO CURRENT_USER {rule}")
    op.execute((_SQL / "0006_applying_figures.sql").read_text(encoding="utf-8"))
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    with op.get_context().autocommit_block():
        _indexes()  # before the rows are filled: a library's change meanwhile finds them by these
        _fill()
    # Not before every row is filled: until then the sums are made of the library's rows, as they were.
    op.execute((_SQL / "0006_cluster_sums.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _indexes() -> None:
    op.create_index(
        "keyword_applying_volume_idx",
        "keyword",
        ["account_id", sa.literal_column(f"({_VOLUME_ORDER})"), "id"],
        postgresql_where=sa.text("delete_time IS NULL"),
        postgresql_concurrently=True,
    )
    for name, columns in (
        ("keyword_seed_idx", ["seed_keyword_id"]),
        ("keyword_private_seed_idx", ["account_id", "private_seed_keyword_id"]),
    ):
        op.create_index(
            name,
            "keyword",
            columns,
            postgresql_where=sa.text(f"{columns[-1]} IS NOT NULL AND {_DEPENDS}"),
            postgresql_concurrently=True,
        )


def _fill() -> None:
    """Say of the keywords that there are what applies to them, a batch a transaction, so that nobody waits for long."""
    connection = op.get_bind()
    op.execute("SET lock_timeout = '60s'")  # an import under way holds its keywords for longer than 4 seconds
    after: dict[str, object] | None = {"account": _NIL, "id": _NIL}
    while after is not None:
        last = connection.execute(_FILL, after | {"size": _BATCH}).first()
        after = None if last is None else {"account": last.account_id, "id": last.id}
    op.execute("SET lock_timeout = '4s'")
