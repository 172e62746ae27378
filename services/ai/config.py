"""What the ai service reads from the environment.

| variable               | what it says                                                                    |
|------------------------|---------------------------------------------------------------------------------|
| OBJECTS_URL            | where pictures are put                                                          |
| AI_MODEL               | the text model; without it the offline provider writes                          |
| AI_BASE_URL            | an OpenAI-compatible server: "http://127.0.0.1:8081/v1"; OpenAI's when not set  |
| AI_API_KEY             | its key; OpenAI's server needs one, a server of one's own may not               |
| AI_IMAGE_MODEL         | the picture model; without it the offline provider draws title cards            |
| AI_IMAGE_BASE_URL      | its server; AI_BASE_URL when not set                                            |
| AI_IMAGE_API_KEY       | its key; AI_API_KEY when not set and the server is the same                     |
| AI_EMBEDDING_MODEL     | the embedding model; without it nothing can be embedded                         |
| AI_EMBEDDING_BASE_URL  | its server; AI_BASE_URL when not set                                            |
| AI_EMBEDDING_API_KEY   | its key; AI_API_KEY when not set and the server is the same                     |
| AI_TIMEOUT_S           | seconds that one call to a provider may take, 1 to 170; 150 when not set        |
| AI_CALL_LEASE_S        | seconds after which a call that nobody ended is made again by whoever asks;     |
|                        | 50 more than AI_TIMEOUT_S when not set, and at least 5 more                     |

A server or a key without any model is half a setting, and refused: nobody should believe that a model writes when the
offline provider does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from chassis.config import ConfigurationError, Environment
from chassis.service import ServiceConfig

THREADS = 256  # a waiting call costs a thread and little else: measured, 200 of them in 50 MB
TIMEOUT_S = 150
LEASE_BEYOND_S, LEASE_BEYOND_LEAST_S = 50, 5  # to close the record in, through a database's restart
OPENAI_URL = "https://api.openai.com/v1"
_HEADER_TEXT = re.compile(r"[\x21-\x7e]+\Z")
_WEB_ADDRESS = re.compile(r"https?://[^\s/]+", re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    """One model on an OpenAI-compatible server.

    Args:
        model: the server's name for it.
        base_url: where the server is; never shown, it may carry a password.
        api_key: its key; "-" where none is needed.
        prefix: what the names of its settings begin with, for hints: "AI_IMAGE_".
    """

    model: str
    base_url: str = field(repr=False)
    api_key: str = field(repr=False)
    prefix: str = "AI_"


@dataclass(frozen=True)
class AiConfig:
    """Settings of the ai service; a model that is None is the offline provider's work.

    A record in flight for longer than `call_lease_s` belongs to a process that died.
    """

    service: ServiceConfig
    objects_url: str
    text: Endpoint | None
    image: Endpoint | None
    embedding: Endpoint | None
    timeout_s: int
    call_lease_s: int

    @classmethod
    def read(cls, environment: Environment) -> "AiConfig":
        """Read the environment.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        text, image, embedding = (_endpoint(environment, kind) for kind in ("", "IMAGE_", "EMBEDDING_"))
        timeout_s = environment.integer("AI_TIMEOUT_S", TIMEOUT_S, least=1, most=170)
        config = cls(
            service=ServiceConfig.read("ai", environment, threads=THREADS),
            objects_url=environment.text("OBJECTS_URL"),
            text=text,
            image=image,
            embedding=embedding,
            timeout_s=timeout_s,
            call_lease_s=environment.integer(
                "AI_CALL_LEASE_S", timeout_s + LEASE_BEYOND_S, least=timeout_s + LEASE_BEYOND_LEAST_S, most=3600
            ),
        )
        if not (text or image or embedding) and (_set(environment, "AI_BASE_URL") or _set(environment, "AI_API_KEY")):
            environment.text("AI_MODEL")
        environment.done()
        problems = [problem for endpoint in (text, image, embedding) if endpoint for problem in _problems(endpoint)]
        if problems:
            raise ConfigurationError("The environment is wrong: " + "; ".join(problems) + ".")
        return config


def _set(environment: Environment, name: str) -> str:
    return environment.text(name, " ").strip()  # blanks around a pasted key are nobody's intent


def _endpoint(environment: Environment, kind: str) -> Endpoint | None:
    own = {name: _set(environment, f"AI_{kind}{name}") for name in ("MODEL", "BASE_URL", "API_KEY")}
    if not own["MODEL"]:
        if kind and (own["BASE_URL"] or own["API_KEY"]):
            environment.text(f"AI_{kind}MODEL")  # missing: said by name, with everything else that is
        return None
    shared = _set(environment, "AI_BASE_URL") or OPENAI_URL
    base_url = own["BASE_URL"] or shared
    api_key = own["API_KEY"]
    if not api_key and base_url == shared:  # a key goes to the server it was given for, to no other
        api_key = _set(environment, "AI_API_KEY")
    if not api_key and base_url == OPENAI_URL:
        environment.text(f"AI_{kind}API_KEY")
    return Endpoint(own["MODEL"], base_url, api_key or "-", f"AI_{kind}")


def _problems(endpoint: Endpoint) -> Iterator[str]:
    if not _WEB_ADDRESS.match(endpoint.base_url):
        yield f"{endpoint.prefix}BASE_URL must begin with http:// or https:// and a host"
    if not _HEADER_TEXT.match(endpoint.api_key):
        yield f"{endpoint.prefix}API_KEY holds characters that no key has; copy it again"
