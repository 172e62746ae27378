"""The gateway before the real identity service: from signing up to a key for one site."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from igny8.identity.v1 import identity_service_pb2_grpc

from chassis.clock import SystemClock
from chassis.database import Database
from chassis.passport import Issuer, generate_key
from chassis.server import Offer
from chassis.testing.postgres import TemplateDatabases
from gateway.app import Limits
from gateway.bindings import SERVICES
from gateway.callers import ISSUER
from services.identity.security import AccessTokens, Security
from services.identity.servicer import IdentityServicer
from tests.integration.gateway.conftest import NOWHERE, Client, gateway, service
from tests.integration.gateway.test_methods import refused

_numbers = count(1)


@pytest.fixture(scope="module")
def url(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    private, public = generate_key()
    session_key, _ = generate_key()
    clock = SystemClock()
    with databases.fresh("identity") as urls:
        database = Database(urls.app)
        servicer = IdentityServicer(database, Security(AccessTokens(session_key, clock), clock=clock))
        add = identity_service_pb2_grpc.add_IdentityServiceServicer_to_server
        offer = Offer("igny8.identity.v1.IdentityService", add, servicer)
        with service("identity", offer, public) as address:
            addresses = dict.fromkeys(SERVICES, NOWHERE) | {"identity": address}
            objects: Path = tmp_path_factory.mktemp("objects")
            with gateway(addresses, Issuer(ISSUER, private), objects, Limits()) as (made, _):
                yield made
        database.close()


def signed_up(url: str) -> tuple[Client, dict[str, Any]]:
    """Open an account; return its owner and what signing up answered."""
    body = {
        "email": f"ada{next(_numbers)}@example.com",
        "password": "correct horse battery",
        "account_name": "Ada's",
    }
    answer = Client(url)("POST", "/v1/signup", json=body)
    assert answer.status_code == 200, answer.text
    return Client(url, answer.json()["session"]["access_token"]), answer.json()


def a_site(owner: Client) -> dict[str, Any]:
    """Make a site with one sector."""
    query = {"filter": 'slug = "food-and-drink"'}
    industry = owner("GET", "/v1/industries", params=query).json()["industries"][0]["id"]
    query = {"filter": f'industry_id = "{industry}"'}
    sector = owner("GET", "/v1/industry-sectors", params=query).json()["industry_sectors"][0]["id"]
    site = {"name": "Coffee", "domain": f"coffee{next(_numbers)}.example", "industry_id": industry, "active": True}
    answer = owner("POST", "/v1/sites", json={"site": site, "industry_sector_ids": [sector]})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


class TestAccount:
    def test_who_signs_up_reads_and_changes_the_account(self, url: str) -> None:
        owner, signed = signed_up(url)
        account = owner("GET", "/v1/account").json()
        assert account["id"] == signed["account"]["id"]
        changed = owner("PATCH", "/v1/account", json={"name": "Ada & co", "etag": account["etag"]}).json()
        assert changed["name"] == "Ada & co"
        again = owner("PATCH", "/v1/account", json={"name": "Late", "etag": account["etag"]})
        refused(again, 409, "ETAG_MISMATCH")

    def test_an_answer_sent_back_as_it_came_changes_nothing_but_what_can(self, url: str) -> None:
        owner, _ = signed_up(url)
        account = owner("GET", "/v1/account").json()
        answer = owner("PATCH", "/v1/account", json={**account, "time_zone": "Europe/Rome"})
        assert (answer.status_code, answer.json()["time_zone"]) == (200, "Europe/Rome")

    def test_a_wrong_password_and_an_unknown_token_are_401(self, url: str) -> None:
        body = {"email": "nobody@example.com", "password": "correct horse battery"}
        refused(Client(url)("POST", "/v1/sessions", json=body), 401, "WRONG_CREDENTIALS")
        refused(Client(url, "nonsense")("GET", "/v1/account"), 401, "INVALID_CREDENTIAL")

    def test_a_session_is_exchanged(self, url: str) -> None:
        _, signed = signed_up(url)
        body = {"refresh_token": signed["session"]["refresh_token"]}
        session = Client(url)("POST", "/v1/sessions:refresh", json=body).json()["session"]
        assert Client(url, session["access_token"])("GET", "/v1/account").status_code == 200


class TestSites:
    def test_a_site_is_its_accounts_only(self, url: str) -> None:
        owner, _ = signed_up(url)
        stranger, _ = signed_up(url)
        site = a_site(owner)
        path = f"/v1/sites/{site['id']}/sectors"
        assert len(owner("GET", path).json()["sectors"]) == 1
        document = refused(stranger("GET", path), 404, "NOT_FOUND")
        assert document["detail"] == f"There is no site {site['id']}."

    def test_a_key_for_one_site_sees_no_other(self, url: str) -> None:
        owner, _ = signed_up(url)
        site = a_site(owner)
        key = owner("POST", "/v1/api-keys", json={"name": "Plugin", "site_id": site["id"], "scopes": ["read"]}).json()
        plugin = Client(url, key["secret"])
        assert plugin("GET", f"/v1/sites/{site['id']}/sectors").status_code == 200
        assert [row["id"] for row in plugin("GET", "/v1/sites").json()["sites"]] == [site["id"]]
        refused(plugin("POST", "/v1/sites", json={}), 403, "PERMISSION_DENIED")
        assert "secret" not in owner("GET", f"/v1/api-keys/{key['api_key']['id']}").json()
