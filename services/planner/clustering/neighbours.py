"""Which keywords are like which: TF-IDF over words and character n-grams, and each keyword's nearest few."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from services.planner.clustering.words import topic_words

NEIGHBOURS = 12
WORD_WEIGHT = 0.5
"""Share of the similarity that comes from words and pairs of words. The rest is character n-grams, which
bring together other forms of a word, typing errors, and languages that write without spaces."""
BLOCK_ROWS = 512
"""Keywords compared with all others at a time: this bounds the memory."""
COMMON_SHARE, COMMON_MINIMUM = 0.01, 500
"""A feature of more keywords than max(COMMON_MINIMUM, COMMON_SHARE of all) tells hardly any of them apart and
is nearly all of the work, so it is left out."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest keywords of each keyword, nearest first.

    indexes: int32, similarities: float32, both of shape (keywords, NEIGHBOURS); where a keyword has fewer
    neighbours the index is -1 and the similarity 0.
    """

    indexes: NDArray[np.int32]
    similarities: NDArray[np.float32]

    def edges(self) -> Iterator[tuple[int, int, float]]:
        """Each pair of neighbours once, lower index first, with its weight, in ascending order of the pair.

        The weight is the similarity when both name each other, and half of it when only one does.
        """
        count, width = self.indexes.shape
        rows = np.repeat(np.arange(count, dtype=np.int64), width)
        columns = self.indexes.ravel().astype(np.int64)
        known = columns >= 0
        rows, columns, halves = rows[known], columns[known], self.similarities.ravel()[known] / 2
        keys = np.minimum(rows, columns) * count + np.maximum(rows, columns)
        pairs, inverse = np.unique(keys, return_inverse=True)
        weights = np.bincount(inverse, weights=halves, minlength=len(pairs))
        for start in range(0, len(pairs), BLOCK_ROWS):  # in blocks: Python's numbers are larger than numpy's
            block = slice(start, start + BLOCK_ROWS)
            yield from zip(
                (pairs[block] // count).tolist(),
                (pairs[block] % count).tolist(),
                weights[block].tolist(),
                strict=True,
            )


def nearest(texts: Sequence[str]) -> Neighbours:
    """The nearest neighbours of each of these normalised, distinct texts, by cosine of their TF-IDF vectors.

    Exact apart from the common features that are left out; equal similarities go to the lower index.
    """
    indexes = np.full((len(texts), NEIGHBOURS), -1, dtype=np.int32)
    similarities = np.zeros((len(texts), NEIGHBOURS), dtype=np.float32)
    if len(texts) == 1:  # the only text can be an empty one, which has no features to weigh
        return Neighbours(indexes, similarities)
    rows = _vectors(texts)
    columns = rows.T.tocsr()
    for start in range(0, len(texts), BLOCK_ROWS):
        block = (rows[start : start + BLOCK_ROWS] @ columns).tocsr()
        for offset in range(block.shape[0]):
            found = slice(block.indptr[offset], block.indptr[offset + 1])
            near, scores = _best(block.indices[found], block.data[found], start + offset)
            indexes[start + offset, : len(near)] = near
            similarities[start + offset, : len(near)] = scores
    return Neighbours(indexes, similarities)


def _best(
    indexes: NDArray[np.int32], scores: NDArray[np.float32], own: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    others = indexes != own
    indexes, scores = indexes[others], scores[others]
    if len(scores) > NEIGHBOURS:
        least = np.partition(scores, len(scores) - NEIGHBOURS)[len(scores) - NEIGHBOURS]
        enough = scores >= least  # every one that ties with the last, so that the order below decides, not numpy
        indexes, scores = indexes[enough], scores[enough]
    order = np.lexsort((indexes, -scores))[:NEIGHBOURS]
    return indexes[order], scores[order]


def _vectors(texts: Sequence[str]) -> Any:
    """A scipy CSR matrix (scipy ships no types): one float32 row per text, of length 1 before the common and
    the unshared features were taken out.
    """
    words = TfidfVectorizer(analyzer=_words_and_pairs, sublinear_tf=True, dtype=np.float32)
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), lowercase=False, sublinear_tf=True, dtype=np.float32
    )
    parts = (
        words.fit_transform(texts) * np.float32(WORD_WEIGHT**0.5),
        characters.fit_transform(texts) * np.float32((1 - WORD_WEIGHT) ** 0.5),
    )
    matrix = normalize(sparse.hstack(parts, format="csr", dtype=np.float32), copy=False)
    keywords_with = np.bincount(matrix.indices, minlength=matrix.shape[1])
    common = max(COMMON_MINIMUM, int(COMMON_SHARE * len(texts)))
    return matrix[:, np.flatnonzero((keywords_with > 1) & (keywords_with <= common))].tocsr()


def _words_and_pairs(text: str) -> list[str]:
    words = topic_words(text)
    return words + [f"{one} {other}" for one, other in pairwise(words)]
