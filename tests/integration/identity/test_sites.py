"""Sites within a plan's limits, their sectors, and what a key of one site sees."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from igny8.common.v1 import events_pb2, events_service_pb2, events_service_pb2_grpc
from igny8.identity.v1 import identity_pb2
from igny8.identity.v1 import identity_service_pb2 as rpc

from chassis.errors import Fault
from chassis.ids import new_id
from chassis.testing.service import Caller
from tests.integration.identity.conftest import Identity, authenticate, reason


@pytest.fixture
def caller(identity: Identity) -> Caller:
    """Somebody with a plan of five sites."""
    _, made = identity.sign_up()
    identity.allow(made, max_sites=5)
    return made


def resolve(identity: Identity, caller: Caller, site_id: str) -> identity_pb2.SiteClaims:
    request = rpc.ResolveSiteRequest(account_id=str(caller.passport.account_id), site_id=site_id)
    claims: identity_pb2.SiteClaims = identity.edge().call(identity.stub.ResolveSite, request).site
    return claims


def facts(identity: Identity, caller: Caller) -> list[events_pb2.Event]:
    """Return what waits to be told of the caller's account."""
    stub = events_service_pb2_grpc.OutboxServiceStub(identity.running.channel)
    page = identity.running.caller().call(stub.PullEvents, events_service_pb2.PullEventsRequest(limit=1000))
    return [event for event in page.events if event.account_id == str(caller.passport.account_id)]


class TestCatalogue:
    def test_has_industries_with_three_to_eight_sectors(self, identity: Identity, caller: Caller) -> None:
        industries = caller.call(identity.stub.ListIndustries, rpc.ListIndustriesRequest(page_size=1000)).industries
        request = rpc.ListIndustrySectorsRequest(page_size=1000)
        sectors = caller.call(identity.stub.ListIndustrySectors, request).industry_sectors
        counts = [sum(sector.industry_id == industry.id for sector in sectors) for industry in industries]
        assert len(industries) >= 25
        assert all(3 <= number <= 8 for number in counts)
        assert [industry.name for industry in industries] == sorted(industry.name for industry in industries)

    def test_has_the_same_ids_in_every_installation(self, identity: Identity, caller: Caller) -> None:
        assert identity.industry(caller)[0] == "37612a57-c694-585d-95cd-aef397dfbd51"


