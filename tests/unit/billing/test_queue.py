"""The queue in front of a busy account, with an executor that does as the test says."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import DeadlineTooShort
from services.billing.batching.queue import Batcher

PATIENCE_S = 30


class Away(Exception):
    """The executor cannot be reached."""


class Books:
    """Does a batch when it is let through, and writes down what it did."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[str]]] = []
        self.open = threading.Event()
        self.open.set()
        self.away = False
        self.goes_away_after_a_batch = False

    def run(self, key: str, operations: Sequence[str]) -> list[str]:
        self.batches.append((key, list(operations)))
        assert self.open.wait(PATIENCE_S)
        if self.away:
            raise Away
        self.away = self.goes_away_after_a_batch and len(operations) > 1
        if any(operation.startswith("bad") for operation in operations):
            raise ValueError(f"one of {len(operations)}")
        return [f"{key}:{operation}" for operation in operations]


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def batcher(books: Books) -> Batcher[str, str, str]:
    return Batcher(books.run, hopeless=(Away,), most=4)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as made:
        yield made


def eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.001)


@contextmanager
def one_at_work(
    batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor, *, key: str = "a"
) -> Iterator["Future[str]"]:
    """While the block runs, a first batch of the key is under way; then it is let through."""
    before = len(books.batches)
    books.open.clear()
    first = pool.submit(batcher.submit, key, "first", math.inf)
    eventually(lambda: len(books.batches) > before)
    try:
        yield first
    finally:
        books.open.set()


def queue_up(batcher: Batcher[str, str, str], pool: ThreadPoolExecutor, *operations: str) -> list["Future[str]"]:
    """Queue operations up behind what is under way, in this order."""
    made = []
    for operation in operations:
        before = batcher.waiting("a")
        made.append(pool.submit(batcher.submit, "a", operation, math.inf))
        eventually(lambda expected=before + 1: batcher.waiting("a") == expected)  # type: ignore[misc]  # mypy infers no type for a lambda's default
    return made


def test_who_comes_alone_goes_at_once(batcher: Batcher[str, str, str], books: Books) -> None:
    assert [batcher.submit("a", "x", math.inf), batcher.submit("a", "y", math.inf)] == ["a:x", "a:y"]
    assert books.batches == [("a", ["x"]), ("a", ["y"])]
    assert batcher.waiting("a") == 0


def test_those_who_come_meanwhile_go_together_in_their_order(
    batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
) -> None:
    with one_at_work(batcher, books, pool) as first:
        others = queue_up(batcher, pool, "x", "y", "x")
    assert first.result(PATIENCE_S) == "a:first"
    assert [other.result(PATIENCE_S) for other in others] == ["a:x", "a:y", "a:x"]
    assert books.batches == [("a", ["first"]), ("a", ["x", "y", "x"])]


def test_a_batch_has_at_most_so_many(batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor) -> None:
    with one_at_work(batcher, books, pool):
        others = queue_up(batcher, pool, *"123456789")
    assert [other.result(PATIENCE_S) for other in others] == [f"a:{n}" for n in range(1, 10)]
    assert [operations for _, operations in books.batches] == [["first"], [*"1234"], [*"5678"], ["9"]]


def test_one_account_does_not_wait_for_another(
    batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
) -> None:
    with one_at_work(batcher, books, pool), one_at_work(batcher, books, pool, key="b"):
        assert books.batches == [("a", ["first"]), ("b", ["first"])]


def test_a_failure_concerns_only_whom_it_is_about(
    batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
) -> None:
    with one_at_work(batcher, books, pool):
        before, bad, after = queue_up(batcher, pool, "x", "bad", "y")
    assert [before.result(PATIENCE_S), after.result(PATIENCE_S)] == ["a:x", "a:y"]
    with pytest.raises(ValueError, match="one of 1"):
        bad.result(PATIENCE_S)
    assert [operations for _, operations in books.batches[1:]] == [["x", "bad", "y"], ["x"], ["bad"], ["y"]]


def test_one_who_fails_alone_hands_over_all_the_same(
    batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
) -> None:
    with one_at_work(batcher, books, pool):
        bad, *_ = queue_up(batcher, pool, "bad1", "bad2", "bad3", "bad4")
        (last,) = queue_up(batcher, pool, "last")
    with pytest.raises(ValueError, match="one of 1"):
        bad.result(PATIENCE_S)
    assert last.result(PATIENCE_S) == "a:last"


