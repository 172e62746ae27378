"""A method in a process of its own, so that clustering 100,000 keywords does not hold up the calls beside it."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

from services.planner.clustering.interface import (
    AS_THE_DATA_SAYS,
    Clusterer,
    ClusterProposal,
    Growth,
    KeywordToCluster,
    Meanings,
)

APART_FROM = 2_000
"""So many keywords take longer than starting a process does."""
TIMEOUT_S = 900.0
T = TypeVar("T")


class Interrupted(Exception):
    """The process ended, or did not end in time; nothing is known of the clusters."""


class ApartClusterer:
    """Runs a method in this thread when there is little to do, otherwise in a fresh process, one at a time.

    The process is spawned, not forked: gRPC does not survive a fork.

    Args:
        method: does the work; it can be pickled.
        apart_from: as many keywords or more are clustered apart.
        timeout_s: seconds that it may take.
    """

    def __init__(self, method: Clusterer, *, apart_from: int = APART_FROM, timeout_s: float = TIMEOUT_S) -> None:
        self._method, self._apart_from, self._timeout_s = method, apart_from, timeout_s
        self._context = multiprocessing.get_context("spawn")
        self._turn = threading.Lock()
        self._process: BaseProcess | None = None

    def cluster(
        self,
        keywords: Sequence[KeywordToCluster],
        granularity: float = AS_THE_DATA_SAYS,
        *,
        meanings: Meanings | None = None,
    ) -> list[ClusterProposal]:
        """Group `keywords`, see `interface.Clusterer`.

        Raises:
            Interrupted: the process ended or took too long.
        """
        work = partial(self._method.cluster, list(keywords), granularity, meanings=meanings)
        return self._carry_out(work, len(keywords))

    def grow(
        self,
        old: Sequence[tuple[str, str]],
        new: Sequence[KeywordToCluster],
        granularity: float = AS_THE_DATA_SAYS,
        *,
        pool_minimum: int = 1,
        meanings: Meanings | None = None,
    ) -> Growth:
        """Place new keywords beside old clusters, see `interface.Clusterer`.

        Raises:
            Interrupted: the process ended or took too long.
        """
        work = partial(
            self._method.grow, list(old), list(new), granularity, pool_minimum=pool_minimum, meanings=meanings
        )
        return self._carry_out(work, len(old) + len(new))

    def close(self) -> None:
        """End the process that is at work, if there is one; whoever waits for it gets Interrupted."""
        process = self._process
        if process is not None:
            process.terminate()

    def _carry_out(self, work: Callable[[], T], count: int) -> T:
        if count < self._apart_from:
            return work()
        if not self._turn.acquire(timeout=self._timeout_s):
            raise Interrupted(f"Another clustering took longer than {self._timeout_s:.0f} s.")
        try:
            return self._apart(work, count)
        finally:
            self._turn.release()

    def _apart(self, work: Callable[[], T], count: int) -> T:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True, name="clustering")
        with ours:
            process.start()
            theirs.close()  # so that its end is noticed: only the process holds the other one now
            self._process = process
            try:
                return self._exchange(ours, work, count)
            finally:
                self._process = None
                process.terminate()
                process.join()

    def _exchange(self, pipe: Connection, work: Callable[[], T], count: int) -> T:
        try:
            pipe.send(work)
            if not pipe.poll(self._timeout_s):
                raise Interrupted(f"Clustering {count:,} keywords took longer than {self._timeout_s:.0f} s.")
            done: T = pipe.recv()
        except (EOFError, OSError) as error:
            raise Interrupted(f"The process that clustered {count:,} keywords ended early.") from error
        return done


def _serve(pipe: Connection) -> None:
    """What the process does: one piece of work in, what came of it out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too, but its parent says when it ends
    with pipe:
        pipe.send(pipe.recv()())
