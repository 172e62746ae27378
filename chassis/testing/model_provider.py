"""A model provider with moods: it answers well, and at set rates slowly, late, in pieces, wrongly or not at all.

The rates are shares of the requests; one request has at most one mood. Which one is drawn from a seed in the order in
which requests come in. What it was asked is counted by the key that the caller sent with it.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace

from chassis.testing.model_server import Asked, ModelServer, Reply, chat, failure

KEY = "idempotency-key"
WELL = "well"
_BROKEN = '{"answer": ["half of it", '


@dataclass(frozen=True)
class Rates:
    """How much of what is asked goes wrong: shares from 0 to 1, together at most 1.

    Args:
        slow: answered well, after `slow_s`.
        limited: refused with 429 and a Retry-After of 1 s.
        failed: refused with 500.
        dropped: the connection is closed without an answer.
        cut: the connection is closed in the middle of the answer.
        truncated: a text that ends at its token limit; for a picture, an answer without one.
        broken: a text that is no JSON; for a picture, an answer without one.
        repeated: the answer that somebody else was given the last time.
    """

    slow: float = 0.0
    limited: float = 0.0
    failed: float = 0.0
    dropped: float = 0.0
    cut: float = 0.0
    truncated: float = 0.0
    broken: float = 0.0
    repeated: float = 0.0

    def __post_init__(self) -> None:
        shares = self.shares()
        if min(shares.values()) < 0 or sum(shares.values()) > 1:
            raise ValueError(f"Each rate is from 0 to 1, and all together at most 1: {shares}")

    def shares(self) -> dict[str, float]:
        """Return the share of each mood, by its name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def mood(self, drawn: float) -> str:
        """Return the mood for a number from 0 to 1."""
        for name, share in self.shares().items():
            if drawn < share:
                return name
            drawn -= share
        return WELL


@dataclass
class Counted:
    """What the provider was asked, so far.

    Args:
        moods: for each key, the moods of its requests in order.
    """

    moods: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def requests(self) -> int:
        """How many requests came in."""
        return sum(map(len, self.moods.values()))

    @property
    def repeats(self) -> int:
        """How many of them asked again under a key that had been asked before."""
        return self.requests - len(self.moods)

    @property
    def by_mood(self) -> Counter[str]:
        """How many requests had which mood."""
        return Counter(mood for moods in self.moods.values() for mood in moods)


class ModelProvider(ModelServer):
    """A running provider.

    Args:
        answer: what it answers when it is well.
        rates: how often it is not.
        seed: draws the moods.
        quick_s: from and to how many seconds an answer usually takes.
        slow_s: the same of a slow one.
    """

    def __init__(
        self,
        answer: Callable[[Asked], Reply],
        rates: Rates,
        seed: int,
        *,
        quick_s: tuple[float, float] = (0.0, 0.05),
        slow_s: tuple[float, float] = (0.05, 3.0),
    ) -> None:
        super().__init__()
        self.counted = Counted()
        self._answer, self._rates, self._quick_s, self._slow_s = answer, rates, quick_s, slow_s
        self._chance = random.Random(seed)  # noqa: S311 - a test that can be replayed; nothing is secret
        self._lock = threading.Lock()
        self._last: dict[str, Reply] = {}

    def next_reply(self, asked: Asked) -> Reply:
        """Count a request and return what it is answered with."""
        well = self._answer(asked)
        with self._lock:
            mood = self._rates.mood(self._chance.random())
            if mood == "repeated" and asked.path not in self._last:
                mood = WELL  # there is nothing to repeat yet
            wait = self._chance.uniform(*(self._slow_s if mood == "slow" else self._quick_s))
            self.counted.moods[asked.headers.get(KEY, "")].append(mood)
            last = self._last.get(asked.path, well)
            if mood in {WELL, "slow"}:
                self._last[asked.path] = well
        return replace(_moody(mood, well, last), after_s=wait)


def _moody(mood: str, well: Reply, last: Reply) -> Reply:
    """Return what an answer becomes in a mood; `last` is what was last answered at the same address."""
    bad: Mapping[str, Callable[[], Reply]] = {
        "limited": lambda: failure(429, "Too many requests.", headers={"Retry-After": "1"}),
        "failed": lambda: failure(500, "The model is not there just now."),
        "dropped": lambda: replace(well, cut_at=0),
        "cut": lambda: replace(well, cut_at=max(1, len(well.body) // 2)),
        "truncated": lambda: chat(_BROKEN, finish_reason="length"),
        "broken": lambda: chat(_BROKEN),
        "repeated": lambda: last,
    }
    return bad[mood]() if mood in bad else well


@contextmanager
def model_provider(
    answer: Callable[[Asked], Reply], rates: Rates, seed: int, *, slow_s: Sequence[float] = (0.05, 3.0)
) -> Iterator[ModelProvider]:
    """A provider for the length of a `with` block."""
    provider = ModelProvider(answer, rates, seed, slow_s=(slow_s[0], slow_s[1]))
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()
