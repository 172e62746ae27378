"""A method in a process of its own, so that clustering 100,000 keywords does not hold up the calls beside it."""

import multiprocessing
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from services.planner.clustering.interface import Clusterer, ClusterProposal, KeywordToCluster

APART_FROM = 2_000
"""So many keywords take longer than starting a process does."""
TIMEOUT_S = 900.0


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

    def cluster(self, keywords: Sequence[KeywordToCluster]) -> list[ClusterProposal]:
        """Group `keywords`, see `interface.Clusterer`.

        Raises:
            Interrupted: the process ended or took too long.
        """
        if len(keywords) < self._apart_from:
            return self._method.cluster(keywords)
        if not self._turn.acquire(timeout=self._timeout_s):
            raise Interrupted(f"Another clustering took longer than {self._timeout_s:.0f} s.")
        try:
            return self._cluster_apart(list(keywords))
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the process that is at work, if there is one; whoever waits for it gets Interrupted."""
        process = self._process
        if process is not None:
            process.terminate()

    def _cluster_apart(self, keywords: list[KeywordToCluster]) -> list[ClusterProposal]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._method), daemon=True, name="clustering")
        with ours:
            process.start()
            theirs.close()  # so that its end is noticed: only the process holds the other one now
            self._process = process
            try:
                return self._exchange(ours, keywords)
            finally:
                self._process = None
                process.terminate()
                process.join()

    def _exchange(self, pipe: Connection, keywords: list[KeywordToCluster]) -> list[ClusterProposal]:
        try:
            pipe.send(keywords)
            if not pipe.poll(self._timeout_s):
                raise Interrupted(f"Clustering {len(keywords):,} keywords took longer than {self._timeout_s:.0f} s.")
            proposals: list[ClusterProposal] = pipe.recv()
        except (EOFError, OSError) as error:
            raise Interrupted(f"The process that clustered {len(keywords):,} keywords ended early.") from error
        return proposals


def _serve(pipe: Connection, method: Clusterer) -> None:
    """What the process does: one list of keywords in, one list of proposals out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too, but its parent says when it ends
    with pipe:
        pipe.send(method.cluster(pipe.recv()))
