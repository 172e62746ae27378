"""Services that answer from memory, over real gRPC with real passports: what the gateway sends is looked at here.

They exist to test the gateway alone. The servicers follow the protos; each remembers the calls it got.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
from igny8.billing.v1 import billing_pb2, billing_service_pb2_grpc
from igny8.identity.v1 import identity_pb2, identity_service_pb2, identity_service_pb2_grpc
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2, orchestrator_service_pb2_grpc
from igny8.planner.v1 import planner_pb2, planner_service_pb2, planner_service_pb2_grpc

from chassis import call
from chassis.errors import Fault, InvalidArgument, Kind, NotFound, PermissionDenied, RemoteFault, Unavailable
from chassis.ids import new_id
from chassis.passport import Passport


@dataclass
class Calls:
    """What a fake was asked, and under which passport."""

    made: list[tuple[str, Any, Passport, str]] = field(default_factory=list)

    def note(self, name: str, request: Any) -> None:
        self.made.append((name, request, call.passport(), call.request_id()))

    def last(self, name: str) -> tuple[Any, Passport]:
        found = [(request, passport) for called, request, passport, _ in self.made if called == name]
        return found[-1]

    def last_search(self) -> str:
        return str(getattr(self.made[-1][1], "search", "")) if self.made else ""

    def count(self, name: str) -> int:
        return sum(called == name for called, *_ in self.made)


@dataclass
class World:
    """An account with two sites and credentials, and another account."""

    account_id: UUID = field(default_factory=new_id)
    other_account_id: UUID = field(default_factory=new_id)
    site_id: UUID = field(default_factory=new_id)
    second_site_id: UUID = field(default_factory=new_id)
    other_site_id: UUID = field(default_factory=new_id)
    sector_id: UUID = field(default_factory=new_id)
    principals: dict[str, identity_pb2.Principal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        account = str(self.account_id)
        self.add("owner", account, "user", ["read", "write", "manage"])
        self.add("viewer", account, "user", ["read"])
        self.add("bound", account, "api_key", ["read", "write"], bound=str(self.site_id))
        self.add("stranger", str(self.other_account_id), "user", ["read", "write", "manage"])
        self.add("staff", "", "operator", ["read", "write", "manage", "operator"])
        self.add("greedy", account, "api_key", ["read", "engine", "edge"])

    def add(self, secret: str, account_id: str, kind: str, scopes: list[str], *, bound: str = "") -> None:
        self.principals[secret] = identity_pb2.Principal(
            account_id=account_id, actor_id=str(new_id()), actor_kind=kind, scopes=scopes, bound_site_id=bound
        )

    def owner_of(self, site_id: str) -> str:
        owners = {
            str(self.site_id): self.account_id,
            str(self.second_site_id): self.account_id,
            str(self.other_site_id): self.other_account_id,
        }
        return str(owners.get(site_id, ""))


class Identity(identity_service_pb2_grpc.IdentityServiceServicer):
    def __init__(self, world: World) -> None:
        self.world, self.calls = world, Calls()

    def Authenticate(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("Authenticate", request)
        known = self.world.principals.get(request.credential)
        if known is None:
            raise RemoteFault(Kind.UNAUTHENTICATED, "INVALID_CREDENTIAL", "The credential is unknown.")
        principal = identity_pb2.Principal()
        principal.CopyFrom(known)
        if request.acting_for_account_id:
            if principal.actor_kind != "operator":
                raise PermissionDenied("Only an operator may act for an account.")
            principal.account_id = request.acting_for_account_id
        return identity_service_pb2.AuthenticateResponse(principal=principal)

    def ResolveSite(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("ResolveSite", request)
        if self.world.owner_of(request.site_id) != request.account_id:
            raise NotFound("No site like that, says identity.")
        sector = identity_pb2.SectorClaims(
            sector_id=str(self.world.sector_id), industry_sector_id=str(new_id()), name="Coffee machines"
        )
        site = identity_pb2.SiteClaims(
            site_id=request.site_id, industry_id=str(new_id()), sectors=[sector], name="Coffee", domain="coffee.example"
        )
        return identity_service_pb2.ResolveSiteResponse(site=site)

    def GetCatalogue(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("GetCatalogue", request)
        industry = identity_pb2.Industry(id=str(new_id()), slug="food", name="Food")
        sector = identity_pb2.IndustrySector(
            id=str(new_id()), industry_id=industry.id, slug="coffee", name="Coffee & tea"
        )
        return identity_service_pb2.GetCatalogueResponse(industries=[industry], industry_sectors=[sector])

    def SignUp(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("SignUp", request)
        if request.email == "taken@example.com":
            raise RemoteFault(Kind.ALREADY_EXISTS, "ALREADY_EXISTS", "This address has an account; sign in.")
        account = identity_pb2.Account(id=str(self.world.account_id), name=request.account_name)
        account.status = identity_pb2.Account.STATUS_ACTIVE
        return identity_service_pb2.SignUpResponse(
            account=account, session=identity_pb2.Session(access_token="owner", refresh_token="refresh")
        )

    def LogIn(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("LogIn", request)
        raise RemoteFault(Kind.UNAUTHENTICATED, "WRONG_CREDENTIALS", "The address or the password is wrong.")

    def LogOut(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("LogOut", request)
        return identity_service_pb2.LogOutResponse()

    def ListSites(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("ListSites", request)
        return identity_service_pb2.ListSitesResponse(sites=[identity_pb2.Site(id=str(self.world.site_id))])

    def CreateSector(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("CreateSector", request)
        return identity_pb2.Sector(id=str(new_id()), site_id=request.site_id, name=request.sector.name)

    def DeleteSite(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("DeleteSite", request)
        return identity_pb2.Site(id=request.site_id)


class Planner(planner_service_pb2_grpc.PlannerServiceServicer):
    def __init__(self) -> None:
        self.calls = Calls()
        self.refuse: Fault | None = None
        self.cancelled = threading.Event()

    def GetKeyword(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("GetKeyword", request)
        if self.refuse is not None:
            raise self.refuse
        return planner_pb2.Keyword(id=request.keyword_id, site_id=request.site_id, text="espresso", volume=1200)

    def ListKeywords(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("ListKeywords", request)
        if request.search == "slow":
            context.add_callback(self.cancelled.set)
            time.sleep(1.5)
        return planner_service_pb2.ListKeywordsResponse(
            keywords=[planner_pb2.Keyword(text="espresso", status=planner_pb2.MAPPING_STATUS_NEW)], total_size=1
        )

    def CreateKeyword(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("CreateKeyword", request)
        if request.keyword.volume < 0:
            raise InvalidArgument.field("keyword.volume", "must not be negative")
        return request.keyword

    def ExportKeywords(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("ExportKeywords", request)
        if request.filter == "wrong":
            raise InvalidArgument.field("filter", "is no filter")
        if request.page_token and request.search == "broken":
            raise NotFound("No such page.")
        if request.page_token:
            return planner_service_pb2.ExportKeywordsResponse(csv="latte,1\r\n")
        return planner_service_pb2.ExportKeywordsResponse(csv="keyword,volume\r\ncaf\u00e9,2\r\n", next_page_token="2")

    def ExportSeedKeywords(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("ExportSeedKeywords", request)
        return planner_service_pb2.ExportSeedKeywordsResponse(csv="keyword,sector\r\n")

    def PreviewLibraryImport(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("PreviewLibraryImport", request)
        if self.refuse is not None:
            raise self.refuse
        return planner_pb2.LibraryChange(id=str(new_id()), new_count=1)

    def InspectKeywordFile(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("InspectKeywordFile", request)
        if self.refuse is not None:
            raise self.refuse
        return planner_service_pb2.InspectKeywordFileResponse(layout="plain_list")

    def UpdateKeyword(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("UpdateKeyword", request)
        return request.keyword


class Billing(billing_service_pb2_grpc.BillingServiceServicer):
    def GetBalance(self, request: Any, context: grpc.ServicerContext) -> Any:
        return billing_pb2.Balance()


class Orchestrator(orchestrator_service_pb2_grpc.OrchestratorServiceServicer):
    """Runs whose events a test adds."""

    def __init__(self, account_id: UUID) -> None:
        self.calls = Calls()
        self.account_id = account_id
        self.events: dict[str, list[str]] = {}
        self.ended: set[str] = set()
        self.refuse: Fault | None = None
        self.outages = 0

    def ListMaintenanceTasks(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("ListMaintenanceTasks", request)
        return orchestrator_service_pb2.ListMaintenanceTasksResponse()

    def StartRun(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("StartRun", request)
        if self.outages:
            self.outages -= 1
            raise Unavailable("The database cannot be reached just now.")
        if self.refuse is not None:
            raise self.refuse
        run = orchestrator_pb2.Run(id=str(new_id()), site_id=request.site_id, plan=request.plan)
        run.status = orchestrator_pb2.Run.STATUS_RUNNING
        return run

    def QuoteRun(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("QuoteRun", request)
        return orchestrator_pb2.RunQuote(id=str(new_id()), expected_credits=int(context.time_remaining()))

    def PauseRun(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("PauseRun", request)
        return orchestrator_pb2.Run(id=request.run_id, status=orchestrator_pb2.Run.STATUS_PAUSED)

    def ListRunEvents(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.note("ListRunEvents", request)
        if request.run_id not in self.events or call.passport().account_id != self.account_id:
            raise NotFound.row("run", request.run_id)
        kinds = self.events[request.run_id][request.after_position : request.after_position + request.page_size]
        answer = orchestrator_service_pb2.ListRunEventsResponse()
        for position, kind in enumerate(kinds, request.after_position + 1):
            answer.run_events.add(position=position, run_id=request.run_id, kind=kind, payload_json='{"n": 1}')
        last = request.after_position + len(kinds)
        answer.ended = request.run_id in self.ended and last == len(self.events[request.run_id])
        return answer
