"""Who answers: an OpenAI-compatible server, or the offline provider. Each is a class with the same few methods."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from services.ai.domain import Completion, Picture, Usage
from services.ai.prompts import Message


class TextProvider(Protocol):
    """Writes."""

    def complete(
        self,
        template: str,
        variables: Mapping[str, Any],
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        max_output_tokens: int,
        request_id: str,
    ) -> Completion:
        """Return what the model wrote.

        Raises:
            ProviderUnavailable, ProviderRateLimited, ProviderRefused, AnswerTruncated: as their names say.
        """


class ImageProvider(Protocol):
    """Draws."""

    def draw(self, prompt: str, width: int, height: int, title: str, request_id: str) -> Picture:
        """Return what the model drew; raises as TextProvider.complete."""


class EmbeddingProvider(Protocol):
    """Turns texts into vectors."""

    def embed(self, texts: Sequence[str], request_id: str) -> tuple[list[list[float]], str, Usage]:
        """Return one vector a text, the model's name and what was counted; raises as TextProvider.complete."""
