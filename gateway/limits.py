"""How often somebody may call: a token bucket for each, in this process's memory.

Several gateways each count for themselves, so that n of them let through n times as much. Counting together, in
Redis, is for when that matters.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from chassis.clock import Clock
from gateway.errors import RateLimited


@dataclass(frozen=True)
class Allowance:
    """What is left to a caller.

    Args:
        limit: calls at once, from a full bucket.
        remaining: calls left now.
        reset_s: seconds until the bucket is full again.
    """

    limit: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit header fields (draft-ietf-httpapi-ratelimit-headers, version 06)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


class Buckets:
    """One bucket for each key.

    Args:
        clock: fills them.
        per_minute: tokens that flow into a bucket.
        burst: tokens that a bucket holds.
        most: buckets kept; the one used longest ago is forgotten, which fills it.
    """

    def __init__(self, clock: Clock, *, per_minute: int, burst: int, most: int = 20_000) -> None:
        self._clock = clock
        self._rate_per_s = per_minute / 60
        self._burst = burst
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> Allowance:
        """Take one token.

        Raises:
            RateLimited: the bucket is empty; says when it no longer is.
        """
        now = self._clock.monotonic()
        level, since = self._levels.get(key, (float(self._burst), now))
        level = min(level + (now - since) * self._rate_per_s, self._burst)
        if level < 1:
            wait_s = (1 - level) / self._rate_per_s
            raise RateLimited(f"Too many requests; the next is welcome in {math.ceil(wait_s)} s.", retry_after_s=wait_s)
        self._levels[key] = (level - 1, now)
        self._levels.move_to_end(key)
        while len(self._levels) > self._most:
            self._levels.popitem(last=False)
        missing = self._burst - (level - 1)
        return Allowance(self._burst, int(level - 1), math.ceil(missing / self._rate_per_s))
