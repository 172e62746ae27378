"""Passwords (argon2id) and access tokens (Ed25519 JWT), with the clock they are measured by."""

from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.types import Options

from chassis.clock import Clock, SystemClock
from services.identity.errors import InvalidCredential

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=7)
_ISSUER, _AUDIENCE = "identity", "igny8"


def owasp_hasher() -> PasswordHasher:
    """Return argon2id with OWASP's parameters for servers: 19 MiB and 2 rounds, so that 16 threads hold 300 MiB."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Passwords:
    """Hashes and compares passwords.

    Args:
        hasher: argon2's parameters.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or owasp_hasher()
        self._nobodys = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        return self._hasher.hash(password)

    def match(self, stored: str | None, password: str) -> bool:
        """Return whether a password is the stored one; without one it takes as long, and is False."""
        try:
            self._hasher.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says."""

    user_id: UUID
    account_id: UUID
    session_id: UUID


class AccessTokens:
    """Signs and reads access tokens.

    Args:
        private_key: 32 raw bytes in base64.
        clock: tells when they end.
    """

    def __init__(self, private_key: str, clock: Clock) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(b64decode(private_key))
        self._public = self._private.public_key()
        self._clock = clock

    def sign(self, claims: AccessClaims) -> tuple[str, datetime]:
        """Return a token and when it ends."""
        now = self._clock.now()
        expires = now + ACCESS_LIFETIME
        body: dict[str, Any] = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(claims.user_id),
            "acc": str(claims.account_id),
            "sid": str(claims.session_id),
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
        }
        return jwt.encode(body, self._private, algorithm="EdDSA"), expires

    def read(self, token: str) -> AccessClaims:
        """Return what a token says.

        Raises:
            InvalidCredential: it is forged, expired, or no access token.
        """
        options: Options = {"require": ["exp", "iat", "sub"], "verify_exp": False, "verify_iat": False}
        try:
            body = jwt.decode(
                token, self._public, algorithms=["EdDSA"], audience=_AUDIENCE, issuer=_ISSUER, options=options
            )
            claims = AccessClaims(UUID(body["sub"]), UUID(body["acc"]), UUID(body["sid"]))
            expires = datetime.fromtimestamp(body["exp"], UTC)
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InvalidCredential("The credential is no API key and no access token; sign in again.") from error
        if expires <= self._clock.now():  # the injected clock decides, not PyJWT's own
            raise InvalidCredential("The access token has expired; refresh the session or sign in again.")
        return claims


@dataclass(frozen=True)
class Security:
    """What proves who somebody is."""

    tokens: AccessTokens = field(repr=False)
    passwords: Passwords = field(default_factory=Passwords, repr=False)
    clock: Clock = field(default_factory=SystemClock)
