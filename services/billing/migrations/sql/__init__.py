"""Puts the functions of the ledger into a database: the files of this folder, one standing on another in their order.

The files are what the functions are now, not what they were once, so only one revision may install them: on a fresh
database an older one would meet functions that read columns of a newer one. Every revision that comes with a change of
these files calls `install`, `NEWEST` names the last of them, and the others leave it to that one. A fresh database and
one that was upgraded end the same.

A running service of the release before calls the new functions: a new parameter has a default, an answer keeps its
columns. Where that is so, functions are replaced where they stand, so that a call that is inside one goes on; where an
answer or a parameter is another, everything is dropped and made anew, and calls that are under way fail.
"""

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from psycopg.errors import InvalidFunctionDefinition

NEWEST = "0011"

# All that the owner made here except what belongs to an extension: billing has no functions but the ledger's. A row is
# of another transaction than before when its function was replaced.
_FUNCTIONS = sa.text(
    "SELECT p.oid::regprocedure::text, p.xmin::text FROM pg_proc p"
    " WHERE p.pronamespace = 'public'::regnamespace AND p.proowner = current_user::regrole"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
)
_COLUMNS = sa.text(
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
    " WHERE a.attrelid = to_regclass(:type) AND a.attnum > 0 ORDER BY a.attnum"
)
_TYPE = re.compile(r"CREATE TYPE (\w+) AS (\(.*?\n\));", re.DOTALL)


def install(op: Any, revision: str) -> None:
    """Make the functions of the ledger anew, if this is the revision to do it.

    Args:
        op: the migration's operations.
        revision: the one that asks.
    """
    if revision != NEWEST:
        return
    connection = op.get_bind()
    text = "\n".join(file.read_text() for file in sorted(Path(__file__).parent.glob("*.sql")))
    if not _types_are_of(connection, text) or not _replace(connection, text):
        _drop(connection, [signature for signature, _ in connection.execute(_FUNCTIONS)])
        _drop_types(connection, *(name for name, _ in _TYPE.findall(text)))
        _run(connection, text)


def _types_are_of(connection: sa.Connection, text: str) -> bool:
    same = True
    for name, body in _TYPE.findall(text):
        _run(connection, f"CREATE TYPE pg_temp.{name} AS {body}")
        here, wanted = (
            connection.execute(_COLUMNS, {"type": f"{schema}.{name}"}).all() for schema in ("public", "pg_temp")
        )
        _drop_types(connection, f"pg_temp.{name}")
        same = same and here == wanted
    return same


def _replace(connection: sa.Connection, text: str) -> bool:
    """Give the functions that are there their new bodies, and say whether that could be done."""
    before = set(connection.execute(_FUNCTIONS))
    bodies = re.sub(r"^CREATE (FUNCTION|TRIGGER)", r"CREATE OR REPLACE \1", _TYPE.sub("", text), flags=re.MULTILINE)
    try:
        with connection.begin_nested():
            _run(connection, bodies)
    except sa.exc.ProgrammingError as error:
        if isinstance(error.orig, InvalidFunctionDefinition):  # another answer, or a parameter of another name
            return False
        raise
    _drop(connection, [signature for signature, _ in before & set(connection.execute(_FUNCTIONS))])
    return True


def _drop(connection: sa.Connection, signatures: list[str]) -> None:
    """Drop functions and the triggers that call them."""
    for signature in signatures:
        _run(connection, f"DROP FUNCTION IF EXISTS {signature} CASCADE")


def _drop_types(connection: sa.Connection, *names: str) -> None:
    _run(connection, f"-- squawk-ignore ban-drop-type\nDROP TYPE IF EXISTS {', '.join(names)}")


def _run(connection: sa.Connection, text: str) -> None:
    # as it is written: neither ":" nor "%" stands for a parameter in it
    connection.exec_driver_sql(text, execution_options={"no_parameters": True})
