"""The gateway's settings, read from the environment.

| variable                   | what it says                                                             |
|----------------------------|--------------------------------------------------------------------------|
| GATEWAY_LISTEN             | address to serve on: "127.0.0.1:8080"                                    |
| <SERVICE>_ADDRESS          | where each of the seven services is: "planner:7000"                      |
| PASSPORT_KEY               | our signing key, whose public half the services trust as "gateway"       |
| OBJECTS_URL                | the object store that uploads go to: "file:///var/lib/igny8/objects"     |
| GATEWAY_CALLS_PER_MINUTE   | calls with one credential; 3000                                          |
| GATEWAY_SIGN_INS_PER_MINUTE| sign-ups and log-ins from one address; 30                                |
| GATEWAY_TRUSTED_PROXIES    | addresses whose X-Forwarded-For is believed, by commas; "127.0.0.1"      |
| LOG_LEVEL                  | "INFO"                                                                   |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chassis.config import ConfigurationError, Environment
from chassis.objects import ObjectStore, store_at
from chassis.passport import Issuer
from gateway.bindings import SERVICES
from gateway.callers import ISSUER


@dataclass(frozen=True)
class GatewayConfig:
    """Where the gateway listens, whom it calls, and how much it lets through."""

    host: str
    port: int
    addresses: Mapping[str, str]
    issuer: Issuer = field(repr=False)
    objects: ObjectStore
    calls_per_minute: int
    sign_ins_per_minute: int
    trusted_proxies: str
    log_level: str

    @classmethod
    def read(cls, environment: Environment) -> "GatewayConfig":
        """Read the environment.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        host, _, port = environment.text("GATEWAY_LISTEN", "127.0.0.1:8080").rpartition(":")
        addresses = {name: environment.text(f"{name.upper()}_ADDRESS") for name in SERVICES}
        key = environment.text("PASSPORT_KEY")
        objects_url = environment.text("OBJECTS_URL")
        calls_per_minute = environment.integer("GATEWAY_CALLS_PER_MINUTE", 3000, least=1)
        sign_ins_per_minute = environment.integer("GATEWAY_SIGN_INS_PER_MINUTE", 30, least=1)
        trusted_proxies = environment.text("GATEWAY_TRUSTED_PROXIES", "127.0.0.1")
        log_level = environment.text("LOG_LEVEL", "INFO")
        environment.done()
        return cls(
            host=host.strip("[]"),
            port=_port(port),
            addresses=addresses,
            issuer=_issuer(key),
            objects=_objects(objects_url),
            calls_per_minute=calls_per_minute,
            sign_ins_per_minute=sign_ins_per_minute,
            trusted_proxies=trusted_proxies,
            log_level=log_level,
        )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the last port
        raise ConfigurationError(f'GATEWAY_LISTEN must be like "127.0.0.1:8080"; its port is {text!r}.')
    return int(text)


def _issuer(key: str) -> Issuer:
    try:
        return Issuer(ISSUER, key)
    except ValueError as error:
        raise ConfigurationError("PASSPORT_KEY must be 32 bytes in base64, an Ed25519 private key.") from error


def _objects(url: str) -> ObjectStore:
    try:
        return store_at(url)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
