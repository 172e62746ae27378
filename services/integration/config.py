"""The environment of integration: what every service reads, and these.

| variable                | what it says                                                                             |
|-------------------------|------------------------------------------------------------------------------------------|
| PASSPORT_KEY            | our own signing key: we read the writer                                                  |
| WRITER_ADDRESS          | where the writer is: "writer:7000"                                                       |
| SECRETS_KEYS            | seals stored credentials: {"2026-11": "<32 bytes in base64>"}, the newest first           |
| OBJECTS_URL             | the object store that pictures are read from: "file:///var/lib/igny8/objects"            |
| SITES_ROOT              | the folder that built-in sites are written to                                            |
| SITES_BASE_URL          | where they are seen: "https://sites.example", without a path                             |
| OUTBOUND_ALLOW_LOOPBACK | development only: users' addresses may be this machine's own                             |
| PUBLICATION_LEASE_S     | seconds after which a publication that nobody ended is taken up by whoever asks for it: 60 |
| SITES_LISTEN            | where `python -m services.integration sites` serves them: "127.0.0.1:8090"                |
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from chassis.config import ConfigurationError, Environment
from chassis.secrets import Vault
from chassis.service import ServiceConfig

THREADS = 32  # a publication waits for somebody's website most of its time
LEASE_S = 60


@dataclass(frozen=True)
class IntegrationConfig:
    """What integration needs to know."""

    service: ServiceConfig
    passport_key: str = field(repr=False)
    writer_address: str
    vault: Vault = field(repr=False)
    objects_url: str
    sites_root: Path
    sites_base_url: str
    allow_loopback: bool
    publication_lease_s: int

    @classmethod
    def read(cls, environment: Environment) -> "IntegrationConfig":
        """Read the environment.

        Raises:
            ConfigurationError: naming what is missing or wrong.
        """
        service = ServiceConfig.read("integration", environment, threads=THREADS)
        names = ("PASSPORT_KEY", "WRITER_ADDRESS", "SECRETS_KEYS", "OBJECTS_URL", "SITES_ROOT", "SITES_BASE_URL")
        values = {name: environment.text(name) for name in names}
        allow_loopback = environment.flag("OUTBOUND_ALLOW_LOOPBACK")
        publication_lease_s = environment.integer("PUBLICATION_LEASE_S", LEASE_S, least=1, most=3600)
        environment.done()
        return cls(
            service=service,
            passport_key=values["PASSPORT_KEY"],
            writer_address=values["WRITER_ADDRESS"],
            vault=_vault(values["SECRETS_KEYS"]),
            objects_url=values["OBJECTS_URL"],
            sites_root=Path(values["SITES_ROOT"]),
            sites_base_url=_origin(values["SITES_BASE_URL"]),
            allow_loopback=allow_loopback,
            publication_lease_s=publication_lease_s,
        )


@dataclass(frozen=True)
class SitesConfig:
    """What the server of the built-in sites needs to know."""

    root: Path
    host: str
    port: int
    log_level: str

    @classmethod
    def read(cls, environment: Environment) -> "SitesConfig":
        """Read the environment.

        Raises:
            ConfigurationError: naming what is missing or wrong.
        """
        root, listen = environment.text("SITES_ROOT"), environment.text("SITES_LISTEN")
        log_level = environment.text("LOG_LEVEL", "INFO")
        environment.done()
        host, _, port = listen.rpartition(":")
        if not host or not port.isascii() or not port.isdecimal():
            raise ConfigurationError(f"SITES_LISTEN must be a host and a port such as 127.0.0.1:8090, not {listen!r}.")
        return cls(Path(root), host, int(port), log_level)


def _vault(keys: str) -> Vault:
    try:
        return Vault.from_json(keys)
    except (ValueError, TypeError, AttributeError):
        # The text is not repeated, and neither is what was said about it: there are keys in it.
        raise ConfigurationError('SECRETS_KEYS must be JSON like {"<id>": "<32 bytes in base64>"}.') from None


def _origin(url: str) -> str:
    url = url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ConfigurationError(f"SITES_BASE_URL must be scheme and host without a path, not {url!r}.")
    return url
