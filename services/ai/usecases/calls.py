"""One call: open its record, ask the provider with no transaction open, close the record.

The same request id again is answered from the record: the answer if there is one, the failure if it failed, and "in
flight" while another process is at it. A record whose process died is taken over when its lease has run out; should
the first process only have slept, its closing finds another lease and changes nothing.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import Fault, Internal, RequestIdReused
from chassis.objects import ObjectStore
from chassis.tenancy import Tenant
from chassis.work import Answer, ImageSpec, Provenance
from services.ai import prompts, repository
from services.ai.domain import (
    Usage,
    cost_micros,
    one_line,
    pack_vectors,
    request_digest,
    unit_vectors,
    unpack_vectors,
    usable_text,
)
from services.ai.errors import STORED, CallInFlight, NoModel, TemplateInvalid
from services.ai.providers import EmbeddingProvider, ImageProvider, TextProvider
from services.ai.repository import Held

log = logging.getLogger(__name__)
ERROR_CHARS = 2000
_CLOSING_PAUSES_S = (0.2, 1.0, 3.0)


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
class _Spent:
    """What a provider did: counted whether or not its answer can be used.

    Args:
        provider: who.
        model: its name.
        kind: of the model.
        usage: what was counted.
        answer: makes of it what is stored, or raises why it cannot be used.
        template_version: digest of the prompt's text.
    """

    provider: str
    model: str
    kind: str
    usage: Usage
    answer: Callable[[], dict[str, Any]]
    template_version: str = ""


class Calls:
    """Makes calls.

    Args:
        database: of the ai service.
        objects: where pictures go.
        providers: who answers.
        clock: measures how long a call took.
        lease_s: seconds after which a call that nobody ended is made again by whoever asks for it.
    """

    def __init__(
        self, database: Database, objects: ObjectStore, providers: Providers, clock: Clock, *, lease_s: float
    ) -> None:
        self._database, self._objects, self._providers, self._clock = database, objects, providers, clock
        self._lease_s = lease_s

    def complete(self, tenant: Tenant, request_id: str, job: TextJob) -> Answer:
        """Have a model write.

        Raises:
            Fault: as `services.ai.errors` draws them, or RequestIdReused.
        """
        own = job.prompt_override or self._override(tenant, job.template)

        def ask() -> _Spent:
            template = _template(job.template, own)
            messages = _rendered(template, job.variables)
            made = self._providers.text.complete(
                job.template, job.variables, messages, job.schema, job.max_output_tokens, request_id
            )

            def answer() -> dict[str, Any]:
                return {"text": usable_text(made, job.schema)}

            return _Spent(made.provider, made.model, "text", made.usage, answer, template.version)

        return _answer(self._once(tenant, request_id, job.template, asdict(job), ask))

    def draw(self, tenant: Tenant, request_id: str, image: ImageSpec) -> Answer:
        """Have a model draw; the picture lies whole in the object store before its record says so. Raises as
        `complete`."""
        key = f"images/{tenant.account_id}/{tenant.site_id}/{request_digest(request_id)[:40]}.png"

        def ask() -> _Spent:
            picture = self._providers.image.draw(image.prompt, image.width, image.height, image.title, request_id)

            def answer() -> dict[str, Any]:
                self._objects.put(key, picture.data)
                size = {"width": picture.width, "height": picture.height}
                return {"object_key": key, "mime_type": picture.mime_type, **size}

            return _Spent(picture.provider, picture.model, "image", Usage(images=1), answer)

        return _answer(self._once(tenant, request_id, "generate_image", asdict(image), ask))

    def embed(self, tenant: Tenant, request_id: str, texts: Sequence[str]) -> tuple[list[list[float]], Provenance]:
        """Turn texts into vectors of length one. Raises as `complete`."""
        provider = self._providers.embedding
        if provider is None:
            raise NoModel("No embedding model is configured; set AI_EMBEDDING_MODEL, or cluster without embeddings.")

        def ask() -> _Spent:
            vectors, model, usage = provider.embed(texts, request_id)

            def answer() -> dict[str, Any]:
                return {"vectors": pack_vectors(unit_vectors(vectors, len(texts)))}

            return _Spent("openai", model, "embedding", usage, answer)

        stored = self._once(tenant, request_id, "embed", {"texts": list(texts)}, ask)
        return unpack_vectors(stored["vectors"]), _provenance(stored)

    def _once(
        self, tenant: Tenant, request_id: str, template: str, asked: Mapping[str, Any], ask: Callable[[], _Spent]
    ) -> dict[str, Any]:
        """Ask unless the request id has a record; return what is stored. The digest is of what the caller sent: a
        template that changes between two tries does not make them two calls."""
        digest = request_digest(template, asked)
        values = {"digest": digest, "template": template, "request": dict(asked)}
        with self._database.transaction(tenant) as tx:
            held = repository.open_record(tx, request_id, values, self._lease_s)
            known = None if held else repository.read_record(tx, request_id)
        if held is None:
            return _known(known, digest)
        stored = self._ask(tenant, held, template, ask)
        if stored is None:  # taken over by another process after this one had been paused for longer than the lease
            with self._database.transaction(tenant) as tx:
                return _known(repository.read_record(tx, request_id), digest)
        return stored

    def _ask(self, tenant: Tenant, held: Held, template: str, ask: Callable[[], _Spent]) -> dict[str, Any] | None:
        """Ask, and close the record; return what was stored, or None when the record was no longer ours."""
        started, spent = self._clock.monotonic(), None
        try:
            spent = ask()
            answer = spent.answer() | {"provenance": asdict(_origin(held, template, spent))}
        except Exception as error:  # whatever it was: a record must not stay in flight for what nobody does any more
            fault = _as_recorded(error)
            failed = {"status": "failed", "error_reason": fault.reason, "error": one_line(fault.message, ERROR_CHARS)}
            if self._close(tenant, held, spent, started, failed):
                raise fault from error
            log.warning("a call failed after its record was taken over", exc_info=error)
            return None
        return answer if self._close(tenant, held, spent, started, {"status": "succeeded", "answer": answer}) else None

    def _close(
        self, tenant: Tenant, held: Held, spent: _Spent | None, started: float, ended: Mapping[str, Any]
    ) -> bool:
        """Close the record if it is still ours; return whether it was. What a provider was paid for is not given up
        because the database restarts or all of its connections are busy just now."""
        values = dict(ended) | {"duration_ms": round((self._clock.monotonic() - started) * 1000)}
        for pause_s in _CLOSING_PAUSES_S:
            try:
                return self._write(tenant, held, spent, values)
            except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
                log.warning("a call's record could not be closed; again in %s s: %s", pause_s, type(error).__name__)
            time.sleep(pause_s)
        return self._write(tenant, held, spent, values)

    def _write(self, tenant: Tenant, held: Held, spent: _Spent | None, values: Mapping[str, Any]) -> bool:
        with self._database.transaction(tenant) as tx:
            if spent is None:
                return repository.close_record(tx, held, values)
            usage = spent.usage
            cost = cost_micros(usage, *repository.read_prices(tx, spent.provider, spent.model, spent.kind))
            if cost and "answer" in values:  # whoever books the call learns it, now and from the record
                values["answer"]["cost_usd_micro"] = cost
            counted = {
                "provider": spent.provider,
                "model": spent.model,
                "template_version": spent.template_version,
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "cost_micros": cost,
            }
            return repository.close_record(tx, held, {**values, **counted})

    def _override(self, tenant: Tenant, template: str) -> str | None:
        """Return the account's own text. Read before the record is opened: a database that fails here leaves nothing
        in flight."""
        with self._database.transaction(tenant) as tx:
            return repository.read_override(tx, template)


def _template(name: str, own: str | None) -> prompts.Template:
    """Return the template that counts: the item's own, else the account's, else the platform's."""
    try:
        return prompts.override(name, own) if own else prompts.load(name)
    except prompts.PromptError as error:
        raise TemplateInvalid.field("job.template", str(error)) from error


