"""An OpenAI-compatible server through the `openai` package: chat completions, images, embeddings."""

import io
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import openai
from PIL import Image

from services.ai.config import Endpoint
from services.ai.domain import Completion, Picture, Usage
from services.ai.errors import AnswerTruncated, ProviderRateLimited, ProviderRefused, ProviderUnavailable
from services.ai.prompts import Message

_SIZES = ((1536, 1024), (1024, 1536), (1024, 1024))  # what image models offer; the nearest shape is asked for
_HTTP_SERVER_ERROR = 500


class OpenAiCompatible:
    """One model on one server.

    Args:
        endpoint: the model, where it is, and its key.
        timeout_s: seconds that one call may take. The package's own retries are off: the engine tries again, and pays
            for what it asked.
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self._model = endpoint.model
        self._client = openai.OpenAI(
            base_url=endpoint.base_url, api_key=endpoint.api_key, timeout=timeout_s, max_retries=0
        )

    def complete(
        self,
        template: str,
        variables: Mapping[str, Any],  # noqa: ARG002 - they are in the messages
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        max_output_tokens: int,
        request_id: str,
    ) -> Completion:
        """Return what the model wrote, as JSON of the schema where the server enforces it."""
        form: Any = {"type": "json_schema", "json_schema": {"name": template, "schema": dict(schema), "strict": False}}
        with _faults():
            answer = self._client.chat.completions.create(
                model=self._model,
                messages=[{"role": message.role, "content": message.content} for message in messages],  # type: ignore[misc]  # the role is one of theirs
                response_format=form if schema else {"type": "json_object"},
                max_tokens=max_output_tokens,
                extra_headers={"Idempotency-Key": request_id},
            )
        if not answer.choices:
            raise ProviderUnavailable("The provider answered without a choice; it is asked again.")
        choice = answer.choices[0]
        if choice.finish_reason == "length":
            raise AnswerTruncated(f"The model's answer was cut off at {max_output_tokens} tokens.")
        if choice.finish_reason == "content_filter" or choice.message.refusal:
            raise ProviderRefused("The model refused to answer; change the item's words or its prompt.")
        usage = answer.usage
        counted = Usage(usage.prompt_tokens, usage.completion_tokens) if usage else Usage()
        return Completion(choice.message.content or "", "openai", answer.model or self._model, counted)

    def draw(self, prompt: str, width: int, height: int, title: str, request_id: str) -> Picture:  # noqa: ARG002 - models set type badly
        """Return what the model drew, cut to the size that was asked for."""
        nearest = min(_SIZES, key=lambda size: abs(size[0] / size[1] - width / height))
        with _faults():
            answer = self._client.images.generate(
                model=self._model,
                prompt=prompt,
                n=1,
                size=f"{nearest[0]}x{nearest[1]}",
                response_format="b64_json",
                extra_headers={"Idempotency-Key": request_id},
            )
        encoded = answer.data[0].b64_json if answer.data else None
        if not encoded:
            raise ProviderUnavailable("The provider answered without a picture; it is asked again.")
        return Picture(_fitted(b64decode(encoded), width, height), "image/png", width, height, "openai", self._model)

    def embed(self, texts: Sequence[str], request_id: str) -> tuple[list[list[float]], str, Usage]:
        """Return one vector a text."""
        with _faults():
            answer = self._client.embeddings.create(
                model=self._model, input=list(texts), extra_headers={"Idempotency-Key": request_id}
            )
        vectors = [list(item.embedding) for item in sorted(answer.data, key=lambda item: item.index)]
        if len(vectors) != len(texts):
            raise ProviderUnavailable("The provider answered with another number of vectors; it is asked again.")
        return vectors, answer.model, Usage(answer.usage.prompt_tokens)


def _fitted(data: bytes, width: int, height: int) -> bytes:
    """Return a picture scaled to cover the size and cut to it around its middle, as PNG.

    Raises:
        ProviderUnavailable: it is no picture.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError) as error:
        raise ProviderUnavailable("The provider's picture cannot be read; it is asked again.") from error
    scale = max(width / picture.width, height / picture.height)
    size = (max(width, round(picture.width * scale)), max(height, round(picture.height * scale)))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    cut = picture.resize(size).crop((left, top, left + width, top + height))
    out = io.BytesIO()
    cut.save(out, "PNG", optimize=True)
    return out.getvalue()


@contextmanager
def _faults() -> Iterator[None]:
    """Turn the package's errors into ours.

    llama.cpp's server sometimes answers 500 in prose for an answer it could not finish: worth another try like any 5xx.
    """
    try:
        yield
    except openai.RateLimitError as error:
        raise ProviderRateLimited(
            "The provider asks to wait.", retry_after_s=_retry_after(error.response.headers.get("retry-after"))
        ) from error
    except (openai.APITimeoutError, openai.APIConnectionError) as error:
        raise ProviderUnavailable("The provider cannot be reached; check AI_BASE_URL if it stays so.") from error
    except openai.APIStatusError as error:
        if error.status_code >= _HTTP_SERVER_ERROR:
            raise ProviderUnavailable(f"The provider failed with {error.status_code}; it is asked again.") from error
        raise ProviderRefused(_refusal(error)) from error
    except (openai.APIError, ValueError) as error:
        raise ProviderUnavailable(f"The provider's answer cannot be read: {type(error).__name__}.") from error


def _refusal(error: openai.APIStatusError) -> str:
    what = f"The provider refused the call with {error.status_code}: {error.message[:300]}"
    if error.status_code in {401, 403}:
        return f"{what} Check AI_API_KEY."
    if error.status_code == 404:  # noqa: PLR2004 - not found
        return f"{what} Check AI_BASE_URL and the model's name."
    return what


def _retry_after(header: str | None) -> float:
    try:
        return min(max(float(header or 1.0), 0.0), 300.0)
    except ValueError:
        return 5.0
