"""An OpenAI-compatible server through the `openai` package: chat completions, images, embeddings.

The package builds its objects without looking whether the server sent what they need, waits for every single byte as
long as for the whole answer, and reads answers of any size. So an answer is read here: to its end or to the deadline,
up to a size, as JSON whose shape is checked where it is used.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from chassis.clock import Clock
from services.ai.config import Endpoint
from services.ai.domain import Completion, Ending, Picture, Usage, one_line
from services.ai.errors import ProviderUnavailable
from services.ai.prompts import Message
from services.ai.providers.faults import Faults
from services.ai.providers.pictures import PictureUnreadable, fitted

PROVIDER = "openai"
CONNECT_S = 10.0
BYTES_MAX = 64 << 20  # a picture of PIXELS_MAX stays below it in base64
_COUNT_MAX = 2**53
_NAME_CHARS = 200
_ENDINGS = {"length": Ending.CUT_OFF, "content_filter": Ending.REFUSED}
_SHAPES = ((1536, 1024), (1024, 1536), (1024, 1024))
_DALL_E_3_SHAPES = ((1792, 1024), (1024, 1792), (1024, 1024))


class OpenAiCompatible:
    """One model on one server.

    Args:
        endpoint: the model, where it is, and its key.
        timeout_s: seconds that one call may take. The package's own retries are off: the engine tries again, and pays
            for what it asked.
        clock: measures them.
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float, clock: Clock) -> None:
        self._model, self._timeout_s, self._clock = endpoint.model, timeout_s, clock
        self._faults = Faults(endpoint, clock)
        self._limit_name = limit_name(endpoint.base_url)
        self._client = openai.OpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=0,
            timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            # a server that sends us elsewhere is a wrong setting, and elsewhere must not see the prompts
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )
        self._streamed = self._client.with_streaming_response

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
        form = {"type": "json_schema", "json_schema": {"name": template, "schema": dict(schema), "strict": False}}
        body = {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "response_format": form if schema else {"type": "json_object"},
            self._limit_name: max_output_tokens,
        }
        answer = self._ask(self._streamed.chat.completions.create, body, request_id)
        choice = _first(answer, "choices")
        message = choice.get("message")
        if not isinstance(message, dict):
            raise self._faults.unreadable("it has no choices[0].message")
        text, refusal = message.get("content"), message.get("refusal")
        ending = Ending.REFUSED if refusal else _ENDINGS.get(str(choice.get("finish_reason")), Ending.COMPLETE)
        return Completion(text if isinstance(text, str) else "", PROVIDER, self._named(answer), _usage(answer), ending)

    def draw(self, prompt: str, width: int, height: int, title: str, request_id: str) -> Picture:  # noqa: ARG002 - models set type badly
        """Return what the model drew, cut to the size that was asked for."""
        shapes = _DALL_E_3_SHAPES if self._model == "dall-e-3" else _SHAPES
        nearest = min(shapes, key=lambda size: abs(size[0] / size[1] - width / height))
        body: dict[str, Any] = {"prompt": prompt, "n": 1, "size": f"{nearest[0]}x{nearest[1]}"}
        if not self._model.startswith(("gpt-image", "chatgpt-image")):  # they refuse it, and answer in base64 anyway
            body["response_format"] = "b64_json"
        answer = self._ask(self._streamed.images.generate, body, request_id)
        encoded = _first(answer, "data").get("b64_json")
        if not isinstance(encoded, str):
            raise self._faults.unreadable("it has no data[0].b64_json")
        try:
            data = fitted(encoded, width, height)
        except PictureUnreadable as error:
            raise ProviderUnavailable(f"The provider's picture cannot be used: {error}.") from error
        return Picture(data, "image/png", width, height, PROVIDER, self._model)

    def embed(self, texts: Sequence[str], request_id: str) -> tuple[list[list[float]], str, Usage]:
        """Return one vector a text."""
        body = {"input": list(texts), "encoding_format": "float"}
        answer = self._ask(self._streamed.embeddings.create, body, request_id)
        try:
            items = sorted(answer["data"], key=lambda item: int(item["index"]))
            vectors = [[float(part) for part in item["embedding"]] for item in items]
        except (LookupError, TypeError, ValueError) as error:
            raise self._faults.unreadable("it has no data with index and embedding") from error
        return vectors, self._named(answer), _usage(answer)

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def _ask(self, method: Callable[..., Any], body: Mapping[str, Any], request_id: str) -> dict[str, Any]:
        """Return a server's answer, a JSON object.

        Raises:
            ProviderUnavailable, ProviderRateLimited, ProviderRefused: as their names say.
        """
        until = self._clock.monotonic() + self._timeout_s
        headers = {"Idempotency-Key": request_id}
        with (
            self._faults.translated(),
            method(model=self._model, extra_headers=headers, **body) as response,
        ):
            text = self._read(response, until)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._faults.unreadable("it is not JSON") from error
        if not isinstance(answer, dict):
            raise self._faults.unreadable("it is not an object")
        return answer

    def _read(self, response: Any, until: float) -> bytes:
        whole = bytearray()
        for chunk in response.iter_bytes():
            whole += chunk
            if len(whole) > BYTES_MAX:
                raise ProviderUnavailable(f"The provider's answer is larger than {BYTES_MAX >> 20} MB.")
            if self._clock.monotonic() > until:
                raise ProviderUnavailable(f"The provider did not finish its answer within {self._timeout_s:g} seconds.")
        return bytes(whole)

    def _named(self, answer: Mapping[str, Any]) -> str:
        """Return the model's name as the server reports it, else as it is configured."""
        name = answer.get("model")
        return (one_line(name, _NAME_CHARS) if isinstance(name, str) else "") or self._model


def limit_name(base_url: str) -> str:
    """Return what a server calls the longest answer: OpenAI's newer models refuse the older name, and servers of one's
    own may know no other."""
    host = f".{urlsplit(base_url).hostname}"
    return "max_completion_tokens" if host.endswith((".openai.com", ".openai.azure.com")) else "max_tokens"


def _first(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the first object of a list in an answer; an empty one, which holds nothing that is asked for, when there
    is none."""
    items = answer.get(name)
    first = items[0] if isinstance(items, list) and items else None
    return first if isinstance(first, dict) else {}


def _usage(answer: Mapping[str, Any]) -> Usage:
    counted = answer.get("usage")
    if not isinstance(counted, dict):
        return Usage()
    return Usage(_count(counted.get("prompt_tokens")), _count(counted.get("completion_tokens")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _COUNT_MAX else 0