def test_what_would_meet_all_is_told_to_all_at_once(
    batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
) -> None:
    with one_at_work(batcher, books, pool):
        others = queue_up(batcher, pool, "x", "y", "z")
        books.away = True
    for other in others:
        with pytest.raises(Away):
            other.result(PATIENCE_S)
    assert len(books.batches) == 2
    books.away = False
    assert batcher.submit("a", "again", math.inf) == "a:again"


def test_one_by_one_ends_where_nothing_helps(
    batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
) -> None:
    with one_at_work(batcher, books, pool):
        others = queue_up(batcher, pool, "bad", "x", "y")
        books.goes_away_after_a_batch = True
    for other in others:
        with pytest.raises(Away):
            other.result(PATIENCE_S)
    assert [operations for _, operations in books.batches[1:]] == [["bad", "x", "y"], ["bad"]]


def test_an_answer_too_few_is_told_to_those_without_one() -> None:
    batcher = Batcher[str, str, str](lambda _key, _operations: [])
    with pytest.raises(ValueError, match="shorter"):
        batcher.submit("a", "x", math.inf)


class TestDeadlines:
    def test_who_waited_his_whole_time_leaves_and_nothing_is_done(
        self, batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
    ) -> None:
        with one_at_work(batcher, books, pool):
            with pytest.raises(DeadlineTooShort, match="nothing was done"):
                batcher.submit("a", "late", time.monotonic() - 1)
            assert batcher.waiting("a") == 0
            (other,) = queue_up(batcher, pool, "x")
        assert other.result(PATIENCE_S) == "a:x"
        assert books.batches == [("a", ["first"]), ("a", ["x"])]

    def test_whose_time_is_over_is_not_taken_into_a_batch(self, books: Books, pool: ThreadPoolExecutor) -> None:
        now = [0.0]
        batcher = Batcher[str, str, str](books.run, monotonic=lambda: now[0])
        with one_at_work(batcher, books, pool):
            late = pool.submit(batcher.submit, "a", "late", PATIENCE_S)
            eventually(lambda: batcher.waiting("a") == 1)
            (other,) = queue_up(batcher, pool, "x")
            now[0] = PATIENCE_S
        with pytest.raises(DeadlineTooShort):
            late.result(PATIENCE_S)
        assert other.result(PATIENCE_S) == "a:x"
        assert books.batches == [("a", ["first"]), ("a", ["x"])]

    def test_what_is_under_way_is_done_as_a_whole(
        self, batcher: Batcher[str, str, str], books: Books, pool: ThreadPoolExecutor
    ) -> None:
        books.open.clear()
        late = pool.submit(batcher.submit, "a", "late", time.monotonic() - 1)
        eventually(lambda: len(books.batches) == 1)
        books.open.set()
        assert late.result(PATIENCE_S) == "a:late"


@settings(max_examples=30, deadline=None)
@given(
    operations=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", "bad"])), min_size=1, max_size=40),
    most=st.integers(1, 8),
)
def test_everybody_has_his_own_answer_and_each_is_done_once(operations: list[tuple[str, str]], most: int) -> None:
    done: Counter[str] = Counter()

    def run(key: str, wanted: Sequence[str]) -> list[str]:
        assert len(wanted) <= most
        time.sleep(0)
        if any("bad" in operation for operation in wanted):
            raise ValueError(key)
        done.update(wanted)
        return [f"{key}:{operation}" for operation in wanted]

    batcher = Batcher[str, str, str](run, most=most)
    with ThreadPoolExecutor(len(operations)) as pool:
        results = [
            pool.submit(batcher.submit, key, f"{operation}{n}", math.inf)
            for n, (key, operation) in enumerate(operations)
        ]
    for n, (key, operation) in enumerate(operations):
        if operation == "bad":
            assert isinstance(results[n].exception(PATIENCE_S), ValueError)
        else:
            assert results[n].result(PATIENCE_S) == f"{key}:{operation}{n}"
    assert done == Counter(f"{operation}{n}" for n, (_, operation) in enumerate(operations) if operation != "bad")
    assert [batcher.waiting(key) for key in "ab"] == [0, 0]
