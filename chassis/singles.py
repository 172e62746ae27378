"""Single statements that are transactions by themselves: the shortest way to PostgreSQL and back.

They have connections of their own, which are always in autocommit, and go straight to the driver: a fifth of the time
of a transaction through SQLAlchemy. Who needs it does something thousands of times a second.
"""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus

Row = tuple[Any, ...]


class Singles:
    """Connections for single statements, opened when they are needed first.

    Args:
        url: SQLAlchemy's.
        size: connections at most.
        timeout_s: how long to wait for a free one.
        lock_timeout_s: how long a statement waits for a row that somebody else has locked.
    """

    def __init__(self, url: sa.URL, *, size: int, timeout_s: float, lock_timeout_s: float) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._timeout_s = timeout_s
        self._lock_timeout = f"{lock_timeout_s * 1000:.0f}ms"
        self._room = threading.Semaphore(size)
        self._closed = False
        self._idle: deque[psycopg.Cursor[Row]] = deque()  # the one used last goes first: its server's caches are warm

    def run(self, statement: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a statement and return its rows.

        Raises:
            psycopg.Error: as the driver raised it; an OperationalError when a lock was not to be had in time.
            sqlalchemy.exc.TimeoutError: no connection was free in time.
        """
        if not self._room.acquire(timeout=self._timeout_s):
            raise sa.exc.TimeoutError(f"No connection was free within {self._timeout_s} s.")
        try:
            cursor = self._cursor()
            try:
                return cursor.execute(statement, parameters).fetchall()
            finally:
                self._give_back(cursor)
        finally:
            self._room.release()

    def close(self) -> None:
        """Close every connection, those in use as soon as they are given back."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()

    def _cursor(self) -> psycopg.Cursor[Row]:
        try:
            return self._idle.pop()
        except IndexError:
            cursor = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5).cursor()
            return cursor.execute("SELECT set_config('lock_timeout', %s, false)", (self._lock_timeout,))

    def _give_back(self, cursor: psycopg.Cursor[Row]) -> None:
        if self._closed:
            cursor.connection.close()
        elif cursor.connection.info.transaction_status is TransactionStatus.IDLE:
            self._idle.append(cursor)
        else:  # the server went away, and the idle connections with it; or this thread was interrupted
            cursor.connection.close()
            self._close_idle()
