"""Clustering a sector again: the function `recluster_keywords` finds out what would change, a person has it done."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import Aborted, FailedPrecondition, NotFound
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Made, Selection, WithoutModel, Work, applied, apply_once
from services.planner.clustering import Clusterer, ClusterProposal
from services.planner.domain import ReclusteringStatus, free_name, normalise
from services.planner.reclustering import Placed, Plan, plan
from services.planner.repository import arranging, clusters, reclustering
from services.planner.usecases import options as read
from services.planner.usecases import sectors
from services.planner.usecases.clustering import interruptible
from services.planner.usecases.meanings import KeywordMeanings

NAME = "recluster_keywords"


class ReclusterKeywords(WithoutModel):
    """Clusters all of a sector's keywords again and stores what that would change; it changes nothing.

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
        with self._database.transaction(tenant) as transaction:
            counts = reclustering.count_placeable(transaction, [sector.id for sector in chosen])
        return sectors.with_enough(chosen, counts, limit)

    def apply(self, work: Work, answer: Answer | None) -> Applied:  # noqa: ARG002 - it needs no model
        """Find out what would change, once a step; the quantity is how many keywords were clustered.

        Raises:
            NotFound: the sector is not one of the site's.
            TooFewKeywords: it has fewer than five.
            ClusteringInterrupted: its process ended; nothing was stored.
        """
        sector = sectors.of(work)
        with self._database.transaction(work.tenant) as transaction:
            placed = reclustering.placeable(transaction, sector.id)
            done = applied(transaction, work)
            if done is not None:
                return done
        sectors.require_enough(placed, sector)
        keywords = [each.keyword for each in placed]
        # outside of a transaction, both may take minutes
        meant = self._meanings.of(work, [normalise(keyword.text) for keyword in keywords])
        with interruptible():
            proposals = self._clusterer.cluster(keywords, read.granularity(work.options), meanings=meant.vectors)
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(
                transaction, NAME, work, lambda: meant.told_with(_propose(transaction, work, placed, proposals))
            )


def apply(transaction: Transaction, reclustering_id: UUID, *, by: str, etag: str = "") -> None:
    """Carry out what was proposed; what was changed meanwhile is left as it is.

    Raises:
        NotFound: the site has no such reclustering.
        FailedPrecondition: it was applied, or a newer one took its place.
        Aborted: it has changed since.
    """
    proposed = reclustering.find(transaction, reclustering_id)
    if proposed is None:
        raise NotFound.row("reclustering", reclustering_id)
    if etag and etag != str(proposed.revision):
        raise Aborted("The reclustering has changed; read it again.")
    if proposed.status != ReclusteringStatus.PROPOSED:
        raise FailedPrecondition(f"The reclustering is {proposed.status}; cluster the sector again for a new one.")
    clusters.hold(transaction, proposed.sector_id)
    made = reclustering.new_clusters(transaction, reclustering_id)
    clusters.store_empty(transaction, proposed.sector_id, proposed.step_id, made)
    moved = reclustering.carry_out(transaction, reclustering_id)
    reclustering.drop_empty(transaction, made)
    homes = _homes(transaction, {UUID(each): UUID(home) for each, home in proposed.homes.items()})
    if homes:
        arranging.fold(transaction, homes)
    _rename(transaction, proposed.sector_id, {UUID(each): name for each, name in proposed.names.items()})
    done = {"status": ReclusteringStatus.APPLIED, "applied_by": by, "apply_time": sa.func.now()}
    skipped = proposed.moved_count + proposed.joined_count - moved
    reclustering.finish(transaction, reclustering_id, {**done, "skipped_count": skipped})


def _propose(
    transaction: Transaction, work: Work, placed: Sequence[Placed], proposals: Sequence[ClusterProposal]
) -> Applied:
    named = reclustering.names(transaction, work.subject_id)
    found = plan(placed, proposals, named, lambda: str(new_id()))
    shown = {each: name.name for each, name in named.items()} | dict(found.names)
    shown |= {each.keyword.id: each.keyword.text for each in placed}
    granularity = read.granularity(work.options)
    made = reclustering.propose(transaction, work.subject_id, work.step_id, granularity, found, shown)
    return Applied(len(placed), [Made("reclustering", str(made))], [_note(found)])


def _note(found: Plan) -> str:
    counts = found.counts
    if not found.moves:
        return "Clustering again changes nothing."
    return (
        f"{counts['moved_count']:,} keywords would move and {counts['joined_count']:,} get a cluster; clusters: "
        f"{counts['split_count']:,} split, {counts['merged_count']:,} merged, {counts['created_count']:,} new, "
        f"{counts['emptied_count']:,} emptied. Nothing is changed until it is applied."
    )


def _homes(transaction: Transaction, wanted: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """Return those clusters that have no keyword left, and whose new home is there."""
    counts = reclustering.keyword_counts(transaction, {*wanted, *wanted.values()})
    return {each: home for each, home in wanted.items() if counts.get(each) == 0 and counts.get(home, 0) > 0}


def _rename(transaction: Transaction, sector_id: UUID, wanted: Mapping[UUID, str]) -> None:
    """Give clusters, new ones too, the names that fit them now, but not to those that a person has named meanwhile."""
    named = reclustering.names(transaction, sector_id)
    renamed = {each: name for each, name in wanted.items() if str(each) in named and not named[str(each)].is_given}
    taken = {name.name.lower() for each, name in named.items() if UUID(each) not in renamed}
    for cluster_id, name in renamed.items():
        renamed[cluster_id] = free_name((name,), taken)
        taken.add(renamed[cluster_id].lower())
    reclustering.rename(transaction, renamed)
