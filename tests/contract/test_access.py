"""Who may call: every rpc of every service, without a passport, with wrong ones, and without the scope."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from igny8.common.v1 import access_pb2, calls_service_pb2

from chassis import wire
from chassis.errors import Fault
from chassis.passport import Issuer, Passport, generate_key
from chassis.testing.service import ALL_SCOPES
from tests.contract.conftest import SERVICES, Platform, Service
from tests.contract.discovery import Rpc, rpcs


def reasons(service: Service, metadata: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return why each of a service's rpcs refuses these headers."""
    return {rpc.label: _reason(service, rpc, metadata) for rpc in rpcs(*service.offered())}


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def expired(issuer_key: str, audience: str) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "test",
        "aud": audience,
        "iat": now - 120,
        "exp": now - 60,
        "scp": [],
        "act": ["", ""],
    }
    return jwt.encode(claims, Ed25519PrivateKey.from_private_bytes(b64decode(issuer_key)), algorithm="EdDSA")


@pytest.mark.parametrize("name", SERVICES)
class TestWrongPassports:
    def test_without_one(self, platform: Platform, name: str) -> None:
        assert set(reasons(platform[name], ()).values()) == {"UNAUTHENTICATED"}

    def test_forged_with_another_key(self, platform: Platform, name: str) -> None:
        forged = Issuer("test", generate_key()[0]).mint(platform.tenants.passport(site=True), name)
        assert set(reasons(platform[name], bearer(forged)).values()) == {"UNAUTHENTICATED"}

    def test_of_an_issuer_that_nobody_knows(self, platform: Platform, name: str) -> None:
        unknown = Issuer("mallory", generate_key()[0]).mint(platform.tenants.passport(site=True), name)
        assert set(reasons(platform[name], bearer(unknown)).values()) == {"UNAUTHENTICATED"}

    def test_unsigned(self, platform: Platform, name: str) -> None:
        token = jwt.encode({"iss": "test", "aud": name, "exp": time.time() + 50, "scp": ["read"]}, "", algorithm="none")
        assert set(reasons(platform[name], bearer(token)).values()) == {"UNAUTHENTICATED"}

    def test_meant_for_another_service(self, platform: Platform, name: str) -> None:
        other = platform.issuer.mint(platform.tenants.passport(site=True), f"not-{name}")
        assert set(reasons(platform[name], bearer(other)).values()) == {"UNAUTHENTICATED"}

    def test_that_has_expired(self, platform: Platform, name: str) -> None:
        token = expired(platform.private_key, name)
        assert set(reasons(platform[name], bearer(token)).values()) == {"UNAUTHENTICATED"}

    def test_that_would_last_too_long(self, platform: Platform, name: str) -> None:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": "test", "aud": name, "iat": now, "exp": now + 3600, "scp": [], "act": ["", ""]}
        key = Ed25519PrivateKey.from_private_bytes(b64decode(platform.private_key))
        token = jwt.encode(claims, key, algorithm="EdDSA")
        assert set(reasons(platform[name], bearer(token)).values()) == {"UNAUTHENTICATED"}


@pytest.mark.parametrize("name", SERVICES)
class TestTooLittle:
    def test_every_scope_but_the_one_that_is_needed(self, platform: Platform, name: str) -> None:
        service, tenants = platform[name], platform.tenants
        let_in = []
        for rpc in rpcs(*service.offered()):
            needed = access_pb2.Scope.Name(rpc.access.scope).removeprefix("SCOPE_").lower()
            passport = Passport(ALL_SCOPES - {needed}, tenants.account, tenants.site)
            if _reason(service, rpc, bearer(platform.issuer.mint(passport, name))) != "PERMISSION_DENIED":
                let_in.append(rpc.label)
        assert let_in == []

    def test_no_account_where_one_is_needed(self, platform: Platform, name: str) -> None:
        service = platform[name]
        metadata = bearer(platform.issuer.mint(Passport(ALL_SCOPES), name))
        tenant = [rpc for rpc in rpcs(*service.offered()) if rpc.access.level >= access_pb2.LEVEL_ACCOUNT]
        assert {_reason(service, rpc, metadata) for rpc in tenant} <= {"UNAUTHENTICATED"}

    def test_no_site_where_one_is_needed(self, platform: Platform, name: str) -> None:
        service = platform[name]
        metadata = bearer(platform.issuer.mint(platform.tenants.passport(site=False), name))
        of_site = [rpc for rpc in rpcs(*service.offered()) if rpc.access.level == access_pb2.LEVEL_SITE]
        assert {_reason(service, rpc, metadata) for rpc in of_site} <= {"NOT_FOUND"}


@pytest.mark.parametrize("name", SERVICES)
class TestInACallOfMany:
    """What travels together is let in one by one."""

    def test_without_a_passport(self, platform: Platform, name: str) -> None:
        assert set(_together(platform, name, lambda _: "").values()) == {"UNAUTHENTICATED"}

    def test_forged_with_another_key(self, platform: Platform, name: str) -> None:
        forged = Issuer("test", generate_key()[0]).mint(platform.tenants.passport(site=True), name)
        assert set(_together(platform, name, lambda _: forged).values()) == {"UNAUTHENTICATED"}

    def test_every_scope_but_the_one_that_is_needed(self, platform: Platform, name: str) -> None:
        def token(rpc: Rpc) -> str:
            needed = access_pb2.Scope.Name(rpc.access.scope).removeprefix("SCOPE_").lower()
            tenants = platform.tenants
            return platform.issuer.mint(Passport(ALL_SCOPES - {needed}, tenants.account, tenants.site), name)

        assert set(_together(platform, name, token).values()) == {"PERMISSION_DENIED"}


def _together(platform: Platform, name: str, token: Callable[[Rpc], str]) -> dict[str, str]:
    """Return why each of a service's rpcs refuses a passport, when all are called in one."""
    service, make_calls = platform[name], next(rpcs("igny8.common.v1.CallsService"))
    request = calls_service_pb2.MakeCallsRequest()
    named = [rpc for rpc in rpcs(*service.offered()) if rpc.path != make_calls.path]  # which is not offered there
    for rpc in named:
        request.calls.add(method=rpc.path, passport=token(rpc)).timeout.FromSeconds(10)
    response = service.call(make_calls, request, Passport(frozenset({"engine"})))
    assert isinstance(response, calls_service_pb2.MakeCallsResponse), response
    return {
        rpc.label: wire.from_status(outcome.error).reason for rpc, outcome in zip(named, response.outcomes, strict=True)
    }


def _reason(service: Service, rpc: Rpc, metadata: tuple[tuple[str, str], ...]) -> str:
    try:
        service.raw(rpc, metadata)
    except grpc.RpcError as error:
        fault: Fault = wire.from_rpc_error(error)
        return fault.reason
    return "it was answered"
