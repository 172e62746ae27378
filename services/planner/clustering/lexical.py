"""The first clustering method: by the letters and words that keywords share; it knows nothing of what they
mean.
"""

from collections import defaultdict
from collections.abc import Sequence

from services.planner.clustering.groups import group
from services.planner.clustering.interface import ClusterProposal, KeywordToCluster
from services.planner.clustering.naming import NamedText, name_clusters
from services.planner.domain import normalise


class LexicalClusterer:
    """TF-IDF neighbours merged by average linkage. Offline, deterministic, for up to about 100,000 keywords.

    Keywords whose normalised texts are equal are one for the method and stay together.
    """

    def cluster(self, keywords: Sequence[KeywordToCluster]) -> list[ClusterProposal]:
        """Group `keywords`, see `interface.Clusterer`; none gives none."""
        same = defaultdict(list)
        for keyword in keywords:
            same[normalise(keyword.text)].append(keyword)
        texts = sorted(same)
        if not texts:
            return []
        # Here, since it brings scikit-learn: 90 MB and a second that a planner which is not clustering need not pay.
        from services.planner.clustering.neighbours import nearest  # noqa: PLC0415 - see above

        clusters = [
            sorted(
                ((text, keyword) for text in map(texts.__getitem__, indexes) for keyword in same[text]),
                key=_rank,
            )
            for indexes in group(nearest(texts))
        ]
        clusters.sort(key=lambda members: (-sum(_volume(keyword) for _, keyword in members), members[0][0]))
        names = name_clusters(
            [[NamedText(text, _volume(keyword)) for text, keyword in members] for members in clusters]
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
