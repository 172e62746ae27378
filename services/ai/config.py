"""What the ai service reads from the environment.

| variable               | what it says                                                                    |
|------------------------|---------------------------------------------------------------------------------|
| OBJECTS_URL            | where pictures are put                                                          |
| AI_MODEL               | the text model; without it (and AI_BASE_URL) the offline provider writes        |
| AI_BASE_URL            | an OpenAI-compatible server: "http://127.0.0.1:8081/v1"                         |
| AI_API_KEY             | its key                                                                         |
| AI_IMAGE_MODEL         | the picture model; without it the offline provider draws title cards            |
| AI_IMAGE_BASE_URL      | its server; AI_BASE_URL when not set                                            |
| AI_IMAGE_API_KEY       | its key; AI_API_KEY when not set                                                |
| AI_EMBEDDING_MODEL     | the embedding model; without it nothing can be embedded                         |
| AI_EMBEDDING_BASE_URL  | its server; AI_BASE_URL when not set                                            |
| AI_EMBEDDING_API_KEY   | its key; AI_API_KEY when not set                                                |
| AI_TIMEOUT_S           | seconds that one call to a provider may take                                    |
"""

from dataclasses import dataclass, field

from chassis.config import Environment
from chassis.service import ServiceConfig

THREADS = 256  # a waiting call costs a thread and little else: measured, 200 of them in 50 MB
TIMEOUT_S = 150


@dataclass(frozen=True)
class Endpoint:
    """One model on an OpenAI-compatible server."""

    model: str
    base_url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class AiConfig:
    """Settings of the ai service; a model that is None is the offline provider's work."""

    service: ServiceConfig
    objects_url: str
    text: Endpoint | None
    image: Endpoint | None
    embedding: Endpoint | None
    timeout_s: int

    @classmethod
    def read(cls, environment: Environment) -> "AiConfig":
        """Read the environment.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        config = cls(
            service=ServiceConfig.read("ai", environment, threads=THREADS),
            objects_url=environment.text("OBJECTS_URL"),
            text=_endpoint(environment, ""),
            image=_endpoint(environment, "IMAGE_"),
            embedding=_endpoint(environment, "EMBEDDING_"),
            timeout_s=environment.integer("AI_TIMEOUT_S", TIMEOUT_S, least=1, most=170),
        )
        environment.done()
        return config


def _endpoint(environment: Environment, kind: str) -> Endpoint | None:
    model = environment.text(f"AI_{kind}MODEL", "-")
    base_url = environment.text(f"AI_{kind}BASE_URL", environment.text("AI_BASE_URL", "-"))
    api_key = environment.text(f"AI_{kind}API_KEY", environment.text("AI_API_KEY", "-"))
    if model == "-":
        if not kind and base_url != "-":
            environment.text("AI_MODEL")  # a server without a model's name is half a setting: said by name
        return None
    if base_url == "-":
        base_url = "https://api.openai.com/v1"
    return Endpoint(model, base_url, api_key)
