"""How well a phrase would do as a cluster's name: near all of it, and far from the clusters beside it."""

from collections.abc import Sequence

import numpy as np

from services.planner.clustering.neighbours import nearest_among
from services.planner.clustering.pieces import split_text
from services.planner.clustering.vectors import Embedding, Floats

MARGIN_SHARE = 0.5
BESIDE = 6
"""A phrase is compared with so many clusters nearest to its own: the others are further away anyway."""
BLOCK_ROWS = 8_192


class Nearest:
    """See `naming.Nearness`.

    Args:
        embedding: of the keywords.
        centres: float32 (clusters, width), of length 1.
    """

    def __init__(self, embedding: Embedding, centres: Floats) -> None:
        self._embedding, self._centres = embedding, centres
        self._beside = nearest_among(centres, centres, own=True).indexes[:, :BESIDE]

    def __call__(self, asked: Sequence[tuple[int, str]]) -> list[float]:
        """Return the cosine of each phrase and its cluster, and half of what it is more than with any other."""
        scores: list[float] = []
        for start in range(0, len(asked), BLOCK_ROWS):
            block = asked[start : start + BLOCK_ROWS]
            own = np.array([cluster for cluster, _ in block])
            phrases = self._embedding.phrases([split_text(phrase) for _, phrase in block])
            near = np.einsum("pw,pw->p", phrases, self._centres[own])
            others = np.einsum("pw,pow->po", phrases, self._centres[self._beside[own]])
            margin = near - others.max(axis=1, initial=-1.0)
            scores += (near + MARGIN_SHARE * margin).tolist()
        return scores
