"""What the planner reads of its environment, beside what every service reads (`chassis.service`).

| variable           | what it says                                                                        |
|--------------------|-------------------------------------------------------------------------------------|
| OBJECTS_URL        | the object store that uploads are put into: "file:///var/lib/igny8/objects"         |
| AI_EMBEDDING_MODEL | the model that says what keywords mean, as the ai service is told; when not set, a  |
|                    | shipped word table says it, and the other two are not needed                        |
| AI_ADDRESS         | where the ai service is: the model is asked through it                              |
| PASSPORT_KEY       | the planner's own signing key, for its calls to the ai service                      |
"""

from dataclasses import dataclass, field

from chassis.config import ConfigurationError, Environment
from chassis.passport import Issuer
from chassis.service import ServiceConfig


@dataclass(frozen=True)
class PlannerConfig:
    """The planner's whole configuration."""

    service: ServiceConfig
    objects_url: str
    embeddings: "Embeddings | None"

    @classmethod
    def read(cls, environment: Environment) -> "PlannerConfig":
        """Read all of it.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        service, objects_url = ServiceConfig.read("planner", environment), environment.text("OBJECTS_URL")
        model = environment.text("AI_EMBEDDING_MODEL", "").strip()
        address, key = (environment.text(name) for name in ("AI_ADDRESS", "PASSPORT_KEY")) if model else ("", "")
        environment.done()
        if not model:
            return cls(service, objects_url, None)
        try:
            return cls(service, objects_url, Embeddings(model, address, Issuer("planner", key)))
        except ValueError as error:
            raise ConfigurationError("PASSPORT_KEY must be an Ed25519 private key: 32 bytes in base64.") from error


@dataclass(frozen=True)
class Embeddings:
    """The embedding model that is configured, and how it is asked: the ai service's address, our name there."""

    model: str
    ai_address: str
    issuer: Issuer = field(repr=False)
