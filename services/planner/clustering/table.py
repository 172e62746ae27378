"""The static word table: what words mean, as 256 numbers each, learned once and shipped with the package.

`scripts/word_table` makes the file, and `NOTICE` beside it says from what. It is read when somebody clusters, not
when the module is imported: a planner that is not clustering need not pay for it.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.pieces import split_word

PATH = Path(__file__).parent / "word_table.npz"


class WordTable:
    """A row for each piece of a word: int8 (pieces, width), and what to multiply it by: float32 (pieces,)."""

    def __init__(self, pieces: Sequence[str], rows: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(pieces)}
        self._rows, self._scales = rows, scales
        self.width = rows.shape[1]

    @classmethod
    def load(cls, path: Path = PATH) -> "WordTable":
        """Read the file that `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(stored["pieces"].tobytes().decode().split("\n"), stored["rows"], stored["scales"])

    @staticmethod
    def save(path: Path, pieces: Sequence[str], rows: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        """Write a table; see the class for the shapes."""
        text = np.frombuffer("\n".join(pieces).encode(), np.uint8)
        np.savez_compressed(path, pieces=text, rows=rows, scales=scales)

    def vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (words, width): the sum of the rows of a word's pieces; zeros where a part is unknown."""
        made = np.zeros((len(words), self.width), np.float32)
        for index, word in enumerate(words):
            numbers = split_word(word, self._numbers)
            if numbers:
                made[index] = self._scales[numbers] @ self._rows[numbers].astype(np.float32)
        return made


@cache
def shipped_table() -> WordTable:
    """Return the table of this package, read once a process."""
    return WordTable.load()
