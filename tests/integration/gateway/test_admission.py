"""Who is let in, for which tenant, how often."""

from pathlib import Path
from uuid import uuid4

import pytest
import requests

from gateway.app import Limits
from tests.integration.gateway.conftest import Client, House, gateway
from tests.integration.gateway.test_methods import refused

KEYWORD = "01990a5e-7c1f-7000-8000-0242ac120003"


def keyword(site_id: object) -> str:
    return f"/v1/sites/{site_id}/keywords/{KEYWORD}"


class TestCredentials:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": "Bearer owner"},
            {"authorization": "bearer owner"},
            {"X-Api-Key": "owner"},
        ],
    )
    def test_a_credential_comes_in_either_header(self, house: House, headers: dict[str, str]) -> None:
        assert requests.get(house.url + keyword(house.world.site_id), headers=headers, timeout=5).status_code == 200

    @pytest.mark.parametrize(
        ("headers", "reason"),
        [
            ({}, "UNAUTHENTICATED"),
            ({"Authorization": "Basic b3duZXI6"}, "UNAUTHENTICATED"),
            ({"Authorization": "Bearer "}, "UNAUTHENTICATED"),
            ({"Authorization": "Bearer owner", "X-Api-Key": "owner"}, "UNAUTHENTICATED"),
            ({"Authorization": "Bearer " + "x" * 5000}, "UNAUTHENTICATED"),
            ({"Authorization": "Bearer unknown"}, "INVALID_CREDENTIAL"),
        ],
    )
    def test_any_other_is_401_and_says_how(self, house: House, headers: dict[str, str], reason: str) -> None:
        answer = requests.get(house.url + keyword(house.world.site_id), headers=headers, timeout=5)
        refused(answer, 401, reason)
        assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_identity_is_asked_once_a_minute(self, house: House) -> None:
        secret = str(uuid4())
        house.world.add(secret, str(house.world.account_id), "user", ["read"])
        before = house.identity.calls.count("Authenticate")
        for _ in range(5):
            assert house.client(secret)("GET", keyword(house.world.site_id)).status_code == 200
        assert house.identity.calls.count("Authenticate") == before + 1

    def test_a_passport_says_who_and_what_and_nothing_that_only_the_platform_may(self, house: House) -> None:
        house.client("greedy")("GET", keyword(house.world.site_id))
        _, passport = house.planner.calls.last("GetKeyword")
        assert passport.scopes == {"read"}
        assert (passport.account_id, passport.actor_kind, passport.issuer) == (
            house.world.account_id,
            "api_key",
            "gateway",
        )


class TestScopes:
    def test_a_missing_scope_is_403_before_anything_is_looked_for(self, house: House) -> None:
        viewer = house.client("viewer")
        document = refused(viewer("DELETE", keyword(uuid4())), 403, "PERMISSION_DENIED")
        assert document["metadata"] == {"scope": "write"}
        refused(viewer("DELETE", keyword(house.world.site_id)), 403, "PERMISSION_DENIED")

    def test_an_operators_method_needs_an_operator(self, owner: Client) -> None:
        body = {"credits": 5, "reason": "x", "request_id": "r"}
        refused(owner("POST", "/v1/billing/credits:grant", json=body), 403, "PERMISSION_DENIED")

    def test_an_operator_acts_for_the_account_it_names(self, house: House) -> None:
        staff = house.client("staff")
        refused(staff("GET", "/v1/sites"), 400, "INVALID_ARGUMENT")
        acting = {"X-Igny8-Account": str(house.world.account_id)}
        assert staff("GET", "/v1/sites", headers=acting).status_code == 200
        _, passport = house.identity.calls.last("ListSites")
        assert (passport.account_id, passport.actor_kind) == (house.world.account_id, "operator")

    def test_an_operator_looks_after_the_platform_without_naming_an_account(self, house: House, owner: Client) -> None:
        assert house.client("staff")("GET", "/v1/maintenance-tasks").json() == {"maintenance_tasks": []}
        _, passport = house.orchestrator.calls.last("ListMaintenanceTasks")
        assert (passport.account_id, passport.site, passport.actor_kind) == (None, None, "operator")
        refused(owner("GET", "/v1/maintenance-tasks"), 403, "PERMISSION_DENIED")

    def test_nobody_else_does(self, house: House, owner: Client) -> None:
        acting = {"X-Igny8-Account": str(house.world.other_account_id)}
        refused(owner("GET", "/v1/sites", headers=acting), 403, "PERMISSION_DENIED")
        refused(owner("GET", "/v1/sites", headers={"X-Igny8-Account": "theirs"}), 400, "INVALID_ARGUMENT")


