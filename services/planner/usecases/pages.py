"""The pages inside a cluster: which of its keywords one page answers. Found anew each time, so that they follow it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.database import Database
from chassis.errors import NotFound
from chassis.tenancy import Tenant
from services.planner.clustering import KeywordToCluster, Level, SemanticClusterer
from services.planner.repository import ideas
from services.planner.repository.ideas import ClusterKeyword

KEYWORDS_MAX = 500


@dataclass(frozen=True)
class Page:
    """Keywords that one page answers, the most searched first, which the page would aim at."""

    keywords: Sequence[ClusterKeyword]

    @property
    def volume(self) -> int:
        """Their searches a month."""
        return sum(keyword.volume or 0 for keyword in self.keywords)


def of_cluster(database: Database, tenant: Tenant, cluster_id: UUID) -> list[Page]:
    """Return the pages of a cluster's keywords, of the most searched KEYWORDS_MAX where it has more.

    Raises:
        NotFound: the site has no such cluster.
    """
    with database.transaction(tenant) as transaction:
        cluster = ideas.cluster(transaction, cluster_id)
        if cluster is None:
            raise NotFound.row("cluster", cluster_id)
        keywords = ideas.cluster_keywords(transaction, cluster.id, KEYWORDS_MAX)
    return pages_of(keywords)


def pages_of(keywords: Sequence[ClusterKeyword]) -> list[Page]:
    """Group a cluster's keywords, a few hundred at most, by the page that answers them; the most searched first."""
    by_id = {str(keyword.id): keyword for keyword in keywords}
    listed = [KeywordToCluster(str(keyword.id), keyword.text, keyword.volume) for keyword in keywords]
    found = SemanticClusterer(Level.PAGE).cluster(listed)
    return [Page([by_id[keyword_id] for keyword_id in proposal.keyword_ids]) for proposal in found]
