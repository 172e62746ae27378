"""The offline provider, in the shape of a provider."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.ai.domain import Completion, Picture, Usage
from services.ai.offline import OfflineProvider
from services.ai.prompts import Message


class Offline:
    """Writes outlines and drafts from the variables alone, and draws title cards; needs no key and no network."""

    def __init__(self) -> None:
        self._provider = OfflineProvider()

    def complete(
        self,
        template: str,
        variables: Mapping[str, Any],
        messages: Sequence[Message],  # noqa: ARG002 - it works from the variables
        schema: Mapping[str, Any],  # noqa: ARG002 - its answers fit by construction, and are checked like all others
        max_output_tokens: int,  # noqa: ARG002 - it counts words, not tokens
        request_id: str,  # noqa: ARG002 - the same question has the same answer
    ) -> Completion:
        """Return the template's answer."""
        text = self._provider.complete(template, variables)
        counted = self._provider.usage(variables, text)
        usage = Usage(counted.input_tokens, counted.output_tokens)
        return Completion(text, self._provider.name, self._provider.model, usage)

    def draw(self, prompt: str, width: int, height: int, title: str, request_id: str) -> Picture:  # noqa: ARG002 - as above
        """Return a title card."""
        data = self._provider.image(prompt, width, height, title or prompt)
        return Picture(data, "image/png", width, height, self._provider.name, self._provider.model)
