"""Puts the functions of claims into a database: `claim_steps.sql`, as it is now and not as it was once.

Only one revision may install it, since an older one would meet functions that read columns of a newer one. Every
revision that comes with a change of the file calls `install`, and `NEWEST` names the last of them. A function that gets
other parameters or another answer gets another name: workers of the release before still call the old one.
"""

from pathlib import Path
from typing import Any

NEWEST = "0003"


def install(op: Any, revision: str) -> None:
    """Make the functions anew, if this is the revision to do it.

    Args:
        op: the migration's operations.
        revision: the one that asks.
    """
    if revision != NEWEST:
        return
    # as it is written: neither ":" nor "%" stands for a parameter in it
    text = (Path(__file__).parent / "claim_steps.sql").read_text()
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
