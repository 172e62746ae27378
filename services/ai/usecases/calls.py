"""One call: open its record, ask the provider with no transaction open, close the record.

The same request id again is answered from the record: the answer if there is one, the failure if it failed, and "in
flight" while another process is at it. A record whose process died is taken over when its lease has run out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import Fault, Internal, RequestIdReused
from chassis.objects import ObjectStore
from chassis.tenancy import Tenant
from chassis.work import Answer, ImageSpec, Provenance
from services.ai import prompts, repository
from services.ai.domain import Usage, cost_micros, parse_answer, request_digest
from services.ai.errors import STORED, CallInFlight, NoModel, TemplateInvalid
from services.ai.offline.facts import OfflineError
from services.ai.providers import EmbeddingProvider, ImageProvider, TextProvider


@dataclass(frozen=True)
class Providers:
    """Who answers each kind of call."""

    text: TextProvider
    image: ImageProvider
    embedding: EmbeddingProvider | None


@dataclass(frozen=True)
class TextJob:
    """Text that is wanted."""

    template: str
    variables: Mapping[str, Any]
    prompt_override: str
    schema: Mapping[str, Any]
    max_output_tokens: int


@dataclass(frozen=True)
class _Done:
    """What a provider's answer comes to: what is stored, and what it took."""

    answer: dict[str, Any]
    provider: str
    model: str
    kind: str
    usage: Usage


