"""Keywords as vectors: what their words mean, and how they are written. Source of the weights: measured,
`bench/clustering.py`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.interface import Meanings
from services.planner.clustering.lexical import lexical_vectors
from services.planner.clustering.pieces import split_text
from services.planner.clustering.table import WordTable

Floats = NDArray[np.float32]

LEXICAL_SHARE = 0.4
"""Of the similarity of two keywords. It holds together what the table knows nothing of: brands, models, other
scripts.
"""
LEXICAL_SHARE_OF_A_MODEL = 0.3
"""The same where a model says what keywords mean, which knows of more brands and scripts."""
IDF_POWER = 0.2
"""Of meaning. 0 counts every word alike; 1 lets the rarest word, often a misspelt one, drown the others."""
LEXICAL_IDF_POWER = 0.7
LONELY = 0.5
"""A word of n keywords counts n / (n + LONELY): one that no other keyword has cannot say which are alike."""
COMPANY = 1.0
"""What a word's company says of it, beside what the table says: as much. "Jaguar" among cars is none of the cats, and a
name that the table does not know means what is said beside it."""
COMPANY_FROM = 1.0
"""A word of n keywords hears n / (n + COMPANY_FROM) of its company."""
MEAN_FROM = 20
"""With so many keywords half of what all have in common is taken out, with more of them more: what five keywords about
one thing have in common is what they are about."""
NARROW_FROM, NARROW_WIDTH = 100_000, 128
"""So many keywords are turned to fewer main directions: a third of the memory and of the time of the search."""
SAMPLE = 50_000
"""Means and main directions are of so many keywords, evenly spaced in the order of their texts."""
BLOCK_ROWS = 8_192


class Bag:
    """The words of texts: `words` are unique, `numbers` int32 are those of all texts in a row, `starts` int64 (texts
    + 1).
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.known = known = dict[str, int]()
        counts = np.empty(len(texts), np.int64)

        def numbers() -> Iterator[int]:
            for index, text in enumerate(texts):
                found = dict.fromkeys(split_text(text) or [text])  # a word twice says no more than once
                counts[index] = len(found)
                yield from (known.setdefault(word, len(known)) for word in found)

        self.numbers = np.fromiter(numbers(), np.int32)
        self.words = list(known)
        self.starts = np.concatenate([[0], np.cumsum(counts)])

    def weights(self) -> tuple[Floats, Floats]:
        """Return how much each word counts in the two channels, float32 (words,): the rarer the more (Sparck Jones,
        1972).
        """
        texts, with_word = len(self.starts) - 1, np.bincount(self.numbers, minlength=len(self.words))
        rarity = np.maximum(np.log((texts + 1) / (with_word + 0.5)), 0.05)
        shared = with_word / (with_word + LONELY)
        return (rarity**IDF_POWER * shared).astype(np.float32), (rarity**LEXICAL_IDF_POWER * shared).astype(np.float32)


