"""Facts of other services that the writer takes in."""

import logging

from chassis.database import Transaction
from chassis.errors import InvalidArgument
from chassis.ids import parse_id
from chassis.outbox import Fact, Handler
from services.writer.repository import cluster_links, contents

log = logging.getLogger(__name__)
_COLUMNS = {"url": "external_url", "external_id": "external_id", "platform": "external_platform"}


def content_published(transaction: Transaction, fact: Fact) -> None:
    """Note where a content is published: `integration.content_published` {content_id, url, external_id, platform}.

    Monotonic: published is the last state, and of two publications the one that became true later is shown, in whatever
    order they are heard of. A content that is not there any more is no reason to hear of it again and again.
    It is told with the idea that it was written for, if there is one: `writer.content_published` {content_id,
    content_idea_id, url}.

    Raises:
        InvalidArgument: the fact names no content.
    """
    content_id = parse_id(str(fact.payload.get("content_id", "")))
    if content_id is None:
        raise InvalidArgument.field("payload.content_id", "must be the content's id")
    values = {column: str(fact.payload.get(name) or "") for name, column in _COLUMNS.items()}
    if not contents.publish(transaction, content_id, values, fact.create_time):
        log.info("content %s is gone or was published later; fact %s changes nothing", content_id, fact.id)
        return
    idea = contents.idea_of(transaction, content_id)
    payload = {"content_id": str(content_id), "content_idea_id": str(idea or ""), "url": values["external_url"]}
    transaction.emit("writer.content_published", payload, site_id=fact.site_id, sector_id=fact.sector_id)


def clusters_merged(transaction: Transaction, fact: Fact) -> None:
    """Follow clusters that were put into another one: `planner.clusters_merged` {cluster_id, merged_cluster_ids}.

    Raises:
        InvalidArgument: the fact names no clusters.
    """
    cluster_id = parse_id(str(fact.payload.get("cluster_id", "")))
    listed = fact.payload.get("merged_cluster_ids")
    merged = [parse_id(str(each)) for each in listed] if isinstance(listed, list) else []
    known = [each for each in merged if each is not None]
    if cluster_id is None or not known or len(known) < len(merged):
        raise InvalidArgument.field("payload.merged_cluster_ids", "and payload.cluster_id must be ids of clusters")
    cluster_links.follow(transaction, known, cluster_id)


HANDLERS: dict[str, Handler] = {
    "integration.content_published": content_published,
    "planner.clusters_merged": clusters_merged,
}
