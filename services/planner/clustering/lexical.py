"""The lexical channel: words that are written alike are alike, whatever a word table knows of them.

A word is the sum of random signs, one row of them for its stem and one for each of its character 3-grams. Sums of
random signs keep cosines (Johnson and Lindenstrauss; with signs: Achlioptas, "Database-friendly random projections",
2003).
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.words import stem

WIDTH = 128
STEM_WEIGHT = 1.0
GRAM = 3
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def lexical_vectors(words: Sequence[str]) -> NDArray[np.float32]:
    """Return float32 (words, WIDTH), about as long as one another whatever the length of the word."""
    numbers: dict[str, int] = {}
    made = np.empty((len(words), WIDTH), np.float32)
    features = [[numbers.setdefault(each, len(numbers)) for each in _features(word)] for word in words]
    signs = _signs(list(numbers))
    for index, (root, *grams) in enumerate(features):
        made[index] = STEM_WEIGHT * signs[root]
        made[index] += signs[grams].sum(axis=0, dtype=np.float32) / np.float32(max(1, len(grams)) ** 0.5)
    return made


def _features(word: str) -> list[str]:
    """The stem first, then the 3-grams of the word with its ends marked."""
    marked = f" {word} "
    return [f"={stem(word)}", *(marked[start : start + GRAM] for start in range(max(1, len(marked) - GRAM + 1)))]


def _signs(features: Sequence[str]) -> NDArray[np.int8]:
    """Return int8 (features, WIDTH) of -1 and 1 that depend on the feature alone: splitmix64 seeded with its CRC-32."""
    seeds = np.array([zlib.crc32(feature.encode()) for feature in features], np.uint64)
    steps = np.arange(1, WIDTH // 64 + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        state = (seeds[:, None] << np.uint64(8)) + steps[None, :]
        state = state * _MIX[0]
        state = (state ^ (state >> np.uint64(30))) * _MIX[1]
        state = (state ^ (state >> np.uint64(27))) * _MIX[2]
        state ^= state >> np.uint64(31)
    bits = np.unpackbits(state.astype("<u8").view(np.uint8).reshape(len(features), -1), axis=1)
    signs: NDArray[np.int8] = bits.astype(np.int8) * np.int8(2) - np.int8(1)
    return signs
