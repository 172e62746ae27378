"""What the writer needs of the planner: its ideas and clusters, read under a passport for the same tenant."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from igny8.planner.v1 import planner_pb2, planner_service_pb2, planner_service_pb2_grpc

from chassis.client import Remote
from chassis.errors import Fault, Kind, NotFound, Unavailable
from chassis.passport import Passport
from chassis.resource import from_message
from chassis.tenancy import Tenant
from services.writer.domain.ideas import Cluster, Idea, IdeaPage

_PAGE = 200  # an idea with its outline is about 3 kB
_IDS_IN_A_FILTER = 30  # a filter has at most 2,000 characters
_NEW = 'status = "new" AND disabled = false AND needs_review = false AND verdict = "write"'
_FIELDS = (
    "id",
    "sector_id",
    "cluster_id",
    "title",
    "content_type",
    "content_structure",
    "primary_keyword",
    "keywords",
    "audience",
    "tone",
    "brief",
    "call_to_action",
    "outline",
    "language",
    "status",
    "disabled",
    "needs_review",
    "verdict",
    "overlap_reason",
)


class Planner:
    """The planner, as the writer sees it.

    Args:
        remote: the planner's channel, under the writer's own name.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._stub = planner_service_pb2_grpc.PlannerServiceStub(remote.channel)

    def new_ideas(self, tenant: Tenant, ids: Sequence[UUID]) -> Iterator[IdeaPage]:
        """Yield the site's ideas that nothing has been made of, most important first; of `ids` only if there are any.

        Disabled ones, those that a person should look at first, and those that would compete with another page of the
        site are left out.

        Raises:
            Unavailable: the planner cannot be reached.
        """
        if not ids:
            yield from self._pages(tenant, _NEW)
        for start in range(0, len(ids), _IDS_IN_A_FILTER):
            named = " OR ".join(f'id = "{idea_id}"' for idea_id in ids[start : start + _IDS_IN_A_FILTER])
            yield from self._pages(tenant, f"{_NEW} AND ({named})")

    def idea(self, tenant: Tenant, idea_id: UUID) -> Idea:
        """Return one idea.

        Raises:
            NotFound: the site has no such idea.
            Unavailable: the planner cannot be reached.
        """
        request = planner_service_pb2.GetContentIdeaRequest(site_id=str(tenant.site_id), content_idea_id=str(idea_id))
        return _idea(self._read(self._stub.GetContentIdea, request, tenant))

    def cluster(self, tenant: Tenant, cluster_id: UUID) -> Cluster | None:
        """Return one cluster, or None when the site has no such.

        Raises:
            Unavailable: the planner cannot be reached.
        """
        request = planner_service_pb2.GetClusterRequest(site_id=str(tenant.site_id), cluster_id=str(cluster_id))
        try:
            found = self._read(self._stub.GetCluster, request, tenant)
        except NotFound:
            return None
        return Cluster(UUID(found.id), UUID(found.sector_id))

    def _pages(self, tenant: Tenant, query: str) -> Iterator[IdeaPage]:
        token, first = "", True
        while token or first:
            request = planner_service_pb2.ListContentIdeasRequest(
                site_id=str(tenant.site_id),
                page_size=_PAGE,
                page_token=token,
                filter=query,
                order_by="priority desc, create_time",
                with_total_size=first,
            )
            page = self._read(self._stub.ListContentIdeas, request, tenant)
            yield IdeaPage([_idea(idea) for idea in page.content_ideas], page.total_size)
            token, first = page.next_page_token, False

    def _read(self, method: Callable[..., Any], request: Message, tenant: Tenant) -> Any:
        passport = Passport(
            frozenset({"read"}), tenant.account_id, tenant.site, actor_kind="service", actor_id="writer"
        )
        try:
            return self._remote.call(method, request, passport, repeatable=True)
        except Fault as fault:
            if fault.code is Kind.NOT_FOUND:
                raise NotFound(fault.message, metadata=fault.metadata) from fault
            if fault.code is Kind.UNAVAILABLE:
                raise Unavailable("The planner cannot be reached just now; try again.", retry_after_s=1.0) from fault
            raise


def _idea(message: planner_pb2.ContentIdea) -> Idea:
    values = from_message(message, _FIELDS) | {"keywords": list(message.keywords)}
    return Idea(word_count=message.estimated_word_count, **values)
