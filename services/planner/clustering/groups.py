"""From neighbours to groups: average-linkage merging over the neighbour graph, with a size guard.

Connected components of such a graph grow into one giant, since keywords chain: espresso machine - coffee
machine - coffee grinder. Merging by the *average* weight between two groups, where pairs that are no
neighbours count 0, cuts the chains, and is the same as raising the threshold for a group the more it has
grown (Sokal and Michener 1958, UPGMA).
"""

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.planner.clustering.neighbours import Neighbours

MERGE_MINIMUM = 0.06
"""Average weight between two groups below which they are two topics. Tuned on hand-grouped and real keyword
lists."""
ATTACH_MINIMUM = 0.08
"""Summed weight per keyword at which a group of one or two joins the nearest larger group instead of staying
alone."""
SIZE_MAX = 20
"""Merging makes no larger group: one page cannot answer more. Attaching stragglers may exceed it by half."""
SMALL = 2
ATTACHED_MAX = SIZE_MAX * 3 // 2


def group(neighbours: "Neighbours") -> list[list[int]]:
    """Every index in exactly one group; members ascending, groups by their first member."""
    merging = _Merging(neighbours)
    merging.merge()
    merging.attach_small()
    return sorted(sorted(members) for members in merging.members.values())


@dataclass(slots=True)
class _Merging:
    neighbours: "Neighbours"
    members: dict[int, list[int]] = field(init=False)
    weights: dict[int, dict[int, float]] = field(init=False)
    """Between groups: the sum of the weights between their members, both ways."""

    def __post_init__(self) -> None:
        self.members = {index: [index] for index in range(len(self.neighbours.indexes))}
        self.weights = defaultdict(dict)
        for one, other, weight in self.neighbours.edges():
            self.weights[one][other] = self.weights[other][one] = weight

    def merge(self) -> None:
        """Merge the two nearest groups until none are near enough; ties go to the lower index."""
        heap = [
            (-weight, one, other)
            for one, near in self.weights.items()
            for other, weight in near.items()
            if one < other and weight >= MERGE_MINIMUM
        ]
        heapq.heapify(heap)
        while heap:
            average, one, other = heapq.heappop(heap)
            if self._average(one, other) != -average:  # one of them has grown or gone since: a newer entry exists
                continue
            if len(self.members[one]) + len(self.members[other]) > SIZE_MAX:
                continue
            self._join(one, other)
            for near in self.weights[one]:
                low, high = min(one, near), max(one, near)
                average = self._average(low, high)
                if average >= MERGE_MINIMUM:
                    heapq.heappush(heap, (-average, low, high))

    def attach_small(self) -> None:
        """Give each group of one or two to the group it has most weight with, where that is enough."""
        for small in sorted(self.members, key=lambda one: (len(self.members[one]), one)):
            if small not in self.members or len(self.members[small]) > SMALL:
                continue
            size = len(self.members[small])
            best = max(
                (
                    (weight, -near)
                    for near, weight in self.weights[small].items()
                    if len(self.members[near]) + size <= ATTACHED_MAX
                ),
                default=(0.0, 0),
            )
            if best[0] >= ATTACH_MINIMUM * size:
                self._join(-best[1], small)

    def _average(self, one: int, other: int) -> float:
        total = self.weights[one].get(other, 0.0) if one in self.members and other in self.members else 0.0
        return total / (len(self.members[one]) * len(self.members[other])) if total else 0.0

    def _join(self, kept: int, gone: int) -> None:
        self.members[kept] += self.members.pop(gone)
        for near, weight in self.weights.pop(gone).items():
            del self.weights[near][gone]
            if near != kept:
                total = self.weights[kept].get(near, 0.0) + weight
                self.weights[kept][near] = self.weights[near][kept] = total
