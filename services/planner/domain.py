"""Pure rules of the planner: no IO, no clock, no database."""

import re
import unicodedata
from collections.abc import Sequence, Sized
from collections.abc import Set as AbstractSet
from enum import StrEnum
from itertools import chain, count

MINIMUM_KEYWORDS = 5
"""Fewer keywords than this are not clustered: FEATURES, table of decisions, "minimum for clustering"."""

# Zero-width space, soft hyphen, word joiner, byte order mark, and the marks that only steer text direction:
# invisible, so two keywords that differ by one look the same. The joiners U+200C and U+200D stay, since
# Persian spelling and composed emoji need them.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


FREE_PLAN = "Free"
FREE_KEYWORDS_MAX = 100
"""What an account may have until billing says otherwise: FEATURES, table of decisions, "plans"."""
KEYWORD_CHARS_MAX = 255
CLUSTER_NAME_CHARS_MAX = 120
CONTENT_TYPES = ("post", "page", "product", "taxonomy")
CONTENT_STRUCTURES = (
    *("article", "guide", "comparison", "review", "listicle"),
    *("landing_page", "business_page", "service_page", "general", "cluster_hub"),
    *("product_page", "category_archive", "tag_archive", "attribute_archive"),
)


class Intent(StrEnum):
    """What the searcher wants; the four classes every keyword tool exports."""

    INFORMATIONAL = "informational"
    NAVIGATIONAL = "navigational"
    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"


class Verdict(StrEnum):
    """What should become of a page that was thought of, beside those that the site has or plans."""

    WRITE = "write"
    REFRESH = "refresh"
    MERGE = "merge"
    LINK_ONLY = "link_only"


class ReclusteringStatus(StrEnum):
    """How the proposal to cluster a sector again stands; a newer one supersedes it."""

    PROPOSED = "proposed"
    APPLIED = "applied"
    SUPERSEDED = "superseded"


class TooFewKeywords(Exception):
    """Clustering needs at least MINIMUM_KEYWORDS keywords."""

    reason = "too_few_keywords"
    hint = f"Add or select at least {MINIMUM_KEYWORDS} keywords, then cluster again."

    def __init__(self, count: int) -> None:
        self.count = count
        self.message = f"Clustering needs at least {MINIMUM_KEYWORDS} keywords, this selection has {count}."
        super().__init__(self.message)


def require_enough_keywords(keywords: Sized) -> None:
    """Raise TooFewKeywords when `keywords` has fewer than MINIMUM_KEYWORDS; shared by manual and automatic
    use.
    """
    if len(keywords) < MINIMUM_KEYWORDS:
        raise TooFewKeywords(len(keywords))


def display_text(text: str) -> str:
    """The keyword as it is shown: invisible marks removed, trimmed, runs of whitespace made one space, case
    kept.
    """
    return " ".join((text if text.isascii() else _INVISIBLE.sub("", text)).split())


def keyword_problem(text: str) -> str | None:
    """Say what keeps a text, as `display_text` made it, from being a keyword, or None."""
    if len(text) > KEYWORD_CHARS_MAX:
        return f"has {len(text)} characters; a keyword has at most {KEYWORD_CHARS_MAX}"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "has control characters; type it again"
    return None if names_something(text) else "has no letter, digit or symbol"


def names_something(text: str) -> bool:
    """Whether a text has a letter, a digit or a symbol such as an emoji, as every keyword does."""
    if text[:1].isalnum():  # nearly every one
        return True
    return any(unicodedata.category(character)[0] in "LNS" for character in text)


def country_problem(code: str) -> str | None:
    """Say what keeps `code` from being empty or a country of ISO 3166-1 alpha-2, or None."""
    if code and not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):  # noqa: PLR2004 - alpha-2
        return f"{code[:20]!r} is not a country; write it as in ISO 3166-1, for example US"
    return None


def free_name(names: Sequence[str], taken: AbstractSet[str]) -> str:
    """Return the first of `names` that is free in its sector, or the first one with a number behind it.

    `taken` holds names in lower case, as the sector's unique compares them.
    """
    numbered = (f"{names[0]} {number}" for number in count(2))
    return next(name for name in chain(names, numbered) if name.lower() not in taken)


def normalise(text: str) -> str:
    """The keyword as it is compared: two keywords are the same when this is equal.

    NFKC, casefold, whitespace folded, invisible marks removed. NFKC is applied again after the casefold,
    which can leave a decomposed character behind (Unicode 16, section 3.13.5, "Caseless Matching").
    Idempotent.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text).casefold()
    return display_text(unicodedata.normalize("NFKC", folded).casefold())
