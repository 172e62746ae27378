"""The functions of the ledger, in the order in which one stands on another; each file says what it is about."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"

FILES = ("1_foundation", "2_grants", "3_quotes", "4_reserve", "5_settle", "6_check")


def upgrade() -> None:
    folder = Path(__file__).parent / "sql"
    for name in FILES:
        # as it is written: neither ":" nor "%" stands for a parameter in it
        op.get_bind().exec_driver_sql((folder / f"{name}.sql").read_text(), execution_options={"no_parameters": True})


def downgrade() -> None:
    raise NotImplementedError("Going back would lose credits and money: restore a backup instead.")
