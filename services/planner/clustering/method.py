"""The method: keywords by what they mean and how they are written, offline, the same every time.

    texts -> vectors (`vectors`) -> nearest neighbours and their graph (`neighbours`) -> communities (`communities`)
    -> names (`naming`)

`docs/decisions/0017` says why this one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from services.planner.clustering.growth import grow
from services.planner.clustering.interface import (
    AS_THE_DATA_SAYS,
    ClusterProposal,
    Growth,
    KeywordToCluster,
    Level,
    Meanings,
    Progress,
    silent,
)
from services.planner.clustering.naming import NamedText, name_clusters
from services.planner.domain import normalise


@dataclass(frozen=True, slots=True)
class SemanticClusterer:
    """Communities among nearest neighbours. Offline, deterministic, for up to a million keywords.

    Keywords whose normalised texts are equal are one for the method and stay together.

    Args:
        level: whether a cluster is a topic or a page.
        progress: is told how far it is.
    """

    level: Level = Level.TOPIC
    progress: Progress = silent

    def grow(
        self,
        old: Sequence[tuple[str, str]],
        new: Sequence[KeywordToCluster],
        granularity: float = AS_THE_DATA_SAYS,
        *,
        pool_minimum: int = 1,
        meanings: Meanings | None = None,
    ) -> Growth:
        """Place new keywords beside old clusters, see `growth.grow`."""
        cluster = partial(self.cluster, granularity=granularity, meanings=meanings)
        return grow(old, new, cluster, pool_minimum=pool_minimum, meanings=meanings)

    def cluster(
        self,
        keywords: Sequence[KeywordToCluster],
        granularity: float = AS_THE_DATA_SAYS,
        *,
        meanings: Meanings | None = None,
    ) -> list[ClusterProposal]:
        """Group `keywords`, see `interface.Clusterer`; none gives none."""
        same = defaultdict(list)
        for keyword in keywords:
            same[normalise(keyword.text)].append(keyword)
        texts = sorted(same)
        if not texts:
            return []
        # Here, since they bring numpy and the word table, which a planner that is not clustering need not pay for.
        import numpy as np  # noqa: PLC0415 - see above

        from services.planner.clustering.communities import group, members  # noqa: PLC0415 - see above
        from services.planner.clustering.nearness import Nearest  # noqa: PLC0415 - see above

        grouped = group(texts, self.level, granularity, self.progress, meanings)
        clusters = [
            sorted(((text, keyword) for text in map(texts.__getitem__, indexes) for keyword in same[text]), key=_rank)
            for indexes in members(grouped.labels)
        ]
        clusters.sort(key=lambda members: (-sum(_volume(keyword) for _, keyword in members), members[0][0]))
        self.progress("names", 0, len(clusters))
        place = {text: number for number, members in enumerate(clusters) for text, _ in members}
        labels = np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))
        names = name_clusters(
            [[NamedText(text, _volume(keyword)) for text, keyword in members] for members in clusters],
            Nearest(grouped.embedding, grouped.embedding.centres(labels, len(clusters))),
        )
        return [
            ClusterProposal(name, tuple(keyword.id for _, keyword in members), members[0][1].id)
            for name, members in zip(names, clusters, strict=True)
        ]


def _volume(keyword: KeywordToCluster) -> int:
    return keyword.volume or 0


def _rank(member: tuple[str, KeywordToCluster]) -> tuple[int, int, str, str]:
    """Most searched first; of equals the shorter text, which is the more general keyword."""
    text, keyword = member
    return -_volume(keyword), len(text), text, keyword.id
