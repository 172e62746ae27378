"""Puts the functions of the ledger into a database: the files of this folder, one standing on another in their order.

The files are what the functions are now, not what they were once, so only one revision may install them: on a fresh
database an older one would meet functions that read columns of a newer one. Every revision that comes with a change of
these files calls `install`, `NEWEST` names the last of them, and the others leave it to that one. It drops what was
there and makes everything anew, so that a fresh database and one that was upgraded end the same.

A running service of the release before calls the new functions: a new parameter has a default, an answer keeps its
columns.
"""

from pathlib import Path
from typing import Any

NEWEST = "0011"

# All that the owner made here except what belongs to an extension: billing has no functions but the ledger's. The
# triggers go with their function, and 1_foundation.sql makes them again.
_DROP = """
DO $$
DECLARE
    v_made record;
BEGIN
    FOR v_made IN
        SELECT p.oid::regprocedure AS signature FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner = current_user::regrole
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', v_made.signature);
    END LOOP;
    DROP TYPE IF EXISTS ledger_answer, ledger_operation;
END
$$
"""


def install(op: Any, revision: str) -> None:
    """Make the functions of the ledger anew, if this is the revision to do it.

    Args:
        op: the migration's operations.
        revision: the one that asks.
    """
    if revision != NEWEST:
        return
    _run(op, _DROP)
    for file in sorted(Path(__file__).parent.glob("*.sql")):
        _run(op, file.read_text())


def _run(op: Any, text: str) -> None:
    # as it is written: neither ":" nor "%" stands for a parameter in it
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
