"""The words of a keyword: which of them say what it is about, and which are the same word in another form."""

import unicodedata
from functools import lru_cache

_FUNCTION_WORDS = """
a an the of for to in on at and or is are do does can i you my your with from by be it this that
how what why when which who where vs versus best top much many
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that say how somebody asks, not about what; other languages have fewer of them in their
keywords, and there the weights of rare words do the same. `near me` and `without` are kept: they change the
page."""

_STEM_MINIMUM = 3
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("ing", ""), ("s", ""))


def split_words(text: str) -> list[str]:
    """The words of a normalised text without the punctuation around them; words of nothing else are left out.

    A text of punctuation alone is one word. Symbols (emoji) and combining marks (Thai, Hindi) belong to the
    word.
    """
    return [trimmed for word in text.split() if (trimmed := _trimmed(word))] or [text]


def topic_words(text: str) -> list[str]:
    """The stems of the words that say what the keyword is about; of all its words when none does."""
    words = split_words(text)
    return [stem(word) for word in words if word not in FUNCTION_WORDS] or [stem(word) for word in words]


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """`word` without an English plural or -ing: enough for keywords, and wrong less often than a full
    stemmer.
    """
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= _STEM_MINIMUM:
            return word.removesuffix(ending) + instead
    return word


def _trimmed(word: str) -> str:
    if word.isalnum():
        return word
    kept = [index for index, character in enumerate(word) if not unicodedata.category(character).startswith("P")]
    return word[kept[0] : kept[-1] + 1] if kept else ""
