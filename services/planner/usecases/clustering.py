"""The function `cluster_keywords`: keywords of a sector that have no cluster join one, or are clustered by themselves.

No keyword that has a cluster moves: that is what `recluster_keywords` is for.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from chassis.database import Database, Transaction
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Made, Selection, WithoutModel, Work, applied, apply_once
from services.planner.clustering import Clusterer, Growth, Interrupted, KeywordToCluster
from services.planner.domain import MINIMUM_KEYWORDS, normalise
from services.planner.errors import ClusteringInterrupted
from services.planner.repository import clusters
from services.planner.repository.clusters import NewCluster
from services.planner.usecases import options as read
from services.planner.usecases import sectors
from services.planner.usecases.meanings import KeywordMeanings

NAME = "cluster_keywords"
KEYWORD_IDS = "keyword_ids"
"""The option that limits it to certain keywords, for people who selected some."""


class ClusterKeywords(WithoutModel):
    """Clusters one sector's keywords: those that are live, not disabled, and in no cluster.

    Args:
        database: the planner's.
        clusterer: the method.
        meanings: what keywords mean.
    """

    def __init__(self, database: Database, clusterer: Clusterer, meanings: KeywordMeanings) -> None:
        super().__init__(database, NAME)
        self._clusterer, self._meanings = clusterer, meanings

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return the sectors that have enough keywords; quantities are keywords."""
        chosen = sectors.named(tenant, subject_ids)
        read.granularity(options)
        keyword_ids = read.ids(options, KEYWORD_IDS)
        with self._database.transaction(tenant) as transaction:
            counts = clusters.count_waiting(transaction, [sector.id for sector in chosen], keyword_ids)
            selection = sectors.with_enough(chosen, counts, limit)
            if selection.items or not keyword_ids:
                return selection
            return replace(selection, skip_reason=selection.skip_reason + _selected(transaction, keyword_ids))

    def apply(self, work: Work, answer: Answer | None) -> Applied:  # noqa: ARG002 - it needs no model
        """Cluster the sector's keywords, once a step; the quantity is how many keywords got a cluster.

        Raises:
            NotFound: the sector is not one of the site's.
            TooFewKeywords: fewer than five are left; nothing was stored.
            ClusteringInterrupted: its process ended; nothing was stored.
        """
        sector = sectors.of(work)
        with self._database.transaction(work.tenant) as transaction:
            keywords = clusters.waiting(transaction, sector.id, read.ids(work.options, KEYWORD_IDS))
            old = clusters.labelled(transaction, sector.id)
            done = applied(transaction, work)  # looked at last: too few may be waiting because this step was applied
            if done is not None:
                return done
        sectors.require_enough(keywords, sector)
        granularity = read.granularity(work.options)
        texts = [text for text, _ in old] + [keyword.text for keyword in keywords]
        meant = self._meanings.of(work, map(normalise, texts))  # outside of a transaction, both may take minutes
        with interruptible():
            growth = self._clusterer.grow(
                old, keywords, granularity, pool_minimum=MINIMUM_KEYWORDS, meanings=meant.vectors
            )
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(
                transaction, NAME, work, lambda: meant.told_with(_store(transaction, work, keywords, growth))
            )


@contextmanager
def interruptible() -> Iterator[None]:
    """Say that a step whose clustering was interrupted can be tried again."""
    try:
        yield
    except Interrupted as error:
        raise ClusteringInterrupted(f"{error} The step can be tried again.", retry_after_s=5.0) from error


def _store(transaction: Transaction, work: Work, keywords: Sequence[KeywordToCluster], growth: Growth) -> Applied:
    sector_id = work.subject_id
    clusters.hold(transaction, sector_id)
    waiting = clusters.still_waiting(transaction, sector_id, [UUID(keyword.id) for keyword in keywords])
    there = clusters.live(transaction, [UUID(home) for home in set(growth.joined.values())])
    joined = {
        UUID(keyword_id): UUID(home)
        for keyword_id, home in growth.joined.items()
        if UUID(keyword_id) in waiting and UUID(home) in there
    }
    clusters.join(transaction, joined)
    texts = {keyword.id: keyword.text for keyword in keywords}
    new = []
    for proposal in growth.proposals:
        left = [keyword_id for keyword_id in map(UUID, proposal.keyword_ids) if keyword_id in waiting]
        if left:
            # a second cluster of a name is told apart by the keyword its page aims at
            new.append(NewCluster((proposal.name, texts[str(left[0])]), left))
    ids = clusters.store(transaction, sector_id, work.step_id, new) if new else []
    placed = len(joined) + sum(len(cluster.keyword_ids) for cluster in new)
    notes = _notes(len(joined), gone=len(keywords) - len(waiting), left=len(waiting) - placed)
    return Applied(placed, [Made("cluster", str(cluster_id)) for cluster_id in ids], notes)


def _selected(transaction: Transaction, keyword_ids: Sequence[UUID]) -> str:
    """Say which of the selected keywords cannot be clustered, and why; empty when all can."""
    found = clusters.not_ready(transaction, keyword_ids)
    counts = {"disabled": found.disabled, "in a cluster": found.clustered, "not there": found.unknown}
    parts = [f"{count} {'is' if count == 1 else 'are'} {what}" for what, count in counts.items() if count]
    return f" Of the {len(set(keyword_ids)):,} selected {', '.join(parts)}." if parts else ""


def _notes(joined: int, *, gone: int, left: int) -> list[str]:
    notes = [f"{joined:,} keywords joined clusters that were there."] if joined else []
    if gone:
        notes.append(f"{gone:,} keywords were changed meanwhile and left as they are.")
    if left:
        notes.append(f"{left:,} keywords are like no cluster and wait until {MINIMUM_KEYWORDS} of them do.")
    return notes
