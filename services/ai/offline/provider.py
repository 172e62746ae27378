"""The offline provider: answers every function without a model, the same answer for the same question."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.ai.offline import article, ideas, images, titlecard
from services.ai.offline.facts import UnknownTemplate

_CHARS_PER_TOKEN = 4  # OpenAI's own rule of thumb for English text


@dataclass(frozen=True)
class Usage:
    """Tokens in and out, estimated."""

    input_tokens: int
    output_tokens: int


class OfflineProvider:
    """Works from keywords, outline and site facts alone; states no facts of its own and says that it is
    offline.
    """

    name = "offline"
    model = "offline-1"
    _answers: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "generate_ideas": ideas.generate,
        "generate_content": article.generate,
        "generate_image_prompts": images.generate,
    }

    def complete(self, template: str, variables: Mapping[str, Any]) -> str:
        """The answer to a prompt template, as JSON text in the template's contract.

        Raises:
            UnknownTemplate: for a template without an offline answer.
            MissingVariable: when the variables lack what the contract requires.
        """
        answer = self._answers.get(template)
        if answer is None:
            raise UnknownTemplate(template, list(self._answers))
        return json.dumps(answer(variables), ensure_ascii=False, sort_keys=True)

    def image(self, prompt: str, width: int, height: int, title: str) -> bytes:
        """A PNG title card of `width` x `height` pixels.

        Raises:
            BadImageSize: when a side is outside 64 to 4096 pixels.
        """
        return titlecard.draw(prompt, width, height, title)

    def usage(self, variables: Mapping[str, Any], answer: str) -> Usage:
        """An estimate of what the same question and answer would have counted at a model provider."""
        asked = json.dumps(variables, ensure_ascii=False, default=str)
        return Usage(math.ceil(len(asked) / _CHARS_PER_TOKEN), math.ceil(len(answer) / _CHARS_PER_TOKEN))
