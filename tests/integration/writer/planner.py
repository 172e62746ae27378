"""A planner of a few lines behind a real gRPC server: it keeps ideas in memory and answers the reads of the writer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import grpc
from igny8.planner.v1 import planner_pb2, planner_service_pb2, planner_service_pb2_grpc

from chassis import call
from chassis.client import Remote
from chassis.errors import NotFound
from chassis.filters import AllOf, AnyOf, Comparison, Expression, Not, parse_filter
from chassis.ids import new_id
from chassis.passport import Issuer, Trust, Verifier, generate_key
from chassis.resource.columns import enum_text
from chassis.server import Offer, Server
from chassis.tenancy import Tenant

_STATUS = planner_pb2.ContentIdea.DESCRIPTOR.enum_types_by_name["Status"]
_VERDICT = planner_pb2.ContentIdea.DESCRIPTOR.enum_types_by_name["Verdict"]
Row = TypeVar("Row", planner_pb2.ContentIdea, planner_pb2.Cluster)


class FakePlanner(planner_service_pb2_grpc.PlannerServiceServicer):
    """Ideas and clusters by site, in the order they were added."""

    def __init__(self) -> None:
        self.ideas: dict[UUID, list[planner_pb2.ContentIdea]] = {}
        self.clusters: dict[UUID, list[planner_pb2.Cluster]] = {}
        self.lists = 0

    def add_idea(self, tenant: Tenant, title: str, **values: Any) -> planner_pb2.ContentIdea:
        """Add an idea to the site's first sector."""
        idea = planner_pb2.ContentIdea(
            id=str(new_id()),
            site_id=str(tenant.site_id),
            sector_id=str(tenant.site.sectors[0].id) if tenant.site else "",
            cluster_id=str(new_id()),
            title=title,
            status=planner_pb2.ContentIdea.STATUS_NEW,
            verdict=planner_pb2.ContentIdea.VERDICT_WRITE,
        )
        idea.MergeFrom(planner_pb2.ContentIdea(**values))
        self.ideas.setdefault(tenant.site_id, []).append(idea)
        return idea

    def add_cluster(self, tenant: Tenant) -> planner_pb2.Cluster:
        """Add a cluster to the site's first sector."""
        sector_id = tenant.site.sectors[0].id if tenant.site else None
        cluster = planner_pb2.Cluster(id=str(new_id()), site_id=str(tenant.site_id), sector_id=str(sector_id))
        self.clusters.setdefault(tenant.site_id, []).append(cluster)
        return cluster

    def ListContentIdeas(  # noqa: N802 - the proto's name
        self,
        request: planner_service_pb2.ListContentIdeasRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes a context
    ) -> planner_service_pb2.ListContentIdeasResponse:
        self.lists += 1
        expression = parse_filter(request.filter)
        fitting = [idea for idea in self.ideas.get(call.tenant().site_id, []) if _fits(idea, expression)]
        start = int(request.page_token or 0)
        end = start + request.page_size
        return planner_service_pb2.ListContentIdeasResponse(
            content_ideas=fitting[start:end],
            next_page_token=str(end) if end < len(fitting) else "",
            total_size=len(fitting) if request.with_total_size else 0,
        )

    def GetContentIdea(  # noqa: N802 - the proto's name
        self,
        request: planner_service_pb2.GetContentIdeaRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes a context
    ) -> planner_pb2.ContentIdea:
        return _find(self.ideas, request.content_idea_id, "content idea")

    def GetCluster(  # noqa: N802 - the proto's name
        self,
        request: planner_service_pb2.GetClusterRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes a context
    ) -> planner_pb2.Cluster:
        return _find(self.clusters, request.cluster_id, "cluster")


@contextmanager
def planner_server(planner: FakePlanner) -> Iterator[Remote]:
    """Serve the planner; it believes the writer, and only reading."""
    private, public = generate_key()
    offer = Offer(
        "igny8.planner.v1.PlannerService",
        planner_service_pb2_grpc.add_PlannerServiceServicer_to_server,
        planner,
    )
    verifier = Verifier("planner", {"writer": Trust(public, frozenset({"read"}))})
    server = Server("127.0.0.1:0", [offer], verifier, threads=4)
    server.start()
    remote = Remote("planner", f"127.0.0.1:{server.port}", Issuer("writer", private))
    try:
        yield remote
    finally:
        remote.close()
        server.stop(grace_s=0.2)


def _find(kept: dict[UUID, list[Row]], row_id: str, noun: str) -> Row:
    for row in kept.get(call.tenant().site_id, []):
        if row.id == row_id:
            return row
    raise NotFound.row(noun, row_id)


def _fits(idea: planner_pb2.ContentIdea, expression: Expression | None) -> bool:
    if expression is None:
        return True
    if isinstance(expression, AllOf):
        return all(_fits(idea, term) for term in expression.terms)
    if isinstance(expression, AnyOf):
        return any(_fits(idea, term) for term in expression.terms)
    if isinstance(expression, Not):
        return not _fits(idea, expression.term)
    return _compares(idea, expression)


def _compares(idea: planner_pb2.ContentIdea, term: Comparison) -> bool:
    values = {
        "id": idea.id,
        "status": enum_text(_STATUS, idea.status),
        "verdict": enum_text(_VERDICT, idea.verdict),
        "disabled": str(idea.disabled).lower(),
        "needs_review": str(idea.needs_review).lower(),
    }
    assert term.operator == "=", term
    return values[term.field] == term.value
