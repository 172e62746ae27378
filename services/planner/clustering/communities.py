"""From the neighbour graph to topics, and from topics to pages.

Source: Traag, Waltman and van Eck, "From Louvain to Leiden" (2019); the constant Potts model for pages: Traag, Van
Dooren and Nesterov, "Narrow scope for resolution-limit-free community detection" (2011).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import graspologic_native
import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.interface import Level, Meanings, Progress
from services.planner.clustering.neighbours import Graph, Neighbours, graph_of, nearest, nearest_among
from services.planner.clustering.settling import settle
from services.planner.clustering.table import shipped_table
from services.planner.clustering.vectors import Embedding, Floats

Labels = NDArray[np.int64]

SEED = 1
RESOLUTION_MIN, RESOLUTION_MAX = 1.0, 4.0
"""Of modularity, for topics."""
SIMILARITY_COARSE, RESOLUTION_STEP = 0.42, 14.0
"""The more alike neighbours are, the finer are the differences that mean something: RESOLUTION_MIN at this mean
similarity, and so much more for each 1.0 above. Fitted to six open sets at once, from 8 to 152 labels."""
SIMILARITY_COARSE_OF_A_MODEL = 0.4
"""The same where a model says what keywords mean; fitted to five of the sets with the vectors of all-MiniLM-L6-v2."""
FULL_RESOLUTION_FROM = 500
"""With fewer keywords the resolution goes down to RESOLUTION_MIN: at 3, a handful cannot be fewer than three topics."""
PAGE_RESOLUTION, PAGE_RESOLUTION_OF_A_MODEL = 1.28, 1.2
"""Of the constant Potts model: two keywords share a page where they are so much alike, each counting both ways."""
REGION_RESOLUTION = 1.0
ITERATIONS = 2


@dataclass(frozen=True, slots=True)
class Grouped:
    """labels: int64, the group of each text from 0. embedding: of the texts, by the word table, which knows phrases."""

    labels: Labels
    embedding: Embedding


def group(
    texts: Sequence[str], level: Level, granularity: float, progress: Progress, meanings: Meanings | None = None
) -> Grouped:
    """Put every text into one group.

    Args:
        texts: normalised, distinct, sorted; at least one.
        level: of the groups.
        granularity: more than 1 makes more and smaller groups, less than 1 fewer and larger ones.
        progress: is told how far it is.
        meanings: of the texts, where a model says what they mean; the word table says it when absent.
    """
    progress("words", 0, len(texts))
    table = shipped_table()
    embedding = Embedding(texts, table, meanings)
    neighbours = nearest(embedding, len(texts), progress)
    graph = graph_of(neighbours)
    progress("groups", 0, len(texts))
    coarse = SIMILARITY_COARSE if meanings is None else SIMILARITY_COARSE_OF_A_MODEL
    labels = settle(graph, embedding, topics(graph, topic_resolution(neighbours, coarse) * granularity))
    if level is Level.PAGE:
        resolution = PAGE_RESOLUTION if meanings is None else PAGE_RESOLUTION_OF_A_MODEL
        labels = pages(graph, labels, resolution * granularity)
    return Grouped(labels, embedding if meanings is None else Embedding(texts, table))


def topic_resolution(neighbours: Neighbours, coarse: float = SIMILARITY_COARSE) -> float:
    """Return how finely these keywords are best told apart into topics; `coarse` as SIMILARITY_COARSE."""
    count = len(neighbours.indexes)
    alike = float(neighbours.similarities.mean()) if neighbours.similarities.size else 0.0
    wanted = RESOLUTION_MIN + RESOLUTION_STEP * (alike - coarse)
    above = min(max(wanted, RESOLUTION_MIN), RESOLUTION_MAX) - RESOLUTION_MIN
    return RESOLUTION_MIN + above * min(1.0, count / FULL_RESOLUTION_FROM)


def topics(graph: Graph, resolution: float) -> Labels:
    """Return the topic of each keyword, int64 from 0."""
    return _leiden(graph, resolution, modularity=True)


def pages(graph: Graph, topic: Labels, resolution: float) -> Labels:
    """Return the page of each keyword, int64 from 0; no page is of two topics."""
    inside = graph.only(topic[graph.rows()] == topic[graph.indexes])
    return _leiden(inside, resolution, modularity=False)


def regions(centres: Floats) -> Labels:
    """Return the region of each cluster, int64 from 0: clusters of clusters, a handful."""
    graph = graph_of(nearest_among(centres, centres, own=True))
    return _leiden(graph, REGION_RESOLUTION, modularity=True)


def members(labels: Labels) -> list[list[int]]:
    """Return the indexes of each group, ascending, groups by their first."""
    order = np.argsort(labels, kind="stable")
    ends = np.flatnonzero(np.diff(labels[order])) + 1
    groups = [part.tolist() for part in np.split(order, ends)]
    return sorted(groups)


def _leiden(graph: Graph, resolution: float, *, modularity: bool) -> Labels:
    if not len(graph.indexes):  # nothing is like anything
        return np.arange(graph.count)
    _, found = graspologic_native.leiden_csr(
        graph.starts,
        graph.indexes,
        graph.weights,
        graph.count,
        resolution=resolution,
        use_modularity=modularity,
        iterations=ITERATIONS,
        seed=SEED,
    )
    return np.fromiter((found[node] for node in range(graph.count)), np.int64, graph.count)
