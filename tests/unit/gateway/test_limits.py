"""Buckets and caches."""

import asyncio

import pytest

from chassis.testing.clock import FakeClock
from gateway.cache import TimedCache
from gateway.errors import RateLimited
from gateway.limits import Buckets


class TestBuckets:
    def test_a_burst_passes_and_then_one_as_often_as_they_flow(self) -> None:
        clock = FakeClock()
        buckets = Buckets(clock, per_minute=60, burst=3)
        assert [buckets.take("a").remaining for _ in range(3)] == [2, 1, 0]
        with pytest.raises(RateLimited) as refused:
            buckets.take("a")
        assert refused.value.retry_after_s == pytest.approx(1.0)
        clock.move(seconds=1.0)
        assert buckets.take("a").remaining == 0

    def test_each_key_has_its_own(self) -> None:
        buckets = Buckets(FakeClock(), per_minute=1, burst=1)
        buckets.take("a")
        assert buckets.take("b").headers == {
            "RateLimit-Limit": "1",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": "60",
        }

    def test_a_refusal_costs_nothing(self) -> None:
        clock = FakeClock()
        buckets = Buckets(clock, per_minute=60, burst=1)
        buckets.take("a")
        for _ in range(5):
            with pytest.raises(RateLimited):
                buckets.take("a")
        clock.move(seconds=1.0)
        buckets.take("a")

    def test_no_more_buckets_are_kept_than_allowed(self) -> None:
        buckets = Buckets(FakeClock(), per_minute=1, burst=1, most=2)
        for key in "abc":
            buckets.take(key)
        assert buckets.take("a").remaining == 0  # forgotten, so full again
        with pytest.raises(RateLimited):
            buckets.take("c")


class Source:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def load(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        return self.asked


class TestTimedCache:
    def test_an_answer_is_good_for_its_lifetime(self) -> None:
        clock, source = FakeClock(), Source()
        cache: TimedCache[str, int] = TimedCache(clock, lifetime_s=60)

        async def check() -> list[int]:
            answers = [await cache.get("a", source.load), await cache.get("a", source.load)]
            clock.move(seconds=60.1)
            return [*answers, await cache.get("a", source.load)]

        assert asyncio.run(check()) == [1, 1, 2]

    def test_many_who_wait_ask_once_and_one_who_leaves_takes_nothing_away(self) -> None:
        source = Source()
        cache: TimedCache[str, int] = TimedCache(FakeClock(), lifetime_s=60)

        async def check() -> list[int]:
            waiting = [asyncio.ensure_future(cache.get("a", source.load)) for _ in range(5)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            return await asyncio.gather(*waiting[1:])

        assert asyncio.run(check()) == [1, 1, 1, 1]

    def test_a_failure_is_not_kept(self) -> None:
        source = Source()
        cache: TimedCache[str, int] = TimedCache(FakeClock(), lifetime_s=60)

        async def fail() -> int:
            raise RateLimited("no")

        async def check() -> int:
            with pytest.raises(RateLimited):
                await cache.get("a", fail)
            return await cache.get("a", source.load)

        assert asyncio.run(check()) == 1

    def test_what_is_forgotten_is_asked_again_and_the_oldest_goes_first(self) -> None:
        source = Source()
        cache: TimedCache[str, int] = TimedCache(FakeClock(), lifetime_s=60, most=2)

        async def check() -> list[int]:
            first = await cache.get("a", source.load)
            cache.forget("a")
            again = await cache.get("a", source.load)
            await cache.get("b", source.load)
            await cache.get("c", source.load)
            return [first, again, await cache.get("a", source.load)]

        assert asyncio.run(check()) == [1, 2, 5]
