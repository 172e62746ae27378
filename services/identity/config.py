"""The environment of identity: what every service reads, and the key that signs access tokens.

| variable    | what it says                                                                              |
|-------------|-------------------------------------------------------------------------------------------|
| SESSION_KEY | Ed25519 key of access tokens, 32 raw bytes in base64; every replica has the same one       |
"""

from base64 import b64decode
from dataclasses import dataclass, field

from chassis.config import ConfigurationError, Environment
from chassis.service import ServiceConfig

KEY_BYTES = 32


@dataclass(frozen=True)
class IdentityConfig:
    """What identity needs to know."""

    service: ServiceConfig
    session_key: str = field(repr=False)

    @classmethod
    def read(cls, environment: Environment) -> "IdentityConfig":
        """Read the environment.

        Raises:
            ConfigurationError: naming what is missing or wrong.
        """
        service = ServiceConfig.read("identity", environment)
        session_key = environment.text("SESSION_KEY")
        environment.done()
        if not _is_key(session_key):
            raise ConfigurationError("SESSION_KEY must be 32 bytes in base64, for example: openssl rand -base64 32")
        return cls(service, session_key)


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False
