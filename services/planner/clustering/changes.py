"""What clustering again would change: old clusters keep their ids where most of them is, and every move is told.

Pure. Nothing is stored here: the caller shows it, and carries it out when somebody agrees.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services.planner.clustering.interface import ClusterProposal

PART_MINIMUM = 0.1
"""A cluster is split or merged when at least two parts of it are so large; a straggler alone is a move."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of old clusters.

    cluster_ids: for each proposal, in order, the old cluster that it continues, or None where it is new. moved: keyword
    id -> (old cluster id, index of the proposal it goes to), for keywords whose cluster is not continued by the
    proposal they are in. split: old cluster id -> indexes of the proposals that have a part of it, the largest
    first. merged: index of a proposal -> old cluster ids that it has a part of, the largest first. gone: old cluster
    id -> index of the proposal that has most of it, for clusters that nothing continues: what was mapped to the old
    one belongs there; None when none of its keywords is left.
    """

    cluster_ids: Sequence[str | None]
    moved: Mapping[str, tuple[str, int]]
    split: Mapping[str, Sequence[int]]
    merged: Mapping[int, Sequence[str]]
    gone: Mapping[str, int | None]


def compare(
    old: Mapping[str, str], proposals: Sequence[ClusterProposal], fixed: Collection[str] = frozenset()
) -> Changes:
    """Map old clusters to proposals by how many keywords they share, each to at most one and the largest share first.

    Args:
        old: keyword id -> cluster id; keywords that no proposal has count for the size of their cluster alone.
        proposals: of clustering all keywords again.
        fixed: ids of keywords that stay in their clusters whatever the proposals say, and keep these in being.
    """
    kept = {old[keyword_id] for keyword_id in fixed}
    place = {each: index for index, proposal in enumerate(proposals) for each in proposal.keyword_ids}
    shared: Counter[tuple[str, int]] = Counter(
        (cluster_id, place[keyword_id]) for keyword_id, cluster_id in old.items() if keyword_id in place
    )
    by_size = sorted(shared.items(), key=lambda item: (-item[1], item[0]))
    continued = _continued([pair for pair, _ in by_size])
    lives_on = {index: cluster_id for cluster_id, index in continued.items()}
    sizes = Counter(old.values())
    staying = Counter(
        (old[each], place[each]) for each in fixed if each in place and continued.get(old[each]) != place[each]
    )
    parts, sources = defaultdict(list), defaultdict(list)
    homes: dict[str, int] = {}
    for (cluster_id, index), count in by_size:
        homes.setdefault(cluster_id, index)
        if count - staying[cluster_id, index] >= PART_MINIMUM * sizes[cluster_id]:
            parts[cluster_id].append(index)
            sources[index].append(cluster_id)
    return Changes(
        cluster_ids=[lives_on.get(index) for index in range(len(proposals))],
        moved={
            keyword_id: (cluster_id, place[keyword_id])
            for keyword_id, cluster_id in old.items()
            if keyword_id in place and keyword_id not in fixed and continued.get(cluster_id) != place[keyword_id]
        },
        split={cluster_id: indexes for cluster_id, indexes in parts.items() if len(indexes) > 1},
        merged={index: ids for index, ids in sources.items() if len(ids) > 1},
        gone={each: homes.get(each) for each in sorted(sizes) if each not in continued and each not in kept},
    )


def _continued(pairs: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Return the proposal in which each old cluster lives on: of (cluster, proposal) pairs the first that is free."""
    continued: dict[str, int] = {}
    taken: set[int] = set()
    for cluster_id, index in pairs:
        if cluster_id not in continued and index not in taken:
            continued[cluster_id] = index
            taken.add(index)
    return continued
