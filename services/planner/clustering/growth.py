"""New keywords beside old clusters: most join one, the rest are clustered alone, and no old keyword moves. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from services.planner.clustering.interface import ClusterProposal, Growth, KeywordToCluster, Meanings
from services.planner.domain import normalise

JOIN_MINIMUM = 0.35
"""A new keyword joins a cluster when the nearest old keyword is so much like it."""


def grow(
    old: Sequence[tuple[str, str]],
    new: Sequence[KeywordToCluster],
    cluster: Callable[[Sequence[KeywordToCluster]], list[ClusterProposal]],
    *,
    pool_minimum: int = 1,
    meanings: Meanings | None = None,
) -> Growth:
    """Give each new keyword the cluster that its nearest old ones vote for, weighed by their similarity.

    Args:
        old: (text, cluster id) of every keyword that has a cluster.
        new: keywords that have none; one whose text is an old one joins its cluster.
        cluster: groups those that join none.
        pool_minimum: fewer that join none are left out, and wait.
        meanings: of all texts, old and new, where a model says what they mean.
    """
    clusters_of = defaultdict(set)
    for text, cluster_id in old:
        clusters_of[normalise(text)].add(cluster_id)
    cluster_of = {text: min(ids) for text, ids in clusters_of.items()}
    texts = sorted({normalise(keyword.text) for keyword in new} - cluster_of.keys())
    homes = cluster_of | (_votes(cluster_of, texts, meanings) if cluster_of and texts else {})
    joined = {keyword.id: homes[text] for keyword in new if (text := normalise(keyword.text)) in homes}
    pool = [keyword for keyword in new if keyword.id not in joined]
    return Growth(joined, cluster(pool) if len(pool) >= pool_minimum else [])


def _votes(cluster_of: Mapping[str, str], texts: Sequence[str], meanings: Meanings | None) -> dict[str, str]:
    """Return text -> cluster id for the texts that are near enough to an old one."""
    # Here, since they bring numpy and the word table, which a planner that is not clustering need not pay for.
    from services.planner.clustering.neighbours import nearest_of  # noqa: PLC0415 - see above

    old = sorted(cluster_of)
    found = nearest_of(texts, old, meanings)
    homes = {}
    for text, indexes, similarities in zip(texts, found.indexes.tolist(), found.similarities.tolist(), strict=True):
        if similarities[0] < JOIN_MINIMUM:
            continue
        votes: dict[str, float] = defaultdict(float)
        for index, similarity in zip(indexes, similarities, strict=True):
            votes[cluster_of[old[index]]] += max(0.0, similarity)
        homes[text] = min(votes.items(), key=lambda vote: (-vote[1], vote[0]))[0]
    return homes