class TestSites:
    @pytest.mark.parametrize("site", ["theirs", "missing", "no id", "another than the key's"])
    def test_a_site_that_is_not_yours_and_one_that_is_not_there_are_the_same(self, house: House, site: str) -> None:
        world = house.world
        site_id, credential = {
            "theirs": (str(world.other_site_id), "owner"),
            "missing": (str(uuid4()), "owner"),
            "no id": ("not-an-id", "owner"),
            "another than the key's": (str(world.second_site_id), "bound"),
        }[site]
        document = refused(house.client(credential)("GET", keyword(site_id)), 404, "NOT_FOUND")
        assert document["detail"] == f"There is no site {site_id}."
        assert document["metadata"] == {"resource": "site"}

    def test_a_bound_key_sees_its_site_in_every_call(self, house: House) -> None:
        bound = house.client("bound")
        assert bound("GET", keyword(house.world.site_id)).status_code == 200
        assert bound("GET", "/v1/sites").status_code == 200
        _, passport = house.identity.calls.last("ListSites")
        assert passport.site is not None
        assert passport.site.id == house.world.site_id

    def test_an_accounts_method_on_a_path_with_a_site_obeys_the_binding(self, house: House) -> None:
        secret = str(uuid4())
        house.world.add(secret, str(house.world.account_id), "api_key", ["manage"], bound=str(house.world.site_id))
        before = house.identity.calls.count("DeleteSite")
        refused(house.client(secret)("DELETE", f"/v1/sites/{house.world.second_site_id}"), 404, "NOT_FOUND")
        assert house.identity.calls.count("DeleteSite") == before

    def test_a_site_that_was_changed_is_asked_for_again(self, house: House, owner: Client) -> None:
        site_id = house.world.site_id
        owner("GET", keyword(site_id))
        before = house.identity.calls.count("ResolveSite")
        owner("GET", keyword(site_id))
        assert house.identity.calls.count("ResolveSite") == before
        body = {"name": "Grinders", "industry_sector_id": str(uuid4())}
        assert owner("POST", f"/v1/sites/{site_id}/sectors", json=body).status_code == 200
        owner("GET", keyword(site_id))
        assert house.identity.calls.count("ResolveSite") == before + 1


class TestSigningIn:
    def test_signing_up_needs_no_credential(self, house: House) -> None:
        body = {"email": "new@example.com", "password": "long enough", "account_name": "New"}
        answer = house.client("")("POST", "/v1/signup", json=body, headers={"Idempotency-Key": "first"})
        request, passport = house.identity.calls.last("SignUp")
        assert answer.json()["session"]["access_token"] == "owner"
        assert answer.json()["account"]["status"] == "active"
        assert (request.request_id, list(passport.scopes), passport.account_id) == ("first", ["edge"], None)

    def test_a_refusal_says_why(self, house: House) -> None:
        body = {"email": "a@example.com", "password": "wrong"}
        refused(house.client("")("POST", "/v1/sessions", json=body), 401, "WRONG_CREDENTIALS")
        body = {"email": "taken@example.com", "password": "long enough", "account_name": "New"}
        refused(house.client("")("POST", "/v1/signup", json=body), 409, "ALREADY_EXISTS")

    def test_a_session_ends(self, house: House) -> None:
        answer = house.client("")("POST", "/v1/sessions:end", json={"refresh_token": "x"})
        assert (answer.status_code, answer.json()) == (200, {})


class TestRates:
    def test_calls_and_sign_ins_are_counted_apart_and_say_what_is_left(self, house: House, tmp_path: Path) -> None:
        limits = Limits(calls_per_minute=1, calls_at_once=2, sign_ins_per_minute=1, sign_ins_at_once=1)
        with gateway(house.addresses, house.issuer, tmp_path, limits) as (url, _):
            owner, nobody = Client(url, "owner"), Client(url)
            first = owner("GET", keyword(house.world.site_id))
            assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("2", "1")
            assert owner("GET", keyword(house.world.site_id)).status_code == 200
            answer = owner("GET", keyword(house.world.site_id))
            refused(answer, 429, "RATE_LIMITED")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert Client(url, "viewer")("GET", keyword(house.world.site_id)).status_code == 200
            body = {"email": "a@example.com", "password": "wrong"}
            refused(nobody("POST", "/v1/sessions", json=body), 401, "WRONG_CREDENTIALS")
            refused(nobody("POST", "/v1/sessions", json=body), 429, "RATE_LIMITED")
