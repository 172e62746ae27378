"""How much is expected, allowed and counted, in the units that functions are priced in (words, prompts, images)."""

import math
from collections.abc import Mapping
from typing import Any

from chassis.errors import InvalidArgument

WORDS_DEFAULT = 1000
WORDS_LEAST, WORDS_MOST = 100, 10_000
IMAGES_DEFAULT, IMAGES_MOST = 3, 10
_SLACK = 1.5
_TOKENS_PER_WORD = 2  # prose takes about 1.3 in English, more in other languages; tags and JSON come on top
_TOKENS_BESIDE = 1500  # title, description, terms, and the quotes around them


def word_target(asked: int) -> int:
    """Return a word target within bounds; the default when none was asked for."""
    return min(max(asked, WORDS_LEAST), WORDS_MOST) if asked > 0 else WORDS_DEFAULT


def word_limit(target: int) -> int:
    """Return the most words that an answer is counted with: half as many again as its target.

    A longer answer is kept whole and counted at the limit, so a model that rambles costs nobody more than was reserved.
    """
    return math.ceil(_SLACK * target)


def content_tokens(target: int) -> int:
    """Return how long the answer for a word target may be, in tokens."""
    return word_limit(target) * _TOKENS_PER_WORD + _TOKENS_BESIDE


def images_per_article(options: Mapping[str, Any]) -> int:
    """Return how many pictures an article gets, the featured one included.

    Raises:
        InvalidArgument: the option is no number from 0 to 10.
    """
    value = options.get("images_per_article", IMAGES_DEFAULT)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= IMAGES_MOST:
        raise InvalidArgument.field("options.images_per_article", f"must be a whole number from 0 to {IMAGES_MOST}")
    return value


def auto_approve(options: Mapping[str, Any]) -> bool:
    """Return whether a run approves by itself; a run that does not say so waits for a person.

    Raises:
        InvalidArgument: the option is neither true nor false.
    """
    value = options.get("auto_approve", False)
    if not isinstance(value, bool):
        raise InvalidArgument.field("options.auto_approve", "must be true or false")
    return value


def image_size(kind: str) -> tuple[int, int]:
    """Return width and height in pixels: featured ones as social previews want them (1.91 : 1), others 16 : 9."""
    return (1200, 630) if kind == "featured" else (1024, 576)
