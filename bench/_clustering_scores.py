"""How alike two partitions of the same items are: AMI, ARI and B-cubed F1, in numpy alone.

Source: Vinh, Epps and Bailey (2010) for AMI with the arithmetic mean; Hubert and Arabie (1985); Bagga and Baldwin
(1998).
"""

import math

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Counts = NDArray[np.float64]


def scores(truth: Labels, found: Labels) -> tuple[float, float, float]:
    """Return AMI, ARI and B3 of two labellings, int64 (items,) from 0."""
    table = np.zeros((truth.max() + 1, found.max() + 1))
    np.add.at(table, (truth, found), 1)
    return adjusted_mutual_information(table), adjusted_rand(table), b_cubed(table)


def b_cubed(table: Counts) -> float:
    """The harmonic mean of how much of an item's cluster has its label, and how much of its label is in its cluster."""
    squares = table**2
    precision = float((squares / np.maximum(table.sum(axis=0), 1)).sum() / table.sum())
    recall = float((squares / np.maximum(table.sum(axis=1, keepdims=True), 1)).sum() / table.sum())
    return 2 * precision * recall / (precision + recall)


def adjusted_rand(table: Counts) -> float:
    """Agreement on pairs, 0 for chance."""

    def pairs(counts: Counts) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, truth, found = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = truth * found / pairs(table.sum(keepdims=True))
    return 1.0 if truth == found == both else (both - chance) / ((truth + found) / 2 - chance)


def adjusted_mutual_information(table: Counts) -> float:
    """Mutual information, 0 for chance and 1 for equal partitions."""
    truth, found, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    held = table > 0
    outer = np.outer(truth, found)
    shared = float((table[held] / total * np.log(total * table[held] / outer[held])).sum())
    chance = _chance(truth.astype(np.int64), found.astype(np.int64))
    return (shared - chance) / ((_entropy(truth) + _entropy(found)) / 2 - chance)


def _entropy(counts: Counts) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _chance(truth: Labels, found: Labels) -> float:
    """The expected mutual information of two partitions with these sizes, drawn at random (hypergeometric)."""
    total = int(truth.sum())
    log_factorial = np.array([math.lgamma(number + 1) for number in range(total + 1)])
    sizes_truth, times_truth = np.unique(truth[truth > 0], return_counts=True)
    sizes_found, times_found = np.unique(found[found > 0], return_counts=True)
    expected = 0.0
    for one, times_one in zip(sizes_truth.tolist(), times_truth.tolist(), strict=True):
        for other, times_other in zip(sizes_found.tolist(), times_found.tolist(), strict=True):
            both = np.arange(max(1, one + other - total), min(one, other) + 1)
            log_likely = (
                log_factorial[[one, other, total - one, total - other]].sum()
                - log_factorial[total]
                - log_factorial[both]
                - log_factorial[one - both]
                - log_factorial[other - both]
                - log_factorial[total - one - other + both]
            )
            gain = both / total * np.log(total * both / (one * other))
            expected += times_one * times_other * float((gain * np.exp(log_likely)).sum())
    return expected
