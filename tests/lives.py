"""What a worker lives to see: its calls and commits stop when that is over, for ever or until somebody wakes it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.tenancy import Tenant

PATIENCE_S = 60.0


class Died(BaseException):
    """The worker was killed; no `except` may take it for a failure."""


@dataclass
class Life:
    """What one worker lives to see of one piece of work.

    Args:
        stop: how many calls and commits it makes before it stops; more than there are to end it.
        killed: whether it dies where it stops, and does not wait to be woken.
        twice: whether it does not stop before the next call but makes it twice at once, as a worker that died while it
            was under way and its successor do, and dies.
        before: what is done, or raised, before calls, by method name.
        may_end: whether there may be less to do than it would live to see.
    """

    stop: int
    killed: bool = False
    twice: bool = False
    before: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    may_end: bool = False
    seen: list[str] = field(default_factory=list)
    stands: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def __str__(self) -> str:
        last = self.seen[self.stop - 1] if 0 < self.stop <= len(self.seen) else "the claim"
        return f"{'twice at once ' if self.twice else ''}after {self.stop} ({last})"

    @property
    def over(self) -> bool:
        """Whether it must stop now."""
        return len(self.seen) == self.stop and not self.goes_on.is_set()

    def stand(self) -> None:
        """Wait, for as long as it takes, and then go on as if nothing had been."""
        self.stands.set()
        assert self.killed or self.goes_on.wait(PATIENCE_S), "nobody woke or killed the worker"
        if self.killed:
            raise Died

    def do(self, name: str) -> None:
        """Stop before a call or commit when it is time, and count it when it is made."""
        if self.over:
            self.stand()
        self.seen.append(name)
        self.before.get(name, lambda: None)()

    def end(self) -> None:
        """Note that nothing is to come."""
        self.stands.set()
        self.goes_on.set()


class Commits(Database):
    """The transactions of one life."""

    def __init__(self, database: Database, life: Life) -> None:
        self._database, self._life = database, life

    @contextmanager
    def transaction(self, tenant: Tenant) -> Iterator[Transaction]:
        self._life.do("commit")
        with self._database.transaction(tenant) as transaction:
            yield transaction

    @contextmanager
    def untenanted(self) -> Iterator[sa.Connection]:
        self._life.do("commit")
        with self._database.untenanted() as connection:
            yield connection

    def single(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        self._life.do("commit")
        return self._database.single(statement, parameters)
