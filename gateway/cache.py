"""What other services said, kept for a short time: bounded, and asked once however many wait for the same answer."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from chassis.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Answers by key. A failure is not kept.

    Args:
        clock: tells how old an answer is.
        lifetime_s: seconds that an answer is good for.
        most: answers kept at once; the one used longest ago goes first.
    """

    def __init__(self, clock: Clock, *, lifetime_s: float, most: int = 10_000) -> None:
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._most = most
        self._answers: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """Return the answer for a key, asked for when there is none that is young enough.

        Raises:
            Exception: what `load` raised.
        """
        known = self._answers.get(key)
        if known is not None and known[0] > self._clock.monotonic():
            self._answers.move_to_end(key)
            return known[1]
        task = self._loading.get(key)
        if task is None:
            task = asyncio.ensure_future(self._load(key, load))
            task.add_done_callback(_seen)
            self._loading[key] = task
        return await asyncio.shield(task)  # one that gives up must not take the answer from the others

    def forget(self, key: K) -> None:
        """Ask again the next time."""
        self._answers.pop(key, None)

    async def _load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await load()
        finally:
            del self._loading[key]
        self._answers[key] = (self._clock.monotonic() + self._lifetime_s, value)
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return value


def _seen(task: "asyncio.Task[V]") -> None:
    """Look at a failure that nobody waits for any more, or asyncio complains that nobody did."""
    if not task.cancelled():
        task.exception()
