"""Rows into a table by COPY, as lines composed here: a driver that looks at each value costs twice as much."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

import sqlalchemy as sa

from chassis.database import Transaction

NULL = "\\N"
_LINES_AT_ONCE = 500
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_lines(transaction: Transaction, table: str, lines: Iterable[str]) -> int:
    """Copy lines into a table of the transaction's own; return how many.

    Args:
        transaction: whose connection it is.
        table: its name.
        lines: the columns in their order, with tabs between; each a number, a `text_cell` or NULL.
    """
    driver: Any = transaction.connection.connection.driver_connection  # psycopg's own: SQLAlchemy has no COPY
    with closing(driver.cursor()) as cursor:
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for piece in _pieces(lines):
                copy.write(piece)
        return int(cursor.rowcount)


def copy_rows(connection: sa.Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows of any values, which the driver composes: for what is no more than some thousands.

    Args:
        connection: in a transaction.
        statement: COPY ... FROM STDIN.
        rows: the columns' values.
    """
    driver: Any = connection.connection.driver_connection
    with closing(driver.cursor()) as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def text_cell(text: str | None) -> str:
    """Return a text as a column of a line; None as NULL."""
    if text is None:
        return NULL
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    left = iter(lines)
    while some := list(islice(left, _LINES_AT_ONCE)):
        yield "\n".join([*some, ""])