def _rendered(template: prompts.Template, variables: Mapping[str, Any]) -> list[prompts.Message]:
    try:
        return prompts.render(template, variables)
    except prompts.PromptError as error:
        raise TemplateInvalid.field("job.variables_json", str(error)) from error


def _as_recorded(error: Exception) -> Fault:
    """Return the failure that a record can answer with again; anything unforeseen is a fault of ours."""
    if isinstance(error, Fault) and error.reason in STORED:
        return error
    return Internal("Something went wrong on our side while a model was asked; ask again with a new request id.")


def _known(record: Any, digest: str) -> dict[str, Any]:
    if record is None or record.digest != digest:  # None: it is another site's of this account
        raise RequestIdReused("The request id was used for another call; send a new one.")
    if record.status == "succeeded":
        answer: dict[str, Any] = record.answer
        return answer
    if record.status == "failed":
        raise STORED.get(record.error_reason, Internal)(record.error)
    raise CallInFlight("The same call is under way; ask again in a moment.", retry_after_s=1.0)


def _origin(held: Held, template: str, spent: _Spent) -> Provenance:
    usage = spent.usage
    return Provenance(
        str(held.id),
        spent.provider,
        spent.model,
        template,
        spent.template_version,
        usage.input_tokens,
        usage.output_tokens,
    )


def _answer(stored: Mapping[str, Any]) -> Answer:
    names = ("text", "object_key", "mime_type", "width", "height", "cost_usd_micro")
    return Answer(**{name: stored[name] for name in names if name in stored}, provenance=_provenance(stored))


def _provenance(stored: Mapping[str, Any]) -> Provenance:
    return Provenance(**stored["provenance"])
