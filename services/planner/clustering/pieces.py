"""Splitting words into the pieces that the word table has rows for: the WordPiece of BERT, uncased.

Source of the rule: Wu et al., "Google's Neural Machine Translation System" (2016), section 4.1, as BERT uses it
(Devlin et al., 2018): the longest piece that the rest of the word begins with, again and again.
"""

import re
import unicodedata
from collections.abc import Mapping

CONTINUED = "##"
"""Marks a piece that does not begin a word."""
WORD_CHARS_MAX = 100
"""A longer word is no word; BERT gives up at the same length."""

# Ideographs are words of one character each: they are written without spaces between them.
_WORD = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[^\w\s]|_"
)


def split_text(text: str) -> list[str]:
    """Return the words of a normalised text as BERT sees them: without accents, punctuation as words of their own."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFD", text)
        text = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return _WORD.findall(text)


def split_word(word: str, numbers: Mapping[str, int]) -> list[int]:
    """Return the numbers of the pieces of one word; none when a part of it has no piece.

    Args:
        word: one of `split_text`.
        numbers: piece -> its number; a continued one has `CONTINUED` before it.
    """
    if len(word) > WORD_CHARS_MAX:
        return []
    found: list[int] = []
    start = 0
    while start < len(word):
        mark = CONTINUED if start else ""
        for end in range(len(word), start, -1):
            number = numbers.get(mark + word[start:end])
            if number is not None:
                found.append(number)
                start = end
                break
        else:
            return []
    return found
