"""The writer's environment.

| variable          | what it says                                                   |
|-------------------|----------------------------------------------------------------|
| PLANNER_ADDRESS   | where the planner is: ideas and clusters are read from it      |
| PASSPORT_KEY      | the writer's own signing key, for its calls to the planner     |

Besides those of every service (`chassis.service`), with the prefix WRITER.
"""

from dataclasses import dataclass, field

from chassis.config import ConfigurationError, Environment
from chassis.passport import Issuer
from chassis.service import ServiceConfig

NAME = "writer"


@dataclass(frozen=True)
class Config:
    """What the writer reads from its environment."""

    service: ServiceConfig
    planner_address: str
    issuer: Issuer = field(repr=False)


def read(environment: Environment) -> Config:
    """Read the environment.

    Raises:
        ConfigurationError: naming what is missing or wrong.
    """
    service = ServiceConfig.read(NAME, environment)
    planner_address, key = environment.text("PLANNER_ADDRESS"), environment.text("PASSPORT_KEY")
    environment.done()
    try:
        issuer = Issuer(NAME, key)
    except ValueError as error:
        raise ConfigurationError("PASSPORT_KEY must be an Ed25519 private key: 32 bytes in base64.") from error
    return Config(service, planner_address, issuer)