class TestCreateSite:
    def test_is_made_with_its_sectors_and_resolved(self, identity: Identity, caller: Caller) -> None:
        site = identity.create_site(caller, sectors=3, domain="https://WWW.Köln-Kaffee.example/", language="de")
        assert site.domain == "www.xn--kln-kaffee-ecb.example"
        assert site.active
        claims = resolve(identity, caller, site.id)
        assert (claims.site_id, claims.industry_name, claims.language) == (site.id, "Food & drink", "de")
        assert len(claims.sectors) == 3

    def test_the_plan_limits_sites_also_when_two_come_at_once(self, identity: Identity) -> None:
        _, owner = identity.sign_up()
        identity.industry(owner)
        with ThreadPoolExecutor(4) as pool:
            results = [pool.submit(identity.create_site, owner) for _ in range(4)]
        failures = [result.exception() for result in results if result.exception()]
        assert len(failures) == 3
        assert {failure.reason for failure in failures if isinstance(failure, Fault)} == {"PLAN_LIMIT"}
        assert "The plan Free allows 1 site" in str(failures[0])

    def test_a_domain_is_taken_once_an_account(self, identity: Identity, caller: Caller) -> None:
        identity.create_site(caller, domain="one.example")
        with pytest.raises(Fault) as failed:
            identity.create_site(caller, domain="ONE.example.")
        assert failed.value.reason == "ALREADY_EXISTS"
        _, other = identity.sign_up()
        assert identity.create_site(other, domain="one.example")

    def test_a_repeat_is_answered_and_another_body_refused(self, identity: Identity, caller: Caller) -> None:
        first = identity.create_site(caller, domain="again.example", request_id="s1")
        assert identity.create_site(caller, domain="again.example", request_id="s1").id == first.id
        with pytest.raises(Fault) as failed:
            identity.create_site(caller, domain="other.example", request_id="s1")
        assert failed.value.reason == "REQUEST_ID_REUSED"

    @pytest.mark.parametrize(
        ("change", "sectors", "expected"),
        [
            ({"domain": "localhost"}, 1, "INVALID_ARGUMENT"),
            ({"domain": "127.0.0.1"}, 1, "INVALID_ARGUMENT"),
            ({"language": "english"}, 1, "INVALID_ARGUMENT"),
            ({"industry_id": "0197a1b2-0000-7000-8000-000000000000"}, 1, "NOT_FOUND"),
            ({}, 0, "INVALID_ARGUMENT"),
            ({}, 6, "SECTOR_LIMIT"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_made(
        self, identity: Identity, caller: Caller, change: dict[str, str], sectors: int, expected: str
    ) -> None:
        with pytest.raises(Fault) as failed:
            identity.create_site(caller, sectors=sectors, **change)
        assert failed.value.reason == expected
        assert not caller.call(identity.stub.ListSites, rpc.ListSitesRequest(show_deleted=True)).sites

    def test_sectors_are_of_the_sites_industry(self, identity: Identity, caller: Caller) -> None:
        industry_id, _ = identity.industry(caller)
        _, others = identity.industry(caller, "pets")
        site = identity_pb2.Site(name="x", domain="pets.example", industry_id=industry_id)
        request = rpc.CreateSiteRequest(site=site, industry_sector_ids=others[:1])
        assert reason(caller, identity.stub.CreateSite, request) == "WRONG_INDUSTRY"


class TestLifeOfASite:
    def test_a_deleted_site_leaves_a_fact_and_comes_back(self, identity: Identity, caller: Caller) -> None:
        site = identity.create_site(caller)
        caller.call(identity.stub.DeleteSite, rpc.DeleteSiteRequest(site_id=site.id, etag=site.etag))
        assert reason(caller, identity.stub.DeleteSite, rpc.DeleteSiteRequest(site_id=site.id)) == "NOT_FOUND"
        assert [event.kind for event in facts(identity, caller) if event.site_id == site.id] == [
            "identity.site_deleted"
        ]
        with pytest.raises(Fault, match="There is no site"):
            resolve(identity, caller, site.id)
        back = caller.call(identity.stub.UndeleteSite, rpc.UndeleteSiteRequest(site_id=site.id))
        assert not back.HasField("delete_time")
        assert resolve(identity, caller, site.id).site_id == site.id

    def test_coming_back_needs_room_and_its_domain(self, identity: Identity, caller: Caller) -> None:
        site = identity.create_site(caller, domain="back.example")
        caller.call(identity.stub.DeleteSite, rpc.DeleteSiteRequest(site_id=site.id))
        identity.create_site(caller, domain="back.example")
        request = rpc.UndeleteSiteRequest(site_id=site.id)
        assert reason(caller, identity.stub.UndeleteSite, request) == "ALREADY_EXISTS"
        identity.allow(caller, max_sites=1)
        assert reason(caller, identity.stub.UndeleteSite, request) == "PLAN_LIMIT"

    def test_a_site_that_is_switched_off_is_not_resolved_but_can_be_switched_on(
        self, identity: Identity, caller: Caller
    ) -> None:
        site = identity.create_site(caller)
        for active in (False, True):
            changed = identity_pb2.Site(id=site.id, active=active)
            request = rpc.UpdateSiteRequest(site=changed, update_mask=FieldMask(paths=["active"]))
            assert caller.call(identity.stub.UpdateSite, request).active is active
            resolvable = rpc.ResolveSiteRequest(account_id=str(caller.passport.account_id), site_id=site.id)
            if not active:
                assert reason(identity.edge(), identity.stub.ResolveSite, resolvable) == "NOT_FOUND"
        assert resolve(identity, caller, site.id).site_id == site.id

    def test_its_industry_never_changes(self, identity: Identity, caller: Caller) -> None:
        site = identity.create_site(caller)
        changed = identity_pb2.Site(id=site.id, industry_id=identity.industry(caller, "pets")[0])
        request = rpc.UpdateSiteRequest(site=changed, update_mask=FieldMask(paths=["industry_id"]))
        assert reason(caller, identity.stub.UpdateSite, request) == "INVALID_ARGUMENT"

    def test_a_site_has_at_most_five_sectors_each_once(self, identity: Identity, caller: Caller) -> None:
        site = identity.create_site(caller, sectors=4)
        _, templates = identity.industry(caller)
        at_site = identity.at(caller, site)

        def add(template: str) -> rpc.CreateSectorRequest:
            sector = identity_pb2.Sector(industry_sector_id=template)
            return rpc.CreateSectorRequest(site_id=site.id, sector=sector)

        assert reason(at_site, identity.stub.CreateSector, add(templates[0])) == "ALREADY_EXISTS"
        assert at_site.call(identity.stub.CreateSector, add(templates[4])).name
        assert reason(at_site, identity.stub.CreateSector, add(templates[5])) == "SECTOR_LIMIT"

    def test_a_sector_that_is_switched_off_is_no_claim(self, identity: Identity, caller: Caller) -> None:
        site = identity.create_site(caller, sectors=2)
        at_site = identity.at(caller, site)
        first = at_site.call(identity.stub.ListSectors, rpc.ListSectorsRequest(site_id=site.id)).sectors[0]
        changed = identity_pb2.Sector(id=first.id, site_id=site.id, active=False)
        request = rpc.UpdateSectorRequest(sector=changed, update_mask=FieldMask(paths=["active"]))
        at_site.call(identity.stub.UpdateSector, request)
        assert first.id not in [claim.sector_id for claim in resolve(identity, caller, site.id).sectors]


class TestPlan:
    def deliver(self, identity: Identity, caller: Caller, plan: str, sites: int, at: datetime) -> None:
        stamp = Timestamp()
        stamp.FromDatetime(at)
        payload = f'{{"plan": "{plan}", "max_sites": {sites}, "max_users": 3, "max_keywords": 2000}}'
        event = events_pb2.Event(
            id=str(new_id()),
            kind="billing.plan_changed",
            account_id=str(caller.passport.account_id),
            payload_json=payload,
            create_time=stamp,
        )
        stub = events_service_pb2_grpc.InboxServiceStub(identity.running.channel)
        caller.call(stub.DeliverEvent, events_service_pb2.DeliverEventRequest(event=event))

    def test_a_larger_plan_makes_room_and_an_older_fact_changes_nothing(self, identity: Identity) -> None:
        _, owner = identity.sign_up()
        now = datetime.now(UTC)
        self.deliver(identity, owner, "growth", 2, now)
        self.deliver(identity, owner, "free", 1, now - timedelta(minutes=1))
        assert owner.call(identity.stub.GetAccount, rpc.GetAccountRequest()).plan == "growth"
        for _ in range(2):
            identity.create_site(owner)


class TestKeys:
    def create(self, identity: Identity, caller: Caller, **fields: object) -> rpc.CreateApiKeyResponse:
        key = identity_pb2.ApiKey(name="Plugin", **fields)  # type: ignore[arg-type]  # fields of a message
        made: rpc.CreateApiKeyResponse = caller.call(identity.stub.CreateApiKey, rpc.CreateApiKeyRequest(api_key=key))
        return made

    def test_a_key_of_a_site_says_so(self, identity: Identity, caller: Caller) -> None:
        site = identity.create_site(caller)
        made = self.create(identity, caller, site_id=site.id)
        assert made.secret.startswith(made.api_key.prefix + "_")
        assert made.api_key.prefix.startswith("igny8_site_")
        principal = authenticate(identity, made.secret)
        assert (principal.bound_site_id, principal.actor_kind) == (site.id, "api_key")
        assert list(principal.scopes) == ["read", "write"]

    def test_a_revoked_key_is_refused_and_revoking_twice_is_harmless(self, identity: Identity, caller: Caller) -> None:
        made = self.create(identity, caller)
        request = rpc.RevokeApiKeyRequest(api_key_id=made.api_key.id)
        revoked = [caller.call(identity.stub.RevokeApiKey, request) for _ in range(2)]
        assert revoked[0].revoke_time == revoked[1].revoke_time
        used = rpc.AuthenticateRequest(credential=made.secret)
        assert reason(identity.edge(), identity.stub.Authenticate, used) == "INVALID_CREDENTIAL"

    def test_a_key_ends_when_it_was_said(self, identity: Identity, caller: Caller) -> None:
        ends = Timestamp()
        ends.FromDatetime(identity.clock.now() + timedelta(hours=1))
        made = self.create(identity, caller, expire_time=ends)
        assert authenticate(identity, made.secret).actor_id == made.api_key.id
        identity.clock.move(hours=1)
        used = rpc.AuthenticateRequest(credential=made.secret)
        assert reason(identity.edge(), identity.stub.Authenticate, used) == "INVALID_CREDENTIAL"

    @pytest.mark.parametrize("scopes", [["manage"], ["read", "manage"]])
    def test_nobody_gives_more_than_they_have(self, identity: Identity, caller: Caller, scopes: list[str]) -> None:
        weak = caller.allowed("manage") if scopes == ["read", "manage"] else caller.allowed("read")
        request = rpc.CreateApiKeyRequest(api_key=identity_pb2.ApiKey(name="x", scopes=scopes))
        assert reason(weak, identity.stub.CreateApiKey, request) == "PERMISSION_DENIED"

    def test_the_key_itself_is_nowhere_in_the_database(self, identity: Identity, caller: Caller) -> None:
        made = self.create(identity, caller)
        assert made.secret.rsplit("_", 1)[1] not in dump(identity)

    def test_a_key_of_a_site_sees_nothing_else(self, identity: Identity, caller: Caller) -> None:
        mine, other = identity.create_site(caller), identity.create_site(caller)
        self.create(identity, caller)
        bound = identity.at(caller, mine)
        sites = bound.call(identity.stub.ListSites, rpc.ListSitesRequest()).sites
        assert [site.id for site in sites] == [mine.id]
        assert not bound.call(identity.stub.ListApiKeys, rpc.ListApiKeysRequest()).api_keys
        assert not bound.call(identity.stub.ListMembers, rpc.ListMembersRequest()).members
        assert reason(bound, identity.stub.GetSite, rpc.GetSiteRequest(site_id=other.id)) == "NOT_FOUND"
        for method, request in (
            (identity.stub.CreateApiKey, rpc.CreateApiKeyRequest(api_key=identity_pb2.ApiKey(name="x"))),
            (
                identity.stub.UpdateAccount,
                rpc.UpdateAccountRequest(account=identity_pb2.Account(name="x")),
            ),
        ):
            assert reason(bound, method, request) == "PERMISSION_DENIED"


class TestAccount:
    def test_changes_what_was_named_and_checks_it(self, identity: Identity, caller: Caller) -> None:
        account = identity_pb2.Account(name="Renamed", time_zone="Asia/Karachi")
        changed = caller.call(identity.stub.UpdateAccount, rpc.UpdateAccountRequest(account=account))
        assert (changed.name, changed.time_zone) == ("Renamed", "Asia/Karachi")
        wrong = rpc.UpdateAccountRequest(account=identity_pb2.Account(time_zone="Mars"))
        assert reason(caller, identity.stub.UpdateAccount, wrong) == "INVALID_ARGUMENT"

    def test_a_changed_time_zone_is_resolved_with_its_sites_and_told_to_others(
        self, identity: Identity, caller: Caller
    ) -> None:
        site = identity.create_site(caller)
        for account in (identity_pb2.Account(time_zone="Asia/Karachi"), identity_pb2.Account(name="Renamed")):
            caller.call(identity.stub.UpdateAccount, rpc.UpdateAccountRequest(account=account))
        request = rpc.ResolveSiteRequest(account_id=str(caller.passport.account_id), site_id=site.id)
        assert identity.edge().call(identity.stub.ResolveSite, request).time_zone == "Asia/Karachi"
        told = [event for event in facts(identity, caller) if event.kind == "identity.account_changed"]
        assert [event.payload_json for event in told] == ['{"time_zone": "Asia/Karachi"}']


def test_an_operator_reads_the_whole_catalogue_without_an_account(identity: Identity) -> None:
    operator = identity.edge().allowed("operator")
    catalogue = operator.call(identity.stub.GetCatalogue, rpc.GetCatalogueRequest())
    industries = {industry.id: industry for industry in catalogue.industries}
    assert len(industries) == 30
    (coffee,) = [sector for sector in catalogue.industry_sectors if sector.slug == "coffee-equipment"]
    assert (coffee.name, industries[coffee.industry_id].slug) == ("Coffee equipment", "food-and-drink")
    assert reason(identity.edge(), identity.stub.GetCatalogue, rpc.GetCatalogueRequest()) == "PERMISSION_DENIED"


def dump(identity: Identity) -> str:
    """Return everything the owner's tables hold, as text."""
    with psycopg.connect(identity.urls.owner.replace("+psycopg", "")) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            connection.execute(f'ALTER TABLE "{name}" NO FORCE ROW LEVEL SECURITY')  # rolled back below
        rows = [connection.execute(f'SELECT t::text FROM "{name}" t').fetchall() for (name,) in names]  # noqa: S608 - names of the catalogue
        connection.rollback()
    return repr(rows)