class Embedding:
    """Vectors of length 1 for texts, made block by block.

    What is common and what is rare is told from these texts, so a vector is to be compared with others of the same
    object.

    Args:
        texts: normalised, distinct, in their order.
        table: what words mean.
        meanings: of the texts, in place of what the table says; phrases have none then.
    """

    def __init__(self, texts: Sequence[str], table: WordTable, meanings: Meanings | None = None) -> None:
        self._bag, self._meant = Bag(texts), None if meanings is None else _rows(meanings, texts)
        weights, written = self._bag.weights()
        words = self._bag.words
        lexical = lexical_vectors(words) * written[:, None]
        if self._meant is None:
            self._rows, self._meant_width = np.hstack([table.vectors(words) * weights[:, None], lexical]), table.width
        else:
            self._rows, self._meant_width = lexical, self._meant.shape[1]
        del lexical  # where the rows have a copy of it, as large as half of what the table says
        self._lexical_share = LEXICAL_SHARE if self._meant is None else LEXICAL_SHARE_OF_A_MODEL
        self._count = len(texts)
        sampled = np.unique(np.linspace(0, self._count - 1, min(SAMPLE, self._count)).astype(np.int64))
        sums = self._sums(sampled)
        self._means = self._common(sums)
        if self._meant is None:
            self._rows[:, : self._meant_width] = self._in_company(sampled, sums[:, : self._meant_width])
            sums = self._sums(sampled)
            self._means = self._common(sums)
        self._narrow = _main_directions(self._finish(sums), NARROW_WIDTH) if self._count >= NARROW_FROM else None
        # Making a vector again takes longer than keeping it; many are kept in half the bits.
        self._kept = np.empty((self._count, self.width), np.float32 if self._narrow is None else np.float16)
        self._is_kept = np.zeros(self._count, np.bool_)

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return len(self._means) if self._narrow is None else int(self._narrow.shape[1])

    def blocks(self, wanted: slice | None = None) -> Iterator[tuple[slice, Floats]]:
        """Yield float32 (block, width) of every text, or of those `wanted`, in order, with where the block is."""
        wanted = wanted or slice(0, self._count)
        for start in range(wanted.start, wanted.stop, BLOCK_ROWS):
            place = slice(start, min(start + BLOCK_ROWS, wanted.stop))
            yield place, self._block(place)

    def all(self) -> Floats:
        """Return float32 (texts, width)."""
        return np.concatenate([block for _, block in self.blocks()])

    def phrases(self, phrases: Sequence[Sequence[str]]) -> Floats:
        """Return float32 (phrases, width) of words that the texts have; others count nothing."""
        made = [
            self._rows[[n for word in words if (n := self._bag.known.get(word)) is not None]].sum(axis=0)
            for words in phrases
        ]
        finished = self._finish(np.array(made, np.float32).reshape(len(phrases), -1))
        return finished if self._narrow is None else _unit(finished @ self._narrow)

    def centres(self, labels: NDArray[np.int64], count: int) -> Floats:
        """Return float32 (count, width): the directions of groups of texts, from the group of each text."""
        sums: Floats | None = None
        for place, block in self.blocks():
            if sums is None:
                sums = np.zeros((count, block.shape[1]), np.float32)
            _add_to(sums, labels[place], block)
        return _unit(sums) if sums is not None else np.zeros((count, 0), np.float32)

    def _common(self, sums: Floats) -> Floats:
        """Return what texts with these sums have in common, float32 (width of both channels,)."""
        share = self._count / (self._count + MEAN_FROM)
        mean: Floats = (self._unit(sums).mean(axis=0, dtype=np.float64) * share).astype(np.float32)
        return mean

    def _in_company(self, sampled: NDArray[np.int64], sums: Floats) -> Floats:
        """Return what words mean here, float32 (words, meant width): what the table says, and what the texts say that
        they are in, as far as a sample of the texts with these sums tells.

        Each is as long as before, so that it counts as much; one that the table does not know counts as a middling one.
        """
        said = np.linalg.norm(sums, axis=1) > 0  # of the others every word is unknown: they say nothing
        sampled, sums = sampled[said], sums[said]
        meant = _unit(_unit(sums) - self._means[: self._meant_width])
        own = self._rows[:, : self._meant_width]
        made, heard = np.zeros_like(own), np.zeros(len(own), np.int64)
        starts, counts = self._bag.starts[sampled], np.diff(self._bag.starts)[sampled]
        for place in range(int(counts.max(initial=0))):  # the first word of all, the second of all that have one, ...
            longer = np.flatnonzero(counts > place)
            words = self._bag.numbers[starts[longer] + place]
            _add_to(made, words, meant[longer])
            heard += np.bincount(words, minlength=len(own))
        lengths = np.linalg.norm(own, axis=1, keepdims=True)
        known = lengths[lengths > 0]
        lengths = np.where(lengths > 0, lengths, np.median(known) if len(known) else 1).astype(np.float32)
        share = (COMPANY * heard / (heard + COMPANY_FROM)).astype(np.float32)[:, None] * lengths
        for start in range(0, len(own), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            made[block] = _unit(own[block] + share[block] * _unit(made[block])) * lengths[block]
        return made

    def _block(self, place: slice) -> Floats:
        """Return the vectors of some texts, as they were the first time."""
        if not self._is_kept[place].all():
            made = self._finish(self._sums(np.arange(place.start, place.stop)))
            self._kept[place] = made if self._narrow is None else _unit(made @ self._narrow)
            self._is_kept[place] = True
        return self._kept[place].astype(np.float32, copy=False)

    def _sums(self, indexes: NDArray[np.int64]) -> Floats:
        """Return the sums of the rows of the words of these texts; each has at least one."""
        starts, counts = self._bag.starts[indexes], np.diff(self._bag.starts)[indexes]
        sums: Floats = self._rows[self._bag.numbers[starts]]
        for place in range(1, int(counts.max(initial=0))):  # the second word of all that have one, the third, ...
            longer = np.flatnonzero(counts > place)
            sums[longer] += self._rows[self._bag.numbers[starts[longer] + place]]
        return sums if self._meant is None else np.hstack([self._meant[indexes].astype(np.float32), sums])

    def _finish(self, sums: Floats) -> Floats:
        """Return the vectors of both channels side by side, each without what all keywords have in common."""
        centred = self._unit(sums) - self._means
        shares = ((1 - self._lexical_share) ** 0.5, self._lexical_share**0.5)
        parts = np.split(centred, [self._meant_width], axis=1)
        return np.hstack([_unit(part) * np.float32(share) for part, share in zip(parts, shares, strict=True)])

    def _unit(self, sums: Floats) -> Floats:
        return np.hstack([_unit(part) for part in np.split(sums, [self._meant_width], axis=1)])


def _rows(meanings: Meanings, texts: Sequence[str]) -> NDArray[np.float16]:
    """Return float16 (texts, width)."""
    return np.frombuffer(b"".join(map(meanings.__getitem__, texts)), "<f2").reshape(len(texts), -1)


def _add_to(sums: Floats, places: NDArray[np.integer[Any]], rows: Floats) -> None:
    """Add rows to the sums at their places, of which many may be the same."""
    order = np.argsort(places, kind="stable")
    groups, starts = np.unique(places[order], return_index=True)
    sums[groups] += np.add.reduceat(rows[order], starts, axis=0)


def _unit(rows: Floats) -> Floats:
    """Rows of length 1; zeros stay zeros."""
    made: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-9))
    return made


def _main_directions(sample: Floats, width: int) -> Floats:
    """The directions in which a sample differs most, float32 (its width, width)."""
    _, directions = np.linalg.eigh(sample.T.astype(np.float64) @ sample)
    main: Floats = np.ascontiguousarray(directions[:, ::-1][:, :width], dtype=np.float32)
    return main
