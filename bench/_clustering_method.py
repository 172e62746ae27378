"""One method on one set, in a process of its own: `python -m bench._clustering_method METHOD FILE LEVEL`, prints JSON.

METHOD is `ours`, `ours:N` (N keywords made of the file's texts, not scored), `ours+FOLDER` (ours with the vectors of a
model that a peer kept there), `bertopic`, `hdbscan` or `kmeans`. The peers get the sentence vectors of
all-MiniLM-L6-v2, whose weights come with a package; nothing is downloaded.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench._clustering_scores import scores
from services.planner.domain import normalise

Labels = NDArray[np.int64]


def read(path: Path) -> tuple[list[str], Labels]:
    """Return the texts of a set, and their labels from 0."""
    rows = [line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines()[1:] if line]
    return [row[0] for row in rows], np.unique([row[1] for row in rows], return_inverse=True)[1].astype(np.int64)


def many(texts: Sequence[str], count: int) -> list[str]:
    """Return `count` different keywords of two to six words each, made of the words of `texts`."""
    parts = list(dict.fromkeys(" ".join(normalise(text).split()[at : at + 3]) for at in (0, 2, 4) for text in texts))
    made = (f"{one} {other}".strip() for other, one in product(["", *parts[7::13]], parts))
    return list(islice(dict.fromkeys(islice(made, count * 2)), count))


def ours(texts: Sequence[str], level: str, vectors: Any = None) -> Labels:
    """Return the cluster of each text; two that are the same keyword have the same. `vectors` are of a model."""
    from services.planner.clustering import KeywordToCluster, Level, SemanticClusterer  # noqa: PLC0415 - peers lack it

    keywords = [KeywordToCluster(str(index), text) for index, text in enumerate(texts)]
    labels = np.full(len(texts), -1, np.int64)
    meanings = None
    if vectors is not None:
        meanings = {normalise(text): row.astype("<f2").tobytes() for text, row in zip(texts, vectors, strict=True)}
    for number, proposal in enumerate(SemanticClusterer(Level(level)).cluster(keywords, meanings=meanings)):
        labels[[int(each) for each in proposal.keyword_ids]] = number
    return labels


def sentence_vectors(folder: Path, path: Path, texts: Sequence[str]) -> tuple[Any, float]:
    """Return MiniLM's vectors of a set's texts and the CPU seconds that they took, kept in a folder from one method to
    the next.
    """
    kept = folder / f"{path.stem}.npz"
    if not kept.exists():
        import torch  # noqa: PLC0415 - in the environment of the peers only
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - the same

        from scripts.word_table.minilm import model_folder  # noqa: PLC0415 - the same

        torch.set_num_threads(1)
        began = time.process_time()
        model = SentenceTransformer(str(model_folder()), device="cpu")
        made = model.encode(list(texts), normalize_embeddings=True)
        np.savez(kept, vectors=made, seconds=time.process_time() - began)
    with np.load(kept) as stored:
        return stored["vectors"], float(stored["seconds"])


def peer(method: str, texts: Sequence[str], vectors: Any, clusters: int) -> Labels:
    """Return the cluster of each text, -1 where it has none; `clusters` is for k-means alone."""
    if method == "bertopic":
        from bertopic import BERTopic  # noqa: PLC0415 - in the environment of the peers only

        return np.array(BERTopic(embedding_model=None).fit_transform(list(texts), vectors)[0])
    from sklearn.cluster import HDBSCAN, KMeans  # noqa: PLC0415 - the same

    model = (
        HDBSCAN(min_cluster_size=2, copy=True) if method == "hdbscan" else KMeans(clusters, n_init=3, random_state=1)
    )
    return np.asarray(model.fit_predict(vectors), np.int64)


def main(method: str, path: Path, level: str) -> None:
    """Run and print."""
    texts, truth = read(path)
    name, _, count = method.partition(":")
    name, _, folder = name.partition("+")
    if count:
        texts = many(texts, int(count))
    vectors, before = (None, 0.0)
    if folder or name != "ours":
        vectors, before = sentence_vectors(Path(folder or sys.prefix), path, texts)
    began = time.process_time()
    found = ours(texts, level, vectors) if name == "ours" else peer(name, texts, vectors, int(truth.max()) + 1)
    seconds = before + time.process_time() - began
    unassigned = float((found < 0).mean())
    alone = found.max() + 1 + np.cumsum(found < 0)  # who has no cluster is scored as one alone
    labels = np.where(found < 0, alone, found)
    ami, ari, b3 = (
        (0.0, 0.0, 0.0) if count else scores(truth, np.unique(labels, return_inverse=True)[1].astype(np.int64))
    )
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"ami": ami, "ari": ari, "b3": b3, "unassigned": unassigned, "clusters": int(found.max()) + 1}
    sys.stdout.write(json.dumps(told | {"seconds": seconds, "megabytes": megabytes}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
