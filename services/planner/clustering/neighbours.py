"""The nearest keywords of each keyword, and the graph that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.interface import Meanings, Progress, silent
from services.planner.clustering.table import shipped_table
from services.planner.clustering.vectors import Embedding, Floats

if TYPE_CHECKING:
    from usearch.index import Index

NEIGHBOURS = 12
EXACT_UP_TO = 20_000
"""More keywords are searched by a graph (HNSW: Malkov and Yashunin, 2016): comparing all takes the square of them."""
ALIKE_MINIMUM = 0.15
"""Keywords that are less alike are not joined: in a short list, the nearest of all can be far away."""
BLOCK_ROWS = 1_024
CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 16, 48, 48
"""Of the HNSW graph: recall .98. It matters: at .65 clusters lose 5 to 7 points of B-cubed F1."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest of each keyword, itself left out, nearest first.

    indexes: int32, similarities: float32 cosines, both (keywords, at most NEIGHBOURS).
    """

    indexes: NDArray[np.int32]
    similarities: Floats


@dataclass(frozen=True, slots=True)
class Graph:
    """A symmetric graph in compressed rows: `starts` int64 (keywords + 1), `indexes` int32, `weights` float64."""

    starts: NDArray[np.int64]
    indexes: NDArray[np.int32]
    weights: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many keywords it has."""
        return len(self.starts) - 1

    def rows(self) -> NDArray[np.int64]:
        """Return the row of each entry."""
        return np.repeat(np.arange(self.count), np.diff(self.starts))

    def only(self, kept: NDArray[np.bool_]) -> "Graph":
        """Return the graph with these entries alone; `kept` must be symmetric."""
        counts = np.bincount(self.rows()[kept], minlength=self.count)
        return Graph(np.concatenate([[0], np.cumsum(counts)]), self.indexes[kept], self.weights[kept])


def nearest(embedding: Embedding, count: int, progress: Progress = silent) -> Neighbours:
    """Find the nearest NEIGHBOURS of each of `count` keywords, exactly up to EXACT_UP_TO of them."""
    if count <= EXACT_UP_TO:
        vectors = embedding.all()
        progress("neighbours", 0, count)
        return nearest_among(vectors, vectors, own=True)
    return _search(embedding, count, progress)


def nearest_among(queries: Floats, vectors: Floats, *, own: bool = False) -> Neighbours:
    """Compare every query with every vector.

    Args:
        queries: float32 (queries, width), of length 1.
        vectors: float32 (vectors, width), of length 1.
        own: the queries are the vectors; none is its own neighbour.
    """
    width = min(NEIGHBOURS, len(vectors) - own)
    indexes = np.empty((len(queries), width), np.int32)
    similarities = np.empty((len(queries), width), np.float32)
    if not width:
        return Neighbours(indexes, similarities)
    for start in range(0, len(queries), BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, len(queries)))
        found = queries[block] @ vectors.T
        if own:
            found[np.arange(len(found)), np.arange(block.start, block.stop)] = -np.inf
        best = np.argpartition(-found, width - 1, axis=1)[:, :width]
        likeness = np.take_along_axis(found, best, axis=1)
        order = np.lexsort((best, -likeness), axis=1)
        indexes[block] = np.take_along_axis(best, order, axis=1)
        similarities[block] = np.take_along_axis(likeness, order, axis=1)
    return Neighbours(indexes, similarities)


def nearest_of(texts: Sequence[str], among: Sequence[str], meanings: Meanings | None = None) -> Neighbours:
    """Find the nearest of `among` for each of `texts`; normalised, distinct, sorted, and none of one in the other."""
    embedding = Embedding([*among, *texts], shipped_table(), meanings)
    if len(texts) * len(among) <= EXACT_UP_TO**2:
        vectors = embedding.all()
        return nearest_among(vectors[len(among) :], vectors[: len(among)])
    index = _index(embedding, len(among), silent)
    return _ask(index, embedding, slice(len(among), len(among) + len(texts)))


def _search(embedding: Embedding, count: int, progress: Progress) -> Neighbours:
    """Find the nearest of all keywords by HNSW."""
    index = _index(embedding, count, progress)
    return _ask(index, embedding, slice(0, count), progress, own=True)


def _index(embedding: Embedding, count: int, progress: Progress) -> "Index":
    """Return an index of the first `count` texts."""
    from usearch.index import Index  # noqa: PLC0415 - takes a while to import, and is needed for many keywords only

    index = Index(  # bf16: recall as with f32, in two thirds of the time
        ndim=embedding.width,
        metric="ip",
        dtype="bf16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )
    for place, block in embedding.blocks(slice(0, count)):
        index.add(np.arange(place.start, place.stop), block, threads=1)  # one thread: the same graph every time
        progress("neighbours", place.stop // 2, count)
    return index


def _ask(
    index: "Index", embedding: Embedding, wanted: slice, progress: Progress = silent, *, own: bool = False
) -> Neighbours:
    """Return the nearest in `index` of the texts `wanted`; `own`: they are in it, and none is its own neighbour."""
    count = wanted.stop - wanted.start
    indexes = np.zeros((count, NEIGHBOURS), np.int32)
    similarities = np.zeros((count, NEIGHBOURS), np.float32)
    for place, block in embedding.blocks(wanted):
        found = index.search(block, NEIGHBOURS + own, threads=1)
        keys, likeness = found.keys.astype(np.int64), 1 - found.distances
        if own:
            likeness[keys == np.arange(place.start, place.stop)[:, None]] = -np.inf  # last, and then cut off
        order = np.argsort(-likeness, axis=1, kind="stable")[:, :NEIGHBOURS]
        rows = slice(place.start - wanted.start, place.stop - wanted.start)
        indexes[rows] = np.take_along_axis(keys, order, axis=1)
        similarities[rows] = np.take_along_axis(likeness, order, axis=1)
        progress("neighbours", (count + place.stop) // 2, count)
    return Neighbours(indexes, similarities)


def graph_of(neighbours: Neighbours) -> Graph:
    """Return the graph whose edges weigh the similarity, twice where both name each other; unlike ones have none."""
    count, width = neighbours.indexes.shape
    rows = np.repeat(np.arange(count), width)
    columns = neighbours.indexes.ravel().astype(np.int64)
    weights = neighbours.similarities.ravel().astype(np.float64)
    alike = weights > ALIKE_MINIMUM
    rows, columns, weights = rows[alike], columns[alike], weights[alike]
    keys = np.concatenate([rows * count + columns, columns * count + rows])
    pairs, place = np.unique(keys, return_inverse=True)
    summed = np.bincount(place, weights=np.concatenate([weights, weights]), minlength=len(pairs))
    counts = np.bincount(pairs // count, minlength=count)
    return Graph(np.concatenate([[0], np.cumsum(counts)]), (pairs % count).astype(np.int32), summed.astype(np.float64))
