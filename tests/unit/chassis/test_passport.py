"""Passports: every way one can be wrong."""

import time
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.errors import Unauthenticated
from chassis.ids import new_id
from chassis.passport import (
    LIFETIME_S,
    Issuer,
    Passport,
    SectorClaim,
    SiteClaim,
    Trust,
    Verifier,
    generate_key,
    parse_trust,
)

PRIVATE, PUBLIC = generate_key()
SITE = SiteClaim(new_id(), new_id(), (SectorClaim(new_id(), new_id(), "Café"),), "Site", "site.example", "de", "Food")
PASSPORT = Passport(frozenset({"read", "write"}), new_id(), SITE, "user", "u1")


@pytest.fixture
def verifier() -> Verifier:
    return Verifier("planner", {"gateway": Trust(PUBLIC, frozenset({"read", "write"}))})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    body = {"iss": "gateway", "aud": "planner", "iat": now, "exp": now + 30, "scp": ["read"], "act": ["user", "u1"]}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def sign(body: dict[str, Any], key: str = PRIVATE) -> str:
    return jwt.encode(body, Ed25519PrivateKey.from_private_bytes(b64decode(key)), algorithm="EdDSA")


class TestMint:
    def test_the_same_passport_has_the_same_token_for_half_its_life(self, monkeypatch: pytest.MonkeyPatch) -> None:
        issuer = Issuer("gateway", PRIVATE)
        first, began = issuer.mint(PASSPORT, "planner"), time.time()
        monkeypatch.setattr("chassis.passport.time.time", lambda: began + LIFETIME_S / 2 - 2)
        assert issuer.mint(PASSPORT, "planner") == first
        monkeypatch.setattr("chassis.passport.time.time", lambda: began + LIFETIME_S / 2 + 1)
        assert issuer.mint(PASSPORT, "planner") != first

    @pytest.mark.parametrize(
        ("passport", "audience", "lifetime_s"),
        [
            (PASSPORT, "writer", LIFETIME_S),
            (PASSPORT, "planner", 10),
            (replace(PASSPORT, scopes=frozenset({"read"})), "planner", LIFETIME_S),
            (replace(PASSPORT, site=replace(SITE, name="Renamed")), "planner", LIFETIME_S),
            (replace(PASSPORT, account_id=new_id()), "planner", LIFETIME_S),
            (replace(PASSPORT, actor_id="u2"), "planner", LIFETIME_S),
        ],
    )
    def test_anything_else_has_another(self, passport: Passport, audience: str, lifetime_s: int) -> None:
        issuer = Issuer("gateway", PRIVATE)
        first = issuer.mint(PASSPORT, "planner")
        assert issuer.mint(passport, audience, lifetime_s=lifetime_s) != first


class TestVerify:
    @pytest.mark.parametrize("passport", [PASSPORT, Passport(frozenset({"read"})), Passport(frozenset(), new_id())])
    def test_what_was_minted_comes_back(self, verifier: Verifier, passport: Passport) -> None:
        token = Issuer("gateway", PRIVATE).mint(passport, "planner")
        assert verifier.verify(token) == passport
        assert verifier.verify(token).issuer == "gateway"

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": None},
            {"iss": "mallory"},
            {"aud": None},
            {"aud": "writer"},
            {"exp": None},
            {"exp": int(time.time()) - 1},
            {"iat": None},
            {"exp": int(time.time()) + 3600},
            {"iat": int(time.time()) - LIFETIME_S},
            {"scp": None},
            {"scp": ["engine"]},
            {"scp": [["read"]]},
            {"act": None},
            {"act": []},
            {"acc": "no id"},
            {"acc": 7},
            {"site": "no site"},
            {"site": {"id": str(new_id())}},
        ],
    )
    def test_one_wrong_claim_is_enough(self, verifier: Verifier, change: dict[str, Any]) -> None:
        with pytest.raises(Unauthenticated):
            verifier.verify(sign(claims(**change)))

    def test_the_same_claims_unchanged_are_right(self, verifier: Verifier) -> None:
        assert verifier.verify(sign(claims())).scopes == {"read"}

    def test_another_key_is_forged(self, verifier: Verifier) -> None:
        with pytest.raises(Unauthenticated):
            verifier.verify(sign(claims(), generate_key()[0]))

    def test_no_signature_is_forged(self, verifier: Verifier) -> None:
        with pytest.raises(Unauthenticated):
            verifier.verify(jwt.encode(claims(), "", algorithm="none"))

    def test_the_public_key_as_a_secret_is_forged(self, verifier: Verifier) -> None:
        with pytest.raises(Unauthenticated):
            verifier.verify(jwt.encode(claims(), b64decode(PUBLIC), algorithm="HS256"))

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "...", "é.é.é"])
    def test_what_is_no_token_is_refused(self, verifier: Verifier, token: str) -> None:
        with pytest.raises(Unauthenticated):
            verifier.verify(token)

    def test_one_that_was_seen_still_ends(self, verifier: Verifier) -> None:
        token = sign(claims(exp=int(time.time()) + 1))
        verifier.verify(token)
        time.sleep(1.1)  # the passport library reads the machine's own clock
        with pytest.raises(Unauthenticated):
            verifier.verify(token)


class TestIssuer:
    def test_nothing_lives_longer_than_a_minute(self) -> None:
        token = Issuer("gateway", PRIVATE).mint(PASSPORT, "planner", lifetime_s=3600)
        body = jwt.decode(token, options={"verify_signature": False})
        assert body["exp"] - body["iat"] == LIFETIME_S

    @pytest.mark.parametrize("key", ["", "x", b64encode(b"short").decode()])
    def test_a_key_is_32_bytes(self, key: str) -> None:
        with pytest.raises(ValueError, match=r"32 bytes|padding|base64"):
            Issuer("gateway", key)


class TestTrust:
    def test_is_read_from_json(self) -> None:
        trust = parse_trust(f'{{"gateway": {{"public_key": "{PUBLIC}", "scopes": ["read"]}}}}')
        assert trust == {"gateway": Trust(PUBLIC, frozenset({"read"}))}

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"gateway": {}}', '{"gateway": 1}'])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
            parse_trust(text)
