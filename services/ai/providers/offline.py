"""The offline provider, in the shape of a provider."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from services.ai.domain import Completion, Picture, Usage
from services.ai.errors import TemplateInvalid
from services.ai.offline import OfflineProvider
from services.ai.offline.facts import OfflineError
from services.ai.prompts import Message

log = logging.getLogger(__name__)


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
        """Return the template's answer.

        Raises:
            TemplateInvalid: it has no answer to this template, or the variables are not of the contract's shapes.
        """
        try:
            text = self._provider.complete(template, variables)
        except OfflineError as error:
            raise TemplateInvalid.field("job.variables_json", str(error)) from error
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            log.warning("the offline provider cannot use the variables of %s", template, exc_info=error)
            why = f"cannot be used by the template's contract ({type(error).__name__}); prepare them again"
            raise TemplateInvalid.field("job.variables_json", why) from error
        counted = self._provider.usage(variables, text)
        usage = Usage(counted.input_tokens, counted.output_tokens)
        return Completion(text, self._provider.name, self._provider.model, usage)

    def draw(self, prompt: str, width: int, height: int, title: str, request_id: str) -> Picture:  # noqa: ARG002 - as above
        """Return a title card; the sizes were checked where they came in."""
        data = self._provider.image(prompt, width, height, title or prompt)
        return Picture(data, "image/png", width, height, self._provider.name, self._provider.model)
