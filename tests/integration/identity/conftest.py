"""Identity on a real PostgreSQL, called over real gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from igny8.identity.v1 import identity_pb2, identity_service_pb2_grpc
from igny8.identity.v1 import identity_service_pb2 as rpc

from chassis.clock import SystemClock
from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.errors import Fault
from chassis.ids import parse_id
from chassis.passport import Passport, SiteClaim, generate_key
from chassis.server import Offer
from chassis.service import common_offers
from chassis.testing.clock import FakeClock
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import ALL_SCOPES, Caller, Running, serving
from services.identity.security import AccessTokens, Passwords, Security
from services.identity.servicer import IdentityServicer
from services.identity.usecases import accounts

_numbers = count(1)
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Identity:
    """The running service, its database as its owner sees it, and its clock."""

    running: Running
    stub: Any
    urls: ServiceUrls
    owner: sa.Engine
    clock: FakeClock

    def edge(self) -> Caller:
        """Return the gateway, before a tenant is known."""
        return self.running.caller(Passport(frozenset({"edge"})))

    def sign_up(self, **changes: Any) -> tuple[rpc.SignUpResponse, Caller]:
        """Open an account; return the answer and somebody who calls for all of it."""
        fields = {"email": f"ada{next(_numbers)}@example.com", "password": PASSWORD, "account_name": "Ada's"}
        answer = self.edge().call(self.stub.SignUp, rpc.SignUpRequest(**{**fields, **changes}))
        return answer, self.running.caller(Passport(ALL_SCOPES, parse_id(answer.account.id), actor_kind="user"))

    def sql(self, caller: Caller, statement: str) -> list[Any]:
        """Run a statement as the owner, who is under row level security too and so names the tenant."""
        with self.owner.begin() as connection:
            set_tenant = sa.text("SELECT set_config('app.account', :account, true)")
            connection.execute(set_tenant, {"account": str(caller.passport.account_id)})
            result = connection.execute(sa.text(statement))
            return list(result.scalars()) if result.returns_rows else []

    def allow(self, caller: Caller, **limits: int) -> None:
        """Give an account larger limits, as a plan would."""
        changes = ", ".join(f"{name} = {number}" for name, number in limits.items())
        self.sql(caller, f"UPDATE account SET {changes}")  # noqa: S608 - names and numbers of these tests

    def suspend(self, caller: Caller) -> None:
        """Stop an account, as the platform would."""
        self.sql(caller, "UPDATE account SET status = 'suspended'")

    def industry(self, caller: Caller, slug: str = "food-and-drink") -> tuple[str, list[str]]:
        """Return an industry of the catalogue and its sectors."""
        request = rpc.ListIndustriesRequest(filter=f'slug = "{slug}"')
        industry = caller.call(self.stub.ListIndustries, request).industries[0]
        of_industry = rpc.ListIndustrySectorsRequest(filter=f'industry_id = "{industry.id}"')
        sectors = caller.call(self.stub.ListIndustrySectors, of_industry).industry_sectors
        return industry.id, [sector.id for sector in sectors]

    def create_site(self, caller: Caller, *, sectors: int = 1, request_id: str = "", **changes: Any) -> Any:
        """Make a site."""
        industry_id, templates = self.industry(caller)
        fields = {"name": "Coffee Corner", "domain": f"coffee{next(_numbers)}.example", "industry_id": industry_id}
        site = identity_pb2.Site(**{**fields, **changes})
        request = rpc.CreateSiteRequest(site=site, industry_sector_ids=templates[:sectors], request_id=request_id)
        return caller.call(self.stub.CreateSite, request)

    def at(self, caller: Caller, site: identity_pb2.Site) -> Caller:
        """Return the same caller with a passport for a site."""
        return caller.at(SiteClaim(parse_id(site.id), parse_id(site.industry_id)))  # type: ignore[arg-type]  # both ids


def reason(caller: Caller, method: Any, request: Any) -> str:
    """Return why a call fails."""
    with pytest.raises(Fault) as failed:
        caller.call(method, request)
    return failed.value.reason


def authenticate(identity: Identity, credential: str, acting_for: str = "") -> identity_pb2.Principal:
    """Return who holds a credential."""
    request = rpc.AuthenticateRequest(credential=credential, acting_for_account_id=acting_for)
    principal: identity_pb2.Principal = identity.edge().call(identity.stub.Authenticate, request).principal
    return principal


@pytest.fixture(scope="module")
def identity(databases: TemplateDatabases) -> Iterator[Identity]:
    with databases.fresh("identity") as urls:
        database, sweep = Database(urls.app), Database(urls.sweep)
        owner = sa.create_engine(urls.owner, poolclass=sa.NullPool)
        clock = FakeClock(SystemClock().now())
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        servicer = IdentityServicer(database, Security(AccessTokens(generate_key()[0], clock), cheap, clock))
        offers = [
            Offer(
                "igny8.identity.v1.IdentityService",
                identity_service_pb2_grpc.add_IdentityServiceServicer_to_server,
                servicer,
            ),
            *common_offers(sweep=sweep, database=database, handlers={"billing.plan_changed": accounts.change_plan}),
        ]
        with serving("identity", offers) as running:
            stub = identity_service_pb2_grpc.IdentityServiceStub(running.channel)
            yield Identity(running, stub, urls, owner, clock)
        database.close()
        sweep.close()
