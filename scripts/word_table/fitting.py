"""From sentence vectors to rows: ridge regression, fewer numbers a row, whole numbers of 8 bits.

Source: Hoerl and Kennard, "Ridge regression" (1970), solved by conjugate gradients (Hestenes and Stiefel, 1952).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scripts.word_table.encoding import Lesson
from scripts.word_table.minilm import Floats

WIDTH = 256
RIDGE = 0.1
STEPS = 60
_INT8_MAX = 127


def fit(lesson: Lesson, pieces: int) -> Floats:
    """Return rows, float32 (pieces, WIDTH), whose mean over a text's pieces is near the text's sentence vector.

    The sentence vectors are centred first and turned to their WIDTH main directions. A row is held near the vector
    of its piece alone, where the lesson has that, and near zero elsewhere.
    """
    lengths = np.diff(lesson.starts)
    design = sparse.csr_matrix(
        (np.repeat(1 / lengths, lengths).astype(np.float32), lesson.pieces, lesson.starts), shape=(len(lengths), pieces)
    )
    design.sum_duplicates()
    centred = lesson.vectors - lesson.vectors[lengths > 1].mean(axis=0)
    wanted = centred @ _main_directions(centred)
    alone = np.flatnonzero(lengths == 1)
    held = np.zeros((pieces, WIDTH), np.float32)
    held[lesson.pieces[lesson.starts[alone]]] = wanted[alone]
    return held + _solve(design, wanted - design @ held)


def quantise(rows: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return rows as int8 and the factor of each, float32."""
    largest = np.abs(rows).max(axis=1)
    scales = (np.where(largest > 0, largest, 1) / _INT8_MAX).astype(np.float32)
    return np.rint(rows / scales[:, None]).astype(np.int8), scales


def _main_directions(centred: Floats) -> Floats:
    _, directions = np.linalg.eigh(centred.T @ centred)
    main: Floats = directions[:, ::-1][:, :WIDTH].astype(np.float32)
    return main


def _solve(design: sparse.csr_matrix, wanted: Floats) -> Floats:
    """Minimise |design rows - wanted|^2 + RIDGE |rows|^2, every column at once, preconditioned by the diagonal."""
    turned = design.T.tocsr()
    diagonal = (np.asarray(turned.multiply(turned).sum(axis=1)) + RIDGE).astype(np.float32)
    rows = np.zeros((design.shape[1], wanted.shape[1]), np.float32)
    left = turned @ wanted
    scaled = left / diagonal
    direction = scaled.copy()
    size = (left * scaled).sum(axis=0)
    for _ in range(STEPS):
        image = turned @ (design @ direction) + np.float32(RIDGE) * direction
        step = size / np.maximum((direction * image).sum(axis=0), 1e-20)
        rows += step * direction
        left -= step * image
        scaled = left / diagonal
        grown = (left * scaled).sum(axis=0)
        direction = scaled + grown / np.maximum(size, 1e-20) * direction
        size = grown
    return rows
