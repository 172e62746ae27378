"""A house, and a tenant in it that has credits, a site, keywords and a destination."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from igny8.billing.v1 import billing_pb2, billing_service_pb2
from igny8.identity.v1 import identity_pb2, identity_service_pb2
from igny8.integration.v1 import integration_pb2, integration_service_pb2
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2
from igny8.planner.v1 import planner_pb2, planner_service_pb2

from chassis.passport import Passport, SectorClaim, SiteClaim
from chassis.testing.postgres import TemplateDatabases
from tests.house import House, at_site, engine, open_house

M = TypeVar("M", bound=Message)
_IDENTITY = "/igny8.identity.v1.IdentityService/"
_RUNS = "/igny8.orchestrator.v1.OrchestratorService/"
TOPICS = (
    "burr grinder for espresso", "best burr grinder", "burr grinder cleaning", "quiet burr grinder",
    "pour over kettle", "gooseneck kettle for pour over", "pour over kettle temperature", "electric pour over kettle",
    "french press ratio", "french press coffee ratio", "french press grind size", "how to use a french press",
)  # fmt: skip


@dataclass(frozen=True)
class Owner:
    """Somebody with an account, a site and credits."""

    house: House
    passport: Passport

    @property
    def site(self) -> SiteClaim:
        assert self.passport.site is not None
        return self.passport.site

    def run(self, method: str, request: Message, answer: type[M]) -> M:
        return self.house.call(_RUNS + method, request, answer, self.passport)

    def quote(self, **plan: Any) -> orchestrator_pb2.RunQuote:
        request = orchestrator_service_pb2.QuoteRunRequest(
            site_id=str(self.site.id), plan=orchestrator_pb2.RunPlan(**plan)
        )
        return self.run("QuoteRun", request, orchestrator_pb2.RunQuote)

    def quote_rest(self, run_id: str, **plan: Any) -> orchestrator_pb2.RunQuote:
        request = orchestrator_service_pb2.QuoteRunRequest(
            site_id=str(self.site.id), run_id=run_id, plan=orchestrator_pb2.RunPlan(**plan)
        )
        return self.run("QuoteRun", request, orchestrator_pb2.RunQuote)

    def start(self, quote_id: str = "", **values: Any) -> orchestrator_pb2.Run:
        request = orchestrator_service_pb2.StartRunRequest(site_id=str(self.site.id), quote_id=quote_id, **values)
        return self.run("StartRun", request, orchestrator_pb2.Run)

    def read(self, run_id: str) -> orchestrator_pb2.Run:
        return self.run("GetRun", orchestrator_service_pb2.GetRunRequest(run_id=run_id), orchestrator_pb2.Run)

    def change(self, verb: str, run_id: str, **values: Any) -> orchestrator_pb2.Run:
        request = getattr(orchestrator_service_pb2, f"{verb}RunRequest")(run_id=run_id, **values)
        return self.run(f"{verb}Run", request, orchestrator_pb2.Run)

    def steps(self, run_id: str, **filters: str) -> list[orchestrator_pb2.Step]:
        query = " AND ".join([f'run_id = "{run_id}"', *[f'{name} = "{value}"' for name, value in filters.items()]])
        request = orchestrator_service_pb2.ListStepsRequest(site_id=str(self.site.id), filter=query, page_size=1000)
        return list(self.run("ListSteps", request, orchestrator_service_pb2.ListStepsResponse).steps)

    def balance(self) -> billing_pb2.Balance:
        path = "/igny8.billing.v1.BillingService/GetBalance"
        return self.house.call(path, billing_service_pb2.GetBalanceRequest(), billing_pb2.Balance, self.passport)

    def ledger(self) -> billing_service_pb2.CheckLedgerResponse:
        path, answer = "/igny8.billing.v1.BillingService/CheckLedger", billing_service_pb2.CheckLedgerResponse
        return self.house.call(path, billing_service_pb2.CheckLedgerRequest(), answer, self.passport)

    def grant(self, credits: int, key: str) -> None:
        request = billing_service_pb2.GrantCreditsRequest(credits=credits, reason="test", request_id=key)
        answer = billing_service_pb2.GrantCreditsResponse
        self.house.call("/igny8.billing.v1.BillingService/GrantCredits", request, answer, self.passport)

    def add_keywords(self, texts: tuple[str, ...] = TOPICS) -> None:
        for number, text in enumerate(texts):
            keyword = planner_pb2.Keyword(sector_id=str(self.site.sectors[0].id), text=text, volume=1000 - number)
            request = planner_service_pb2.CreateKeywordRequest(site_id=str(self.site.id), keyword=keyword)
            path = "/igny8.planner.v1.PlannerService/CreateKeyword"
            self.house.call(path, request, planner_pb2.Keyword, self.passport)

    def delete_site(self) -> None:
        request = identity_service_pb2.DeleteSiteRequest(site_id=str(self.site.id))
        self.house.call(_IDENTITY + "DeleteSite", request, identity_pb2.Site, at_site(self.passport, None))

    def suspend(self) -> None:
        identity = sa.create_engine(self.house.databases["identity"].owner)
        account = {"id": str(self.passport.account_id)}
        with identity.begin() as connection:
            connection.execute(sa.text("SELECT set_config('app.account', :id, true)"), account)
            statement = sa.text("UPDATE account SET status = 'suspended' WHERE id = :id")
            assert connection.execute(statement, account).rowcount == 1
        identity.dispose()

    def connect_sites(self) -> None:
        destination = integration_pb2.SiteIntegration(platform=integration_pb2.PLATFORM_SITES, active=True)
        request = integration_service_pb2.CreateSiteIntegrationRequest(
            site_id=str(self.site.id), site_integration=destination
        )
        path = "/igny8.integration.v1.IntegrationService/CreateSiteIntegration"
        self.house.call(path, request, integration_pb2.SiteIntegration, self.passport)


@pytest.fixture(scope="session")
def house(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(databases, tmp_path_factory.mktemp("house")) as opened:
        yield opened


_numbers = iter(range(1, 10_000))


def new_owner(house: House, *, credits: int = 2000, sectors: int = 1) -> Owner:
    """Sign somebody up, with a site of so many sectors and some credits."""
    number = next(_numbers)
    request = identity_service_pb2.SignUpRequest(
        email=f"owner{number}@example.com", password="correct horse battery", account_name="Coffee"
    )
    anybody = Passport(frozenset({"edge"}))
    signed = house.call(_IDENTITY + "SignUp", request, identity_service_pb2.SignUpResponse, anybody)
    account_id = UUID(signed.account.id)
    house.relay()
    account = engine(account_id)
    wanted = _site_request(house, account, number, sectors)
    made = house.call(_IDENTITY + "CreateSite", wanted, identity_pb2.Site, account)
    owner = Owner(house, engine(account_id, _claims(house, account_id, made.id)))
    if credits:
        owner.grant(credits, f"test:{number}")
    return owner


@pytest.fixture
def owner(house: House) -> Owner:
    return new_owner(house)


def _site_request(house: House, account: Passport, number: int, sectors: int) -> identity_service_pb2.CreateSiteRequest:
    industries = house.call(
        _IDENTITY + "ListIndustries",
        identity_service_pb2.ListIndustriesRequest(page_size=1),
        identity_service_pb2.ListIndustriesResponse,
        account,
    )
    industry = industries.industries[0].id
    found = house.call(
        _IDENTITY + "ListIndustrySectors",
        identity_service_pb2.ListIndustrySectorsRequest(page_size=sectors, filter=f'industry_id = "{industry}"'),
        identity_service_pb2.ListIndustrySectorsResponse,
        account,
    )
    site = identity_pb2.Site(name="Coffee", domain=f"coffee{number}.example", industry_id=industry)
    chosen = [sector.id for sector in found.industry_sectors]
    return identity_service_pb2.CreateSiteRequest(site=site, industry_sector_ids=chosen)


def _claims(house: House, account_id: UUID, site_id: str) -> SiteClaim:
    request = identity_service_pb2.ResolveSiteRequest(account_id=str(account_id), site_id=site_id)
    anybody = Passport(frozenset({"edge"}))
    site = house.call(_IDENTITY + "ResolveSite", request, identity_service_pb2.ResolveSiteResponse, anybody).site
    sectors = tuple(SectorClaim(UUID(s.sector_id), UUID(s.industry_sector_id), s.name) for s in site.sectors)
    return SiteClaim(UUID(site.site_id), UUID(site.industry_id), sectors, site.name, site.domain, "en", "Coffee")
