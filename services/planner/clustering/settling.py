"""Each keyword where it fits best: near the middle of a topic, and among its neighbours.

Communities are found from edges alone, so one whose few edges lead astray ends in a topic that it is unlike. Source of
the idea: label propagation (Zhu and Ghahramani, 2002) and k-means (Lloyd, 1982) in one score; `bench/clustering.py`
has what it is worth.
"""

import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.neighbours import Graph
from services.planner.clustering.vectors import Embedding, Floats

Labels = NDArray[np.int64]

ROUNDS = 5
NEIGHBOUR_SHARE = 0.3
"""What all neighbours in a topic are worth, beside a cosine of 1 with its middle."""


def settle(graph: Graph, embedding: Embedding, topic: Labels) -> Labels:
    """Return the topic of each keyword, int64 from 0, after each has gone to the best of its neighbours' topics.

    Args:
        graph: of the keywords.
        embedding: of the keywords.
        topic: of each, int64 from 0.
    """
    for _ in range(ROUNDS):
        centres = embedding.centres(topic, int(topic.max()) + 1)
        settled = np.concatenate(
            [_best(graph, place, vectors, centres, topic) for place, vectors in embedding.blocks()]
        )
        topic = np.unique(settled, return_inverse=True)[1].astype(np.int64)
    return topic


def _best(graph: Graph, place: slice, vectors: Floats, centres: Floats, topic: Labels) -> Labels:
    """Return the best topic of some keywords; of those without a neighbour, the one they have."""
    starts = graph.starts[place.start : place.stop + 1]
    edges = slice(int(starts[0]), int(starts[-1]))
    rows, weights = np.repeat(np.arange(len(vectors)), np.diff(starts)), graph.weights[edges]
    pairs, pair = np.unique(rows * len(centres) + topic[graph.indexes[edges]], return_inverse=True)
    row, candidate = np.divmod(pairs, len(centres))
    votes = np.bincount(pair, weights, len(pairs)) / np.bincount(rows, weights, len(vectors))[row]
    score = np.einsum("pw,pw->p", vectors[row], centres[candidate]) + NEIGHBOUR_SHARE * votes
    order = np.lexsort((candidate, -score, row))
    first = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
    best = topic[place].copy()
    best[row[first]] = candidate[first]
    return best
