"""An ai service as it is built for production, with its own database, model servers, and accounts that call it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.ai.v1 import ai_service_pb2, ai_service_pb2_grpc
from igny8.common.v1 import functions_pb2

from chassis.config import Environment
from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.errors import Fault
from chassis.ids import new_id
from chassis.passport import SiteClaim
from chassis.tenancy import Tenant
from chassis.testing.model_server import ModelServer, model_server
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import Caller, Running, a_passport, a_site, serving
from services.ai.__main__ import build
from tests.integration.ai.llama import llama, write_model

KEY = "sk-canary-7f3a"
IDEAS = {
    "site": {"name": "Morning Ritual"},
    "industry": "Food & drink",
    "sector": "Coffee",
    "cluster": {"name": "moka pot", "keywords": [{"text": "moka pot", "volume": 14800}, {"text": "best moka pot"}]},
    "count": 3,
    "existing_titles": [],
}
SCHEMA = {
    "type": "object",
    "required": ["title", "rank"],
    "properties": {
        "title": {"type": "string", "minLength": 3, "maxLength": 24},
        "rank": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "additionalProperties": False,
}
FITS = '{"title": "Moka pots", "rank": 3}'


def a_job(**changes: Any) -> functions_pb2.AiJob:
    """Ideas for a cluster; `variables` and `schema` as values."""
    variables, schema = changes.pop("variables", IDEAS), changes.pop("schema", {})
    values: dict[str, Any] = {"template": "generate_ideas", "max_output_tokens": 400} | changes
    return functions_pb2.AiJob(
        variables_json=json.dumps(variables), answer_schema_json=json.dumps(schema) if schema else "", **values
    )


def a_picture(**changes: Any) -> functions_pb2.AiJob:
    spec: dict[str, Any] = {
        "prompt": "A moka pot on a stove",
        "width": 320,
        "height": 160,
        "title": "Moka pots",
    } | changes
    return functions_pb2.AiJob(kind=functions_pb2.AiJob.KIND_IMAGE, image=functions_pb2.ImageSpec(**spec))


def refused(reason: str, says: str = "") -> Any:
    """A Fault crosses with this reason, and its message says that."""
    return pytest.raises(Fault, check=lambda fault: fault.reason == reason and says in fault.message)


@dataclass(frozen=True)
class Account:
    """A tenant at one of its sites, and what tests do for it."""

    ai: Ai
    caller: Caller

    @property
    def tenant(self) -> Tenant:
        return Tenant.of(self.caller.passport)

    def at(self, site: SiteClaim) -> Account:
        return Account(self.ai, self.caller.at(site))

    def complete(self, request_id: str = "", job: functions_pb2.AiJob | None = None) -> functions_pb2.AiAnswer:
        request = ai_service_pb2.CompleteRequest(request_id=request_id or str(new_id()), job=job or a_job())
        answer: functions_pb2.AiAnswer = self.caller.call(self.ai.stub.Complete, request, deadline_s=20).answer
        return answer

    def draw(self, request_id: str = "", job: functions_pb2.AiJob | None = None) -> functions_pb2.AiAnswer:
        request = ai_service_pb2.GenerateImageRequest(request_id=request_id or str(new_id()), job=job or a_picture())
        answer: functions_pb2.AiAnswer = self.caller.call(self.ai.stub.GenerateImage, request, deadline_s=20).answer
        return answer

    def embed(self, *texts: str, request_id: str = "") -> list[list[float]]:
        request = ai_service_pb2.EmbedRequest(request_id=request_id or str(new_id()), texts=texts)
        return [list(e.values) for e in self.caller.call(self.ai.stub.Embed, request, deadline_s=20).embeddings]

    def records(self) -> list[Any]:
        """The records of its calls as people see them, newest last."""
        request = ai_service_pb2.ListAiCallsRequest(site_id=str(self.tenant.site_id), order_by="create_time")
        return list(self.caller.call(self.ai.stub.ListAiCalls, request).ai_calls)

    def record(self) -> Any:
        """The one record it has."""
        (only,) = self.records()
        return only

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """Run a statement as the service may, and return its rows."""
        with self.ai.database.transaction(self.tenant) as tx:
            result = tx.execute(sa.text(statement), parameters)
            return list(result.all()) if result.returns_rows else []

    def override(self, body: str) -> None:
        """Give the account its own text of `generate_ideas`."""
        insert = "INSERT INTO prompt_override (account_id, id, template, body) VALUES (:account, :id, :template, :body)"
        self.sql(insert, account=self.tenant.account_id, id=new_id(), template="generate_ideas", body=body)


@dataclass(frozen=True)
class Ai:
    """A running ai service."""

    running: Running
    database: Database
    objects: Path
    stub: Any = field(repr=False)

    def account(self, account_id: UUID | None = None) -> Account:
        return Account(self, self.running.caller(a_passport(account_id=account_id, site=a_site())))


Serve = Callable[..., AbstractContextManager[Ai]]


@pytest.fixture(scope="package")
def ai_urls(databases: TemplateDatabases) -> Iterator[ServiceUrls]:
    with databases.fresh("ai") as urls:
        yield urls


@pytest.fixture(scope="package")
def serve(ai_urls: ServiceUrls, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """`with serve(AI_MODEL="m", ...) as ai`: a service with these settings, on one database unless given another."""

    @contextmanager
    def serve(urls: ServiceUrls = ai_urls, **settings: str) -> Iterator[Ai]:
        objects = tmp_path_factory.mktemp("objects")
        built = build(Environment(_environment(urls, objects) | settings))
        database = Database(urls.app, pool_size=2)
        try:
            with serving("ai", built.offers, threads=16) as running:
                yield Ai(running, database, objects, ai_service_pb2_grpc.AiServiceStub(running.channel))
        finally:
            built.close()
            database.close()

    return serve


def _environment(urls: ServiceUrls, objects: Path) -> dict[str, str]:
    return {
        "AI_LISTEN": "127.0.0.1:0",
        "AI_DATABASE_URL": urls.app,
        "AI_SWEEP_URL": urls.sweep,
        "OBJECTS_URL": objects.as_uri(),
    }


@pytest.fixture(scope="package")
def offline(serve: Serve) -> Iterator[Ai]:
    """The service without any model."""
    with serve() as ai:
        yield ai


@pytest.fixture(scope="package")
def stub() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture(scope="package")
def stubbed(serve: Serve, stub: ModelServer) -> Iterator[Ai]:
    """The service with the stub for text, pictures and vectors, and one second of patience."""
    models = {"AI_MODEL": "stub-text", "AI_IMAGE_MODEL": "stub-image", "AI_EMBEDDING_MODEL": "stub-embed"}
    with serve(AI_BASE_URL=stub.base_url, AI_API_KEY=KEY, AI_TIMEOUT_S="1", **models) as ai:
        yield ai


@pytest.fixture
def account(offline: Ai) -> Account:
    return offline.account()


@pytest.fixture
def customer(stubbed: Ai, stub: ModelServer) -> Iterator[Account]:
    """A new account of the service that the stub answers; every reply that a test prepares is fetched."""
    stub.asked.clear()
    yield stubbed.account()
    assert stub.unsaid == 0


@pytest.fixture(scope="package")
def priced(ai_urls: ServiceUrls) -> dict[str, Any]:
    """A text model that the operator has put prices on: micro-USD for 1,000,000 tokens."""
    model = {"id": new_id(), "name": "stub-priced", "input": 2_500_000, "output": 10_000_000}
    owner = Database(ai_urls.owner, pool_size=1)
    with owner.untenanted() as connection:
        insert = "INSERT INTO ai_model (id, provider, name, kind, input_cost_micros, output_cost_micros)"
        connection.execute(sa.text(f"{insert} VALUES (:id, 'openai', :name, 'text', :input, :output)"), model)
    owner.close()
    return model


@pytest.fixture(scope="package")
def llama_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    write_model(path)
    return path


@pytest.fixture(scope="package")
def llama_url(llama_model: Path) -> Iterator[str]:
    with llama(llama_model) as url:
        yield url


@pytest.fixture(scope="package")
def llama_embedding_url(llama_model: Path) -> Iterator[str]:
    with llama(llama_model, embedding=True) as url:
        yield url
