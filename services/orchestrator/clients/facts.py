"""Who is active, and what happened elsewhere: identity, outboxes and inboxes, and what services put away."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from igny8.common.v1 import events_pb2, events_service_pb2, upkeep_service_pb2
from igny8.identity.v1 import identity_service_pb2

from chassis.passport import SectorClaim, SiteClaim
from services.orchestrator.clients.calls import LONG_S, Call, nothing

Event = events_pb2.Event


@dataclass(frozen=True)
class ResolvedSite:
    """An active site of an active account; no claim when only the account was asked about.

    Args:
        claim: what a passport says of it.
        time_zone: its account's.
    """

    claim: SiteClaim | None
    time_zone: str


def purge_answers(service: str, limit: int) -> Call[int]:
    """Have a service forget old answers; the answer is how many."""
    request = upkeep_service_pb2.PurgeAnswersRequest(limit=limit)
    path, answer = "/igny8.common.v1.UpkeepService/PurgeAnswers", upkeep_service_pb2.PurgeAnswersResponse
    return Call(service, path, request, answer, lambda response: int(response.purged), LONG_S)


def resolve_site(account_id: UUID, site_id: UUID | None, *, even_inactive: bool = False) -> Call[ResolvedSite]:
    """Ask identity whether account and site are active, what a passport says of the site, and whose time it keeps.

    With `even_inactive`, what a passport says of a site that is deleted, or whose account is suspended, too.
    """
    request = identity_service_pb2.ResolveSiteRequest(
        account_id=str(account_id), site_id=str(site_id) if site_id else "", even_inactive=even_inactive
    )
    path = "/igny8.identity.v1.IdentityService/ResolveSite"
    return Call("identity", path, request, identity_service_pb2.ResolveSiteResponse, _site)


def pull_events(service: str, limit: int, after: str = "") -> Call[list[Event]]:
    """Look at facts in a service's outbox, those after the one with an id."""
    request = events_service_pb2.PullEventsRequest(limit=limit, after=after)
    path = "/igny8.common.v1.OutboxService/PullEvents"
    return Call(service, path, request, events_service_pb2.PullEventsResponse, lambda response: list(response.events))


def ack_events(service: str, event_ids: Sequence[str]) -> Call[None]:
    """Have a service forget facts that were delivered."""
    request = events_service_pb2.AckEventsRequest(event_ids=event_ids)
    return Call(
        service, "/igny8.common.v1.OutboxService/AckEvents", request, events_service_pb2.AckEventsResponse, nothing
    )


def deliver_event(service: str, event: Event) -> Call[None]:
    """Hand a fact to a service that asked for its kind."""
    request = events_service_pb2.DeliverEventRequest(event=event)
    path = "/igny8.common.v1.InboxService/DeliverEvent"
    return Call(service, path, request, events_service_pb2.DeliverEventResponse, nothing)


def _site(response: identity_service_pb2.ResolveSiteResponse) -> ResolvedSite:
    if not response.HasField("site"):
        return ResolvedSite(None, "")
    site = response.site
    claim = SiteClaim(
        id=UUID(site.site_id),
        industry_id=UUID(site.industry_id),
        sectors=tuple(SectorClaim(UUID(s.sector_id), UUID(s.industry_sector_id), s.name) for s in site.sectors),
        name=site.name,
        domain=site.domain,
        language=site.language,
        industry=site.industry_name,
    )
    return ResolvedSite(claim, response.time_zone)
