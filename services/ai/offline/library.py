"""The offline provider's texts, read from their data files, and how they are filled in and dealt out."""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from services.ai.offline import english
from services.ai.offline.subject import Kind, Subject


@dataclass(frozen=True)
class SectionText:
    """One section of the library: what it may be called, what it covers, and the text it has."""

    name: str
    headings: tuple[str, ...]
    match: tuple[str, ...]
    points: tuple[str, ...]
    passages: tuple[str, ...]
    verify: tuple[str, ...]
    ordered: bool = False
    answers: tuple[str, ...] = ()


@cache
def load(name: str) -> dict[str, Any]:
    """A data file of this package, parsed."""
    return tomllib.loads(resources.files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


@cache
def sections() -> dict[str, SectionText]:
    """The library of sections by name."""
    return {
        name: SectionText(
            name,
            tuple(row["headings"]),
            tuple(row["match"]),
            tuple(row["points"]),
            tuple(row["passages"]),
            tuple(row["verify"]),
            row.get("ordered", False),
            tuple(row.get("answers", ())),
        )
        for name, row in load("sections").items()
    }


def layout(structure: str, kind: Kind, angle: str = "") -> dict[str, Any]:
    """The page plan of a structure: its section names, how many subtopics it takes, its usual length and
    tone.
    """
    plans = load("structures")
    keys = (f"angle.{angle}", f"{structure}.{kind}", structure, "general")
    found: dict[str, Any] = next(plans[key] for key in keys if key in plans)
    return found


def shuffled(items: Iterable[str], seed: str) -> list[str]:
    """The items in an order that depends on the seed alone."""
    return sorted(items, key=lambda item: hashlib.blake2b(f"{seed}\0{item}".encode(), digest_size=8).digest())


def pick(items: Sequence[str], seed: str) -> str:
    """One of the items, by the seed alone."""
    return shuffled(items, seed)[0]


class Deck:
    """Texts dealt one at a time, none twice; when it is empty it says so, because repeating is worse than
    stopping.
    """

    def __init__(self, items: Iterable[str], seed: str) -> None:
        self._left: Iterator[str] = iter(shuffled(items, seed))

    def deal(self) -> str | None:
        """The next text, or None when all were dealt."""
        return next(self._left, None)


def forms(subject: Subject, site: str, audience: str = "") -> dict[str, str]:
    """The words a text may ask for in braces, in the forms this subject gives them."""
    many = subject.plural
    first, second = (*subject.options, "the one", "the other")[:2]
    return {
        "topic": subject.topic,
        "Topic": english.sentence_case(subject.topic),
        "single": subject.single,
        "phrase": subject.phrase,
        "question": subject.question or subject.phrase,
        "site": site,
        "audience": audience or "readers who want to decide for themselves",
        "is": "are" if many else "is",
        "has": "have" if many else "has",
        "do": "do" if many else "does",
        "s": "" if many else "s",
        "it": "they" if many else "it",
        "its": "their" if many else "its",
        "them": "them" if many else "it",
        "a": first,
        "b": second,
        "A": english.sentence_case(first),
        "B": english.sentence_case(second),
        "sa": _agreement(first),
        "sb": _agreement(second),
    }


def _agreement(noun: str) -> str:
    parts = noun.lower().split()
    return "" if english.is_plural(parts[english.head_index(parts)]) else "s"


def fill(text: str, words: Mapping[str, str]) -> str:
    """A text with its braces filled. The words are inserted as they are and never read as a template."""
    return text.format_map(words)


def audience(subject: Subject, seed: str) -> str:
    """Who looks for such a phrase, in words that fit after "for"."""
    choices = load("fillers")["audience"][subject.kind]
    return fill(pick(choices, seed), forms(subject, ""))
