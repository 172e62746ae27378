"""Clusters as a person arranges them: merged, split, and keywords moved. What he decided is kept by later runs."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from chassis.database import Transaction
from chassis.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from services.planner.domain import CLUSTER_NAME_CHARS_MAX
from services.planner.repository import arranging, clusters
from services.planner.repository.clusters import NewCluster

MERGED_MAX = 100
KEYWORDS_MAX = 1_000
_SHOWN_MAX = 5


def merge(transaction: Transaction, cluster_id: UUID, merged_ids: Sequence[UUID], *, by: str, etag: str = "") -> None:
    """Put all that clusters have into another one, and delete them. Merging the same again changes nothing.

    Raises:
        NotFound: the site has no such cluster.
        InvalidArgument: none or too many are named, the cluster itself, or one of another sector.
        Aborted: somebody else has changed the cluster since.
    """
    merged_ids = list(dict.fromkeys(merged_ids))
    if not 1 <= len(merged_ids) <= MERGED_MAX:
        raise InvalidArgument.field("merged_cluster_ids", f"must name 1 to {MERGED_MAX} clusters")
    if cluster_id in merged_ids:
        raise InvalidArgument.field("merged_cluster_ids", "names the cluster itself")
    sector_id = _live(arranging.find(transaction, [cluster_id]), cluster_id).sector_id
    clusters.hold(transaction, sector_id)
    found = arranging.find(transaction, [cluster_id, *merged_ids])
    _require_unchanged(_live(found, cluster_id), etag)
    is_done = {each for each in merged_ids if each in found and found[each].merged_into_id == cluster_id}
    left = [each for each in merged_ids if each not in is_done]
    for each in left:
        if _live(found, each).sector_id != sector_id:
            raise InvalidArgument.field("merged_cluster_ids", f"{found[each].name!r} is of another sector")
    if not left:
        return
    arranging.lock_keywords(transaction, [cluster_id, *left])
    arranging.fold(transaction, dict.fromkeys(left, cluster_id))
    arranging.keep(transaction, [cluster_id], by)


def split(
    transaction: Transaction, cluster_id: UUID, keyword_ids: Sequence[UUID], name: str, *, by: str, etag: str = ""
) -> UUID:
    """Make a cluster of some of a cluster's keywords; return its id.

    Raises:
        NotFound: the site has no such cluster.
        InvalidArgument: no keyword is named, too many, one of another cluster, or all; or the name is too long.
        AlreadyExists: the sector has a cluster of this name.
        Aborted: somebody else has changed the cluster since.
    """
    wanted, name = _chosen(keyword_ids), name.strip()
    if len(name) > CLUSTER_NAME_CHARS_MAX:
        raise InvalidArgument.field("name", f"has more than {CLUSTER_NAME_CHARS_MAX} characters")
    sector_id = _live(arranging.find(transaction, [cluster_id]), cluster_id).sector_id
    clusters.hold(transaction, sector_id)
    arranging.lock_keywords(transaction, [cluster_id])
    cluster = _live(arranging.find(transaction, [cluster_id]), cluster_id)
    _require_unchanged(cluster, etag)
    rows = [row for row in arranging.keywords_of(transaction, wanted) if row.cluster_id == cluster_id]
    strange = set(wanted) - {row.id for row in rows}
    if strange:
        listed = ", ".join(map(str, sorted(strange)[:_SHOWN_MAX]))
        raise InvalidArgument.field("keyword_ids", f"{len(strange)} are no keywords of {cluster.name!r}: {listed}")
    if len(rows) == cluster.keyword_count:
        raise InvalidArgument.field("keyword_ids", f"are all that {cluster.name!r} has; leave it some")
    if name and clusters.is_taken(transaction, sector_id, name):
        raise AlreadyExists("A cluster of this name exists in the sector; choose another.")
    arranging.keep(transaction, [cluster_id], by)
    new = NewCluster((name or rows[0].text,), [row.id for row in rows])
    (made,) = clusters.store(transaction, sector_id, None, [new])
    arranging.place(transaction, new.keyword_ids, made, by)
    if name:
        arranging.write(transaction, made, {"name_given": True})
    return made


def move(transaction: Transaction, cluster_id: UUID, keyword_ids: Sequence[UUID], *, by: str) -> list[UUID]:
    """Put keywords into a cluster of their sector; return those that are not there.

    Raises:
        NotFound: the site has no such cluster.
        InvalidArgument: no keyword is named, too many, or one of another sector.
    """
    wanted = _chosen(keyword_ids)
    cluster = _live(arranging.find(transaction, [cluster_id]), cluster_id)
    clusters.hold(transaction, cluster.sector_id)
    _live(arranging.find(transaction, [cluster_id]), cluster_id)
    rows = arranging.keywords_of(transaction, wanted)
    strange = [row.text for row in rows if row.sector_id != cluster.sector_id]
    if strange:
        listed = ", ".join(map(repr, strange[:_SHOWN_MAX]))
        raise InvalidArgument.field("keyword_ids", f"{len(strange)} are of another sector: {listed}")
    arranging.place(transaction, [row.id for row in rows], cluster_id, by)
    return sorted(set(wanted) - {row.id for row in rows})


def name_given(transaction: Transaction, cluster_id: UUID, values: Mapping[str, Any]) -> None:
    """Remember that a person has named a cluster, after he has."""
    if "name" in values:
        arranging.write(transaction, cluster_id, {"name_given": True})


def _chosen(keyword_ids: Sequence[UUID]) -> list[UUID]:
    wanted = list(dict.fromkeys(keyword_ids))
    if not 1 <= len(wanted) <= KEYWORDS_MAX:
        raise InvalidArgument.field("keyword_ids", f"must name 1 to {KEYWORDS_MAX:,} keywords")
    return wanted


def _live(found: Mapping[UUID, Row[Any]], cluster_id: UUID) -> Row[Any]:
    row = found.get(cluster_id)
    if row is None or row.delete_time is not None:
        raise NotFound.row("cluster", cluster_id)
    return row


def _require_unchanged(cluster: Row[Any], etag: str) -> None:
    if etag and etag != str(cluster.revision):
        raise Aborted("The cluster was changed by somebody else; read it again and repeat the change.")
