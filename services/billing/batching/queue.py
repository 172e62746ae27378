"""Group commit without a timer: what many want of one account at once is done in one transaction.

Whoever comes while nothing is under way for his account goes at once, alone. Those who come meanwhile queue up; when
he is done he hands over to the first of them, who takes all that wait by the time he wakes into the next transaction,
his own included. So a batch is as large as the load makes it, nobody waits for company, and no thread serves others for
longer than one batch. Every operation has a thread that waits for its answer, so a stopping server loses none silently.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from chassis.errors import DeadlineTooShort, Internal

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)
O = TypeVar("O")  # noqa: E741 - of "operation"
A = TypeVar("A")
MOST = 64  # operations in a batch: larger ones save little more, and the first of them waits for the last


class Batcher(Generic[K, O, A]):
    """Puts concurrent operations under one key into one batch.

    Args:
        run: does operations of one key in one transaction, in order, and returns as many answers. A refusal is an
            answer; what it raises has done nothing.
        hopeless: errors that would meet every operation, such as a database that is away: they go to all of the batch.
            After any other the operations are done one by one, so that it concerns only whom it is about.
        most: operations in a batch at most.
        monotonic: tells the time that deadlines are given in.
    """

    def __init__(
        self,
        run: Callable[[K, Sequence[O]], Sequence[A]],
        *,
        hopeless: tuple[type[Exception], ...] = (),
        most: int = MOST,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._hopeless = hopeless
        self._most = most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._lines: dict[K, deque[_Caller[O, A]]] = {}  # of keys for which a batch is under way

    def submit(self, key: K, operation: O, until: float) -> A:
        """Do an operation, alone or with others of its key, and return its answer.

        Args:
            key: what one batch is about.
            operation: what is to be done.
            until: when its caller gives up, by `monotonic`. It bounds the wait in the queue: what was taken into a
                batch is done or not done as a whole, like every call that has reached its transaction.

        Raises:
            DeadlineTooShort: the time was over before its turn came; nothing was done.
            Exception: what `run` raised for it.
        """
        caller: _Caller[O, A] = _Caller(operation, until)
        with self._lock:
            line = self._lines.get(key)
            if line is None:
                self._lines[key] = deque()
            else:
                line.append(caller)
        if line is None:
            self._lead(key, [caller])
        elif self._is_to_lead(line, caller):
            self._lead(key, self._take(line))
        return caller.result()

    def waiting(self, key: K) -> int:
        """Return how many are queued up under a key."""
        with self._lock:
            return len(self._lines.get(key, ()))

    def _is_to_lead(self, line: "deque[_Caller[O, A]]", caller: "_Caller[O, A]") -> bool:
        """Wait to be answered or to lead; leave the queue when the time is over before either."""
        left_s = min(max(caller.until - self._monotonic(), 0), threading.TIMEOUT_MAX)
        if not caller.called.acquire(timeout=left_s):
            with self._lock:
                if caller in line and not caller.leads:
                    line.remove(caller)
                    raise _too_late()
            caller.called.acquire()  # it was taken in this very moment, and is done or not done with its batch
        return caller.leads

    def _take(self, line: "deque[_Caller[O, A]]") -> "list[_Caller[O, A]]":
        """Return the first who wait, without those who are about to find out that their time is over."""
        with self._lock:
            now, batch = self._monotonic(), [line.popleft()]  # whoever leads
            while line and len(batch) < self._most:
                caller = line.popleft()
                if caller.until > now:
                    batch.append(caller)
                else:
                    caller.error = _too_late()
                    caller.called.release()
        return batch

    def _lead(self, key: K, batch: "list[_Caller[O, A]]") -> None:
        try:
            self._do(key, batch)
        finally:  # whatever happened: nobody waits for ever, and the next ones go on
            for caller in batch[1:]:  # the first is who leads
                caller.called.release()
            self._hand_over(key)

    def _do(self, key: K, batch: "list[_Caller[O, A]]") -> None:
        try:
            answers = self._run(key, [caller.operation for caller in batch])
        except self._hopeless as error:
            for caller in batch:
                caller.error = error
        except Exception as error:  # noqa: BLE001 - whatever one of them met must not fail the others
            if len(batch) == 1:
                batch[0].error = error
            else:
                log.warning("a batch of %s failed and is done one by one: %s", len(batch), error)
                self._do_one_by_one(key, batch)
        else:
            for caller, answer in zip(batch, answers, strict=True):
                caller.answer, caller.error = answer, None

    def _do_one_by_one(self, key: K, batch: "list[_Caller[O, A]]") -> None:
        for n, caller in enumerate(batch):
            self._do(key, [caller])
            if isinstance(caller.error, self._hopeless):
                for other in batch[n:]:
                    other.error = caller.error
                return

    def _hand_over(self, key: K) -> None:
        """Have the first of those who wait lead, or end the line when nobody does."""
        with self._lock:
            line, now = self._lines[key], self._monotonic()
            while line:
                caller = line[0]
                caller.leads = caller.until > now
                if not caller.leads:
                    line.popleft().error = _too_late()
                caller.called.release()
                if caller.leads:
                    return
            del self._lines[key]


class _Caller(Generic[O, A]):
    """Somebody who waits for his operation: called once at most, when it is done or he is to lead.

    `called` is locked until then; an Event would take three locks for the same, and this is done for every operation.
    """

    __slots__ = ("answer", "called", "error", "leads", "operation", "until")

    def __init__(self, operation: O, until: float) -> None:
        self.operation = operation
        self.until = until
        self.called = threading.Lock()
        self.called.acquire()
        self.leads = False
        self.answer: A | None = None
        self.error: Exception | None = Internal("The batch of this operation ended without an answer.")

    def result(self) -> A:
        if self.error is not None:
            raise self.error
        return self.answer  # type: ignore[return-value]  # where there is no error there is an answer, of any type


def _too_late() -> DeadlineTooShort:
    return DeadlineTooShort(
        "Other work of the account took all the time of this call, so nothing was done; try again with a later one."
    )
