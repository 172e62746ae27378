"""The rules that resources have in common; each says what is wrong with a value, or None."""

import re
from collections.abc import Callable
from typing import Any

Rule = Callable[[Any], str | None]
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def at_most(chars: int, *, empty: bool = True) -> Rule:
    """A text is no longer than this many characters, and, unless it may be empty, more than white space."""

    def rule(text: str) -> str | None:
        if not empty and not text.strip():
            return "must not be empty"
        return None if len(text) <= chars else f"must have at most {chars:,} characters"

    return rule


def between(least: int, most: int) -> Rule:
    """A number is from `least` to `most`."""

    def rule(number: int) -> str | None:
        return None if least <= number <= most else f"must be from {least:,} to {most:,}, not {number:,}"

    return rule


def chosen(number: int) -> str | None:
    """An enum's value is named, and is not the one that says nothing."""
    return None if number else "must be one of its values"


def language(tag: str) -> str | None:
    """A language is a BCP 47 tag, or empty."""
    fits = not tag or _LANGUAGE.fullmatch(tag)
    return None if fits else f"{tag[:20]!r} is not a language; write it as in BCP 47: en, pt-BR"
