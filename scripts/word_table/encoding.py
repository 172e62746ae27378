"""What the word table is fitted to: texts as pieces, and the sentence vectors that the encoder gives them."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.word_table import phrases
from scripts.word_table.minilm import WIDTH, Floats, MiniLM
from services.planner.domain import normalise

SPANS, COMPOSED = 24_000, 110_000
_SAY_EVERY_S = 20.0


@dataclass(frozen=True)
class Lesson:
    """Pieces of all texts in one row, `starts` of each text (and the end), and vectors (texts, 384) of length 1."""

    pieces: NDArray[np.int32]
    starts: NDArray[np.int64]
    vectors: Floats

    def save(self, path: Path) -> None:
        """Keep it, so that fitting again does not encode again."""
        np.savez(path, pieces=self.pieces, starts=self.starts, vectors=self.vectors.astype(np.float16))

    @classmethod
    def load(cls, path: Path) -> "Lesson":
        """Read what `save` kept."""
        with np.load(path) as stored:
            return cls(stored["pieces"], stored["starts"], stored["vectors"].astype(np.float32))


def read_texts(path: Path) -> list[str]:
    """Return the normalised texts of a `text<TAB>label` file with a header; labels are not read."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return [normalise(line.split("\t")[0]) for line in lines]


def make_lesson(model: MiniLM, licensed: Sequence[str]) -> Lesson:
    """Encode the vocabulary's words, the licensed texts and parts of them, and composed phrases."""
    words = phrases.vocabulary_words(model.vocabulary)
    alone = [model.pieces(word) for word in words]
    alone_vectors = _encode(model, alone, "words")
    related = _nearest(alone_vectors, phrases.NEAREST)
    texts = [
        *dict.fromkeys(licensed),
        *phrases.spans(licensed, SPANS),
        *phrases.composed(words, related, model.vocabulary, COMPOSED),
    ]
    split = [found for text in texts if (found := model.pieces(text, 60))]
    vectors = np.concatenate([alone_vectors, _encode(model, split, "texts")])
    everything = alone + split
    starts = np.concatenate([[0], np.cumsum([len(found) for found in everything])])
    return Lesson(np.concatenate([np.array(found, np.int32) for found in everything]), starts, vectors)


def _encode(model: MiniLM, texts: Sequence[Sequence[int]], what: str) -> Floats:
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    done, said, began = 0, 0.0, time.monotonic()
    for batch, made in model.encode(texts):
        vectors[batch] = made
        done += len(batch)
        if time.monotonic() - said > _SAY_EVERY_S:
            said = time.monotonic()
            sys.stderr.write(f"{what}: {done:,} of {len(texts):,} ({done / max(1e-9, said - began):.0f}/s)\n")
    return vectors


def _nearest(vectors: Floats, count: int) -> list[list[int]]:
    found: list[list[int]] = []
    for start in range(0, len(vectors), 1_024):
        likeness = vectors[start : start + 1_024] @ vectors.T
        found += np.argpartition(-likeness, count, axis=1)[:, :count].tolist()
    return found
