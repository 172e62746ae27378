"""Reading the variables of a prompt: the offline provider's side of the contract with the owners of the
functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class OfflineError(ValueError):
    """The offline provider cannot answer what it was asked."""


class UnknownTemplate(OfflineError):
    """No offline answer exists for this prompt template."""

    def __init__(self, template: str, known: Sequence[str]) -> None:
        super().__init__(
            f"The offline provider cannot answer the template {template!r}. "
            f"It answers {', '.join(sorted(known))}; configure a model provider for any other."
        )
        self.template = template


class MissingVariable(OfflineError):
    """A variable that the template's contract requires is absent or empty."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The variable {name!r} is missing or empty; the owner of the function has to prepare it.")
        self.name = name


@dataclass(frozen=True)
class Keyword:
    """A search phrase with what is known of it."""

    text: str
    volume: int | None = None
    difficulty: float | None = None
    intent: str = ""

    @property
    def has_data(self) -> bool:
        """Whether anything beside the phrase is known."""
        return self.volume is not None or self.difficulty is not None or bool(self.intent)


def required(variables: Mapping[str, Any], name: str) -> Any:
    """A variable that must be there.

    Raises:
        MissingVariable: when it is absent, null or empty.
    """
    value = variables.get(name)
    if value is None or value in ("", [], {}):
        raise MissingVariable(name)
    return value


def name_of(value: Any) -> str:
    """The name in a JSON value that is either a text or an object with a `name`."""
    if isinstance(value, Mapping):
        return " ".join(str(value.get("name") or value.get("domain") or "").split())
    return " ".join(str(value or "").split())


def keywords(values: Sequence[Any]) -> list[Keyword]:
    """Keywords as texts or as objects with their search data, without repetitions, in the given order."""
    found: dict[str, Keyword] = {}
    for value in values:
        keyword = _keyword(value)
        if keyword.text:
            found.setdefault(keyword.text.lower(), keyword)
    return list(found.values())


def _keyword(value: Any) -> Keyword:
    if not isinstance(value, Mapping):
        return Keyword(" ".join(str(value).split()))
    volume, difficulty = value.get("volume"), value.get("difficulty")
    return Keyword(
        " ".join(str(value.get("text") or value.get("keyword") or "").split()),
        int(volume) if isinstance(volume, int | float) else None,
        float(difficulty) if isinstance(difficulty, int | float) else None,
        str(value.get("intent") or ""),
    )
