"""The function `cluster_keywords`: a sector's keywords that have no cluster are put into clusters."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from chassis.database import Database, Transaction
from chassis.errors import NotFound
from chassis.passport import SectorClaim
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Made, Selection, WithoutModel, Work, applied, apply_once
from services.planner import domain
from services.planner.clustering import Clusterer, ClusterProposal, Interrupted, KeywordToCluster
from services.planner.domain import MINIMUM_KEYWORDS
from services.planner.errors import ClusteringInterrupted, TooFewKeywords
from services.planner.repository import clusters
from services.planner.repository.clusters import NewCluster
from services.planner.usecases import options as read

NAME = "cluster_keywords"
KEYWORD_IDS = "keyword_ids"
"""The option that limits it to certain keywords, for people who selected some."""


class ClusterKeywords(WithoutModel):
    """Clusters one sector's keywords: those that are live, not disabled, and in no cluster.

    Args:
        database: the planner's.
        clusterer: the method.
    """

    def __init__(self, database: Database, clusterer: Clusterer) -> None:
        super().__init__(database, NAME)
        self._clusterer = clusterer

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return the sectors that have enough keywords; quantities are keywords."""
        sectors = [s for s in _sectors(tenant) if not subject_ids or s.id in subject_ids]
        with self._database.transaction(tenant) as transaction:
            counts = clusters.count_waiting(
                transaction, [sector.id for sector in sectors], read.ids(options, KEYWORD_IDS)
            )
        items = [
            Item(sector.id, "sector", sector.name, counts[sector.id], counts[sector.id])
            for sector in sectors
            if counts.get(sector.id, 0) >= MINIMUM_KEYWORDS
        ]
        return Selection(items[:limit], len(items), "" if items else _skip_reason(sectors, counts))

    def apply(self, work: Work, answer: Answer | None) -> Applied:  # noqa: ARG002 - it needs no model
        """Cluster the sector's keywords, once a step; the quantity is how many keywords got a cluster.

        Raises:
            NotFound: the sector is not one of the site's.
            TooFewKeywords: fewer than five are left; nothing was stored.
            ClusteringInterrupted: its process ended; nothing was stored.
        """
        sector = work.tenant.sector(work.subject_id)
        if sector is None:
            raise NotFound.row("sector", work.subject_id)
        with self._database.transaction(work.tenant) as transaction:
            keywords = clusters.waiting(transaction, sector.id, read.ids(work.options, KEYWORD_IDS))
            done = applied(transaction, work)  # looked at last: too few may be waiting because this step was applied
            if done is not None:
                return done
        _require_enough(keywords, sector)
        try:
            proposals = self._clusterer.cluster(keywords)  # outside of a transaction: it may take a minute
        except Interrupted as error:
            raise ClusteringInterrupted(f"{error} The step can be tried again.", retry_after_s=5.0) from error
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(
                transaction, NAME, work, lambda: _store(transaction, work, sector.id, keywords, proposals)
            )


def _store(
    transaction: Transaction,
    work: Work,
    sector_id: UUID,
    keywords: Sequence[KeywordToCluster],
    proposals: Sequence[ClusterProposal],
) -> Applied:
    texts = {keyword.id: keyword.text for keyword in keywords}
    waiting = clusters.still_waiting(transaction, sector_id, [UUID(keyword.id) for keyword in keywords])
    new = []
    for proposal in proposals:
        left = [keyword_id for keyword_id in map(UUID, proposal.keyword_ids) if keyword_id in waiting]
        if left:
            # a second cluster of a name is told apart by the keyword its page aims at
            new.append(NewCluster((proposal.name, texts[str(left[0])]), left))
    ids = clusters.store(transaction, sector_id, work.step_id, new) if new else []
    gone = len(keywords) - len(waiting)
    notes = [f"{gone:,} keywords were changed meanwhile and left as they are."] if gone else []
    return Applied(len(waiting), [Made("cluster", str(cluster_id)) for cluster_id in ids], notes)


def _require_enough(keywords: Sequence[KeywordToCluster], sector: SectorClaim) -> None:
    try:
        domain.require_enough_keywords(keywords)
    except domain.TooFewKeywords as error:
        raise TooFewKeywords(
            _too_few(sector, len(keywords)), metadata={"ready": str(len(keywords)), "needed": str(MINIMUM_KEYWORDS)}
        ) from error


def _skip_reason(sectors: Sequence[SectorClaim], counts: Mapping[UUID, int]) -> str:
    if not sectors:
        return "The site has none of these sectors; add one, or choose another."
    return " ".join(_too_few(sector, counts.get(sector.id, 0)) for sector in sectors)


def _too_few(sector: SectorClaim, count: int) -> str:
    verb = "keyword is" if count == 1 else "keywords are"
    return f"{count} {verb} ready in {sector.name}; clustering needs {MINIMUM_KEYWORDS}."


def _sectors(tenant: Tenant) -> Sequence[SectorClaim]:
    return tenant.site.sectors if tenant.site else ()
