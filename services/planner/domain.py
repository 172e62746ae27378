"""Pure rules of the planner: no IO, no clock, no database."""

import re
import unicodedata
from collections.abc import Sized
from enum import StrEnum

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
    return " ".join(_INVISIBLE.sub("", text).split())


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
