"""The text that the word table learns from: licensed, or composed here of the model's own vocabulary.

Nobody's keyword lists are in it. The composed phrases look like what people type into a search box, because the
table is used on that: two to five words, some of them out of order, some inside a question.
"""

import random
import re
from collections.abc import Iterator, Sequence

from services.planner.clustering.pieces import CONTINUED

SEED = 4
NEAREST = 40
"""A related word is one of so many nearest."""
_WHOLE = re.compile(r"[a-z0-9]{2,}")
_SUFFIX = re.compile(r"##[a-z]{1,6}")

FRAMES = (
    *("best {a}", "best {a} for {b}", "best {a} {b}", "cheap {a} {b}", "{a} {b} online", "buy {a} {b}", "{a} near me"),
    *(
        "{a} {b} near me",
        "how to {a}",
        "how to {a} {b}",
        "how to {a} a {b}",
        "what is {a} {b}",
        "what is the {a} of {b}",
    ),
    *(
        "{a} vs {b}",
        "{a} or {b}",
        "{a} and {b}",
        "{a} for {b}",
        "{a} in {b}",
        "{a} with {b}",
        "{a} without {b}",
        "{a} to {b}",
    ),
    *("{a} {b} review", "{a} {b} price", "{a} {b} for {c}", "{a} {b} in {c}", "{a} of {b} {c}", "why is my {a} {b}"),
    *("can i {a} my {b}", "where to {a} {b}", "i want to {a} the {b}", "my {a} is {b}", "please {a} {b} for me"),
    *(
        "is {a} {b} good for {c}",
        "does {a} {b} {c}",
        "when does {a} {b}",
        "{a} the {b} of {c}",
        "who {a} {b}",
        "{a}s {b}",
    ),
    *("{a} {b} {c} 2024", "free {a} {b}", "{a} ideas", "{a} {b} template", "{a} {b} not working", "new {a} {b}"),
)


def vocabulary_words(vocabulary: Sequence[str]) -> list[str]:
    """Return the whole words of two letters or more, the most frequent first, as the vocabulary has them."""
    return [piece for piece in vocabulary[1_996:] if _WHOLE.fullmatch(piece)]


def spans(texts: Sequence[str], count: int) -> Iterator[str]:
    """Yield pieces of two to five words out of `texts`."""
    source = random.Random(SEED)  # noqa: S311 - reproducible, not secret
    for _ in range(count):
        words = source.choice(texts).split()
        length = min(len(words), source.randint(2, 5))
        start = source.randint(0, len(words) - length)
        yield " ".join(words[start : start + length])


def composed(
    words: Sequence[str], related: Sequence[Sequence[int]], vocabulary: Sequence[str], count: int
) -> Iterator[str]:
    """Yield `count` phrases.

    Args:
        words: of `vocabulary_words`.
        related: for each of them, the indexes of words that mean something near.
        vocabulary: of the model; its continued pieces make the words that it has only in parts.
    """
    source = random.Random(SEED)  # noqa: S311 - reproducible, not secret
    suffixes = [piece.removeprefix(CONTINUED) for piece in vocabulary if _SUFFIX.fullmatch(piece)]
    weights = [(rank + 50) ** -0.5 for rank in range(len(words))]  # flatter than language is, so that all get a turn
    drawn = iter(source.choices(range(len(words)), weights, k=count * 8))

    def pick(beside: int | None) -> int:
        return source.choice(related[beside]) if beside is not None and source.random() < 0.5 else next(drawn)  # noqa: PLR2004 - half of them

    def spelled(index: int) -> str:
        made = words[index]
        if source.random() < 0.12:  # noqa: PLR2004 - about one word in eight comes in parts
            made += source.choice(suffixes)
        return made

    for _ in range(count):
        first = pick(None)
        second = pick(first)
        third = pick(source.choice([first, second]))
        parts = [spelled(first), spelled(second), spelled(third), spelled(pick(second))]
        if source.random() < 0.4:  # noqa: PLR2004 - two in five are inside a frame
            yield source.choice(FRAMES).format(a=parts[0], b=parts[1], c=parts[2])
        else:
            yield " ".join(parts[: source.choice((2, 2, 3, 3, 4))])