class Calls:
    """Makes calls.

    Args:
        database: of the ai service.
        objects: where pictures go.
        providers: who answers.
        clock: measures how long a call took.
    """

    def __init__(self, database: Database, objects: ObjectStore, providers: Providers, clock: Clock) -> None:
        self._database, self._objects, self._providers, self._clock = database, objects, providers, clock

    def complete(self, tenant: Tenant, request_id: str, job: TextJob) -> Answer:
        """Have a model write.

        Raises:
            Fault: as `services.ai.errors` draws them, or RequestIdReused.
        """
        template = self._template(tenant, job)
        messages = _rendered(template, job.variables)
        asked = {"template": job.template, "variables": job.variables, "version": template.version}

        def ask() -> _Done:
            made = self._providers.text.complete(
                job.template, job.variables, messages, job.schema, job.max_output_tokens, request_id
            )
            return _Done({"text": parse_answer(made.text, job.schema)}, made.provider, made.model, "text", made.usage)

        return self._once(tenant, request_id, template.name, template.version, asked, ask)

    def draw(self, tenant: Tenant, request_id: str, image: ImageSpec) -> Answer:
        """Have a model draw; the picture goes to the object store. Raises as `complete`."""
        key = f"images/{tenant.account_id}/{tenant.site_id}/{request_digest(request_id)[:40]}.png"

        def ask() -> _Done:
            picture = self._providers.image.draw(image.prompt, image.width, image.height, image.title, request_id)
            self._objects.put(key, picture.data)
            answer = {
                "object_key": key,
                "mime_type": picture.mime_type,
                "width": picture.width,
                "height": picture.height,
            }
            return _Done(answer, picture.provider, picture.model, "image", Usage(images=1))

        return self._once(tenant, request_id, "generate_image", "", asdict(image), ask)

    def embed(self, tenant: Tenant, request_id: str, texts: Sequence[str]) -> tuple[list[list[float]], Provenance]:
        """Turn texts into vectors. Raises as `complete`."""
        provider = self._providers.embedding
        if provider is None:
            raise NoModel("No embedding model is configured; set AI_EMBEDDING_MODEL, or cluster without embeddings.")

        def ask() -> _Done:
            vectors, model, usage = provider.embed(texts, request_id)
            return _Done({"vectors": vectors}, "openai", model, "embedding", usage)

        record = self._record(tenant, request_id, "embed", "", {"texts": list(texts)}, ask)
        return record["vectors"], _provenance(record)

    def _once(
        self,
        tenant: Tenant,
        request_id: str,
        template: str,
        version: str,
        asked: Mapping[str, Any],
        ask: Callable[[], _Done],
    ) -> Answer:
        stored = self._record(tenant, request_id, template, version, asked, ask)
        names = ("text", "object_key", "mime_type", "width", "height")
        return Answer(**{name: stored[name] for name in names if name in stored}, provenance=_provenance(stored))

    def _record(
        self,
        tenant: Tenant,
        request_id: str,
        template: str,
        version: str,
        asked: Mapping[str, Any],
        ask: Callable[[], _Done],
    ) -> dict[str, Any]:
        digest = request_digest(template, version, asked)
        values = {
            "digest": digest,
            "template": template,
            "template_version": version,
            "request": dict(asked),
        }
        with self._database.transaction(tenant) as tx:
            call_id = repository.open_record(tx, request_id, values)
            known = None if call_id else repository.read_record(tx, request_id)
        if call_id is None:
            return _known(known, digest)
        return self._ask(tenant, call_id, template, version, ask)

    def _ask(
        self, tenant: Tenant, call_id: UUID, template: str, version: str, ask: Callable[[], _Done]
    ) -> dict[str, Any]:
        started = self._clock.monotonic()
        try:
            done = ask()
        except (Fault, OfflineError) as error:
            fault = error if isinstance(error, Fault) else TemplateInvalid(str(error))
            ended = {
                "status": "failed",
                "error_reason": fault.reason,
                "error": fault.message,
                "duration_ms": self._since(started),
            }
            self._close(tenant, call_id, ended)
            raise fault from error
        answer = done.answer | {
            "provenance": asdict(
                Provenance(
                    str(call_id),
                    done.provider,
                    done.model,
                    template,
                    version,
                    done.usage.input_tokens,
                    done.usage.output_tokens,
                )
            )
        }
        with self._database.transaction(tenant) as tx:
            prices = repository.read_prices(tx, done.provider, done.model, done.kind)
            values = {
                "status": "succeeded",
                "answer": answer,
                "provider": done.provider,
                "model": done.model,
                "input_tokens": done.usage.input_tokens,
                "output_tokens": done.usage.output_tokens,
                "cost_micros": cost_micros(done.usage, *prices),
                "duration_ms": self._since(started),
            }
            repository.close_record(tx, call_id, values)
        return answer

    def _close(self, tenant: Tenant, call_id: UUID, values: Mapping[str, Any]) -> None:
        with self._database.transaction(tenant) as tx:
            repository.close_record(tx, call_id, values)

    def _template(self, tenant: Tenant, job: TextJob) -> prompts.Template:
        """Return the template that counts: the item's own, the account's, the platform's."""
        with self._database.transaction(tenant) as tx:
            own = job.prompt_override or repository.read_override(tx, job.template)
        try:
            return prompts.override(job.template, own) if own else prompts.load(job.template)
        except prompts.PromptError as error:
            raise TemplateInvalid.field("job.template", str(error)) from error

    def _since(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)


def _rendered(template: prompts.Template, variables: Mapping[str, Any]) -> list[prompts.Message]:
    try:
        return prompts.render(template, variables)
    except prompts.PromptError as error:
        raise TemplateInvalid.field("job.variables_json", str(error)) from error


def _known(record: Any, digest: str) -> dict[str, Any]:
    if record is None:
        raise Internal("A call's record is neither ours nor anybody's.")
    if record.digest != digest:
        raise RequestIdReused("The request id was used for another call; send a new one.")
    if record.status == "succeeded":
        answer: dict[str, Any] = record.answer
        return answer
    if record.status == "failed":
        raise STORED.get(record.error_reason, TemplateInvalid)(record.error)
    raise CallInFlight("The same call is under way; ask again in a moment.", retry_after_s=1.0)


def _provenance(stored: Mapping[str, Any]) -> Provenance:
    return replace(Provenance(), **stored["provenance"])
