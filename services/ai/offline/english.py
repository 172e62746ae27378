"""English for search phrases: capitals, articles, plurals, gerunds, lists.

Keywords arrive as people type them ("best burr grinder for espresso"). Everything here is a rule of thumb of
ordinary English grammar over short phrases; the word lists are data, in `words.toml`.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

_VOWEL_SOUNDS = re.compile(r"^(?:[ai]|e(?!u)|o(?!ne\b|nce)|u(?!ni[^nm]|s[aeiu]|t[ei])|hour|honest)", re.IGNORECASE)
# Letters whose spoken name begins with a vowel: "an LED", "a USB cable".
_VOWEL_LETTERS = frozenset("AEFHILMNORSX")
_WORD = re.compile(r"[^\s]+")
_BRIEF_SYLLABLE = re.compile(r"^[^aeiou]*[aeiou][^aeiouwxy]$")


@cache
def words() -> dict[str, Any]:
    """The word lists of `words.toml`, with the long strings split into sets."""
    raw = tomllib.loads(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))
    little, nouns, verbs = raw["little"], raw["nouns"], raw["verbs"]
    return {
        "spelling": raw["spelling"],
        **{name: frozenset(text.split()) for name, text in little.items()},
        "irregular": nouns["irregular"],
        "mass": frozenset(nouns["mass"].split()),
        "plural": frozenset(nouns["plural_without_s"].split()) | frozenset(nouns["irregular"].values()),
        "singular": frozenset(nouns["singular_with_s"].split()),
        "compounds": frozenset(nouns["compounds"]),
        "openers": frozenset(verbs["openers"].split()),
        "doubled": frozenset(verbs["doubled"].split()),
        "undoubled": frozenset(verbs["undoubled"].split()),
    }


def proper(phrase: str) -> str:
    """The phrase with names and abbreviations spelt as they should be, all else as it was."""
    spelling: dict[str, str] = words()["spelling"]
    return _WORD.sub(lambda m: spelling.get(m[0].lower(), m[0]), phrase)


def sentence_case(text: str) -> str:
    """The text with its first letter in upper case, unless its first word has capitals of its own."""
    first = text.split(" ", 1)[0]
    return text if any(c.isupper() for c in first) else text[:1].upper() + text[1:]


def title_case(phrase: str) -> str:
    """Headline capitals: every word but small ones (articles, short prepositions), and those too at both
    ends.
    """
    parts = phrase.split()
    out = []
    after_break = True
    for index, part in enumerate(parts):
        small = part.lower() in words()["small"] and not after_break and index < len(parts) - 1
        out.append(part.lower() if small else _capital(part))
        after_break = part.endswith((":", "?", ".", "!"))
    return " ".join(out)


def _capital(word: str) -> str:
    known: dict[str, str] = words()["spelling"]
    if word.lower() in known:
        return known[word.lower()]
    if any(c.isupper() for c in word) or word[:1].isdigit():
        return word
    return "-".join(
        part[:1].upper() + part[1:] if i == 0 or part not in words()["small"] else part
        for i, part in enumerate(word.split("-"))
    )


def with_article(phrase: str) -> str:
    """`a` or `an` before a singular noun phrase, by sound as far as spelling tells."""
    first = phrase.split(" ", 1)[0]
    spelt_out = len(first) > 1 and first.isupper()
    vowel = first[0] in _VOWEL_LETTERS if spelt_out else bool(_VOWEL_SOUNDS.match(first))
    return f"{'an' if vowel else 'a'} {phrase}"


def head_index(parts: Sequence[str]) -> int:
    """Where the head noun of a noun phrase stands: before its first preposition, or at its end."""
    for index, part in enumerate(parts):
        compound = f"{parts[index - 1]} {part}" in words()["compounds"]
        if part in words()["prepositions"] and index and not compound:
            return index - 1
    return len(parts) - 1


def is_mass(noun: str) -> bool:
    """Whether a noun is not counted ("coffee", "cleaning", "extraction"), or an abbreviation that is left alone."""
    if noun in words()["mass"] or str(words()["spelling"].get(noun, "")).isupper():
        return True
    return noun.endswith(("ness", "ism", "ing", "ware", "ship"))


def is_plural(noun: str) -> bool:
    """Whether a noun is plural already."""
    lists = words()
    if noun in lists["plural"]:
        return True
    return noun.endswith("s") and noun not in lists["singular"] and not noun.endswith(("ss", "us", "is"))


def plural(noun: str) -> str:
    """The plural of a counted singular noun."""
    irregular: dict[str, str] = words()["irregular"]
    if noun in irregular:
        return irregular[noun]
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    if re.search(r"(?:s|x|z|ch|sh)$", noun):
        return noun + "es"
    return noun + "s"


def singular(noun: str) -> str:
    """The singular of a plural noun."""
    for one, many in words()["irregular"].items():
        if noun == many:
            return str(one)
    if noun.endswith("ies") and len(noun) > len("xies"):
        return noun[:-3] + "y"
    if re.search(r"(?:ss|x|z|ch|sh)es$", noun):
        return noun[:-2]
    return noun[:-1] if is_plural(noun) and noun.endswith("s") else noun


def gerund(verb: str) -> str:
    """The -ing form of a verb: make -> making, cut -> cutting, tie -> tying."""
    lists = words()
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing"
    doubles = verb in lists["doubled"] or (_BRIEF_SYLLABLE.match(verb) and verb not in lists["undoubled"])
    return verb + (verb[-1] if doubles else "") + "ing"


def join(items: Sequence[str], conjunction: str = "and") -> str:
    """A list as prose: "a", "a and b", "a, b and c"."""
    if len(items) < 2:  # noqa: PLR2004 - a list needs two items before it needs a conjunction
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def stem(word: str) -> str:
    """A crude common form of a word, for comparing phrases only."""
    word = re.sub(r"[^a-z0-9]", "", word.lower())
    if len(word) > 5 and word.endswith("ing"):  # noqa: PLR2004 - shorter ones are words themselves: "bring"
        word = word[:-3]
        word = word[:-1] if word[-1:] == word[-2:-1] else word
    elif word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word  # noqa: PLR2004 - "use" and "tea" stay apart


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut at a word, with an ellipsis where something was cut."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:-\u2013") + "\u2026"
