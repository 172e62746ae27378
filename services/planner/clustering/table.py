"""The static word table: what words mean, as 256 numbers each, learned once and shipped with the package.

`scripts/word_table` makes the file, and `NOTICE` beside it says from what. It is read when somebody clusters, not
when the module is imported: a planner that is not clustering need not pay for it.
"""

from collections.abc import Sequence
from functools import cache
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.pieces import split_word

RARITY_POWER = 0.5
"""How much more a word says that is rare in the language: "magento" says what a keyword is about, "file" hardly
does.
"""
_FIRST_WORD = 1_990
"""Pieces stand in the order of how frequent they are, from about here on; what comes before are signs and letters."""
_RARITY_IN_PARTS = 1.03
"""Of a word that is known in parts only: rarer than any other."""

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
        """Return float32 (words, width): the sum of the rows of a word's pieces, the longer the rarer the word is.

        Zeros where a part is unknown.
        """
        made = np.zeros((len(words), self.width), np.float32)
        for index, word in enumerate(words):
            numbers = split_word(word, self._numbers)
            if numbers:
                rows = self._scales[numbers] @ self._rows[numbers].astype(np.float32)
                made[index] = rows * np.float32(_rarity(numbers) ** RARITY_POWER)
        return made


def _rarity(numbers: Sequence[int]) -> float:
    """About the logarithm of a word's rank in the language, 1 for the last that has a piece of its own."""
    return log(max(numbers[0] - _FIRST_WORD, 2)) / 10 if len(numbers) == 1 else _RARITY_IN_PARTS


@cache
def shipped_table() -> WordTable:
    """Return the table of this package, read once a process."""
    return WordTable.load()
