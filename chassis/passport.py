"""Passports: who is calling, for which tenant, allowed what. An Ed25519 JWT (RFC 8037) of at most 60 seconds.

Each issuer has its own key, and the receiving side says which scopes it believes from whom: a stolen gateway key can
never mint what only the orchestrator may do.
"""

import json
import threading
import time
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import jwt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.errors import Unauthenticated

LIFETIME_S = 60
_CACHE_SIZE = 4096


@dataclass(frozen=True)
class SectorClaim:
    """A sector of the site: its id, and the catalogue sector it was made from."""

    id: UUID
    industry_sector_id: UUID
    name: str = ""


@dataclass(frozen=True)
class SiteClaim:
    """The site a call is about, with what every service needs to know of it."""

    id: UUID
    industry_id: UUID
    sectors: tuple[SectorClaim, ...] = ()
    name: str = ""
    domain: str = ""
    language: str = "en"
    industry: str = ""


@dataclass(frozen=True)
class Passport:
    """Who is calling.

    Args:
        scopes: of "read", "write", "manage", "engine", "operator", "edge", "embed".
        account_id: the tenant; None before one is known.
        site: the only site whose rows are seen; None for all of the account's.
        actor_kind: "user", "api_key", "operator", "run", "service".
        actor_id: the user, key or run.
        issuer: who minted it; filled in when it is verified.
    """

    scopes: frozenset[str]
    account_id: UUID | None = None
    site: SiteClaim | None = None
    actor_kind: str = "service"
    actor_id: str = ""
    issuer: str = field(default="", compare=False)

    @property
    def actor(self) -> str:
        """Who is calling, as it is kept with what he changes: "user:0197..."."""
        return f"{self.actor_kind}:{self.actor_id}"


class Issuer:
    """Mints passports under one name with one key.

    A token is handed out again until half its life is over: a signature costs more than the rest of a small call, for
    us and for the verifier, which remembers what it has seen.

    Args:
        name: as the receiving side's trust names it.
        private_key: 32 raw bytes in base64.

    Raises:
        ValueError: the key is not one.
    """

    def __init__(self, name: str, private_key: str) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(b64decode(private_key))
        self._minted: OrderedDict[tuple[Passport, str, int], tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def mint(self, passport: Passport, audience: str, *, lifetime_s: int = LIFETIME_S) -> str:
        """Return a token that one service accepts for at most a minute, and for half of `lifetime_s` at least."""
        wanted = (passport, audience, lifetime_s)
        with self._lock:
            known = self._minted.get(wanted)
        if known is not None and known[0] > time.time():
            return known[1]
        token = self._sign(passport, audience, lifetime_s)
        with self._lock:
            self._minted[wanted] = (time.time() + min(lifetime_s, LIFETIME_S) / 2 - 1, token)
            self._minted.move_to_end(wanted)
            while len(self._minted) > _CACHE_SIZE:
                self._minted.popitem(last=False)
        return token

    def _sign(self, passport: Passport, audience: str, lifetime_s: int) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.name,
            "aud": audience,
            "iat": now,
            "exp": now + min(lifetime_s, LIFETIME_S),
            "scp": sorted(passport.scopes),
            "act": [passport.actor_kind, passport.actor_id],
        }
        if passport.account_id is not None:
            claims["acc"] = str(passport.account_id)
        if passport.site is not None:
            claims["site"] = _site_to_json(passport.site)
        return jwt.encode(claims, self._key, algorithm="EdDSA")


@dataclass(frozen=True)
class Trust:
    """What one issuer is believed: its public key (32 raw bytes in base64) and the scopes it may give."""

    public_key: str
    scopes: frozenset[str]


def parse_trust(text: str) -> dict[str, Trust]:
    """Read the trust of a service: {"gateway": {"public_key": "...", "scopes": ["read", "write"]}}.

    Raises:
        ValueError: it is not that.
    """
    raw = json.loads(text)
    return {name: Trust(entry["public_key"], frozenset(entry["scopes"])) for name, entry in raw.items()}


class Verifier:
    """Reads tokens meant for one service.

    Args:
        audience: the service's name.
        trust: by issuer.
    """

    def __init__(self, audience: str, trust: Mapping[str, Trust]) -> None:
        self._audience = audience
        self._trust = dict(trust)
        self._keys = {
            name: Ed25519PublicKey.from_public_bytes(b64decode(entry.public_key)) for name, entry in trust.items()
        }
        self._seen: OrderedDict[str, tuple[float, Passport]] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, token: str) -> Passport:
        """Return whose token it is.

        Raises:
            Unauthenticated: it is forged, expired, meant for another service, or claims what its issuer may not give.
        """
        with self._lock:
            known = self._seen.get(token)
        if known is not None and known[0] > time.time():
            return known[1]
        passport, expires = self._read(token)
        with self._lock:  # a signature costs more than the rest of a small call: the same token comes many times
            self._seen[token] = (expires, passport)
            while len(self._seen) > _CACHE_SIZE:
                self._seen.popitem(last=False)
        return passport

    def _read(self, token: str) -> tuple[Passport, float]:
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
            claims = jwt.decode(
                token,
                self._keys[issuer],
                algorithms=["EdDSA"],
                audience=self._audience,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
            if claims["exp"] - claims["iat"] > LIFETIME_S:
                raise Unauthenticated("The passport is valid for longer than a minute; mint a shorter one.")
            passport = _from_claims(claims)
        except (jwt.InvalidTokenError, InvalidKey, LookupError, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated("The passport is not valid for this service; sign in again.") from error
        if not passport.scopes <= self._trust[issuer].scopes:
            raise Unauthenticated(f"{issuer} may not give these scopes.")
        return passport, float(claims["exp"])


def generate_key() -> tuple[str, str]:
    """Return a fresh key pair as (private, public), each 32 raw bytes in base64."""
    key = Ed25519PrivateKey.generate()
    return b64encode(key.private_bytes_raw()).decode(), b64encode(key.public_key().public_bytes_raw()).decode()


def _site_to_json(site: SiteClaim) -> dict[str, Any]:
    return {
        "id": str(site.id),
        "ind": str(site.industry_id),
        "sec": [[str(s.id), str(s.industry_sector_id), s.name] for s in site.sectors],
        "name": site.name,
        "dom": site.domain,
        "lang": site.language,
        "indn": site.industry,
    }


def _from_claims(claims: Mapping[str, Any]) -> Passport:
    site = claims.get("site")
    return Passport(
        scopes=frozenset(claims["scp"]),
        account_id=UUID(claims["acc"]) if "acc" in claims else None,
        site=None if site is None else _site_from_json(site),
        actor_kind=claims["act"][0],
        actor_id=claims["act"][1],
        issuer=claims["iss"],
    )


def _site_from_json(raw: Mapping[str, Any]) -> SiteClaim:
    return SiteClaim(
        id=UUID(raw["id"]),
        industry_id=UUID(raw["ind"]),
        sectors=tuple(SectorClaim(UUID(s[0]), UUID(s[1]), s[2]) for s in raw["sec"]),
        name=raw["name"],
        domain=raw["dom"],
        language=raw["lang"],
        industry=raw["indn"],
    )
