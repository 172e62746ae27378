"""What models answer, checked: each function's JSON schema, and the reader that refuses what does not fit it.

The model has read text from elsewhere, so its answer is data: it is parsed strictly, measured, cleaned and shortened
here, and what is stored is only what came through.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.errors import UnusableAnswer
from chassis.html import TAGS, HtmlTooLong, clean, count_words
from services.writer.domain.terms import term_slug
from services.writer.domain.text import one_line, shorten, storable
from services.writer.html import excerpt

WORDS_LEAST = 50
TITLE_MOST, META_TITLE_MOST, META_DESCRIPTION_MOST, EXCERPT_MOST = 300, 60, 155, 500
CATEGORIES_MOST, TAGS_MOST, TERM_MOST = 3, 10, 80
PROMPT_MOST, ALT_MOST = 2000, 125


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
ARTICLE_SCHEMA = _object(
    {
        "title": _TEXT,
        "meta_title": _TEXT,
        "meta_description": _TEXT,
        "excerpt": _TEXT,
        "html": _TEXT,
        "categories": _TEXTS,
        "tags": _TEXTS,
        "focus_keyword": _TEXT,
    }
)
PROMPTS_SCHEMA = _object(
    {
        "prompts": {
            "type": "array",
            "items": _object(
                {
                    "type": {"type": "string", "enum": ["featured", "in_article"]},
                    "position": {"type": "integer"},
                    "prompt": _TEXT,
                    "alt_text": _TEXT,
                }
            ),
        }
    }
)


@dataclass(frozen=True)
class Article:
    """A written article, cleaned; `notes` says what was changed on the way."""

    title: str
    meta_title: str
    meta_description: str
    excerpt: str
    html: str
    word_count: int
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    focus_keyword: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prompt:
    """A picture that should be made; positions count from 0 for each kind."""

    kind: str
    position: int
    prompt: str
    alt_text: str


def article(text: str) -> Article:
    """Read the answer of `generate_content`.

    Raises:
        UnusableAnswer: it is not JSON of the schema, or has no article in it.
    """
    answer = _parse(text)
    html, notes = _body(_string(answer, "html"))
    words = count_words(html)
    if words < WORDS_LEAST:
        raise UnusableAnswer(f"The answer has {words} words of text; an article needs at least {WORDS_LEAST}.")
    title = shorten(one_line(_string(answer, "title")), TITLE_MOST)
    if not title:
        raise UnusableAnswer("The answer has no title.")
    meta_title, meta_description = (
        one_line(_string(answer, "meta_title")),
        one_line(_string(answer, "meta_description")),
    )
    return Article(
        title=title,
        meta_title=shorten(meta_title or title, META_TITLE_MOST),
        meta_description=shorten(meta_description or excerpt(html), META_DESCRIPTION_MOST),
        excerpt=shorten(one_line(_string(answer, "excerpt")) or excerpt(html), EXCERPT_MOST),
        html=html,
        word_count=words,
        categories=_names(answer, "categories", CATEGORIES_MOST),
        tags=_names(answer, "tags", TAGS_MOST),
        focus_keyword=shorten(one_line(_string(answer, "focus_keyword")), TITLE_MOST),
        notes=(*notes, *_cuts({"meta title": (meta_title, META_TITLE_MOST),
                               "meta description": (meta_description, META_DESCRIPTION_MOST)})),
    )  # fmt: skip


def prompts(text: str, wanted: int, fallback_alt: str) -> tuple[Prompt, ...]:
    """Read the answer of `generate_image_prompts`: the featured picture and those of the text, at most as wanted.

    Args:
        text: the answer.
        wanted: how many pictures the article gets, the featured one included.
        fallback_alt: alternative text of a picture that came without one.

    Raises:
        UnusableAnswer: it is not JSON of the schema, or has no featured picture.
    """
    entries = _parse(text).get("prompts")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UnusableAnswer("The answer's 'prompts' is not a list of objects.")
    described = [(_string(entry, "type"), one_line(_string(entry, "prompt")), entry) for entry in entries]
    featured = [found for found in described if found[0] == "featured" and found[1]][:1]
    if not featured:
        raise UnusableAnswer("The answer describes no featured picture.")
    inside = [found for found in described if found[0] == "in_article" and found[1]][: wanted - 1]
    return tuple(
        Prompt(kind, place, shorten(prompt, PROMPT_MOST), _alt(entry, fallback_alt))
        for group in (featured, inside)
        for place, (kind, prompt, entry) in enumerate(group)
    )


def _parse(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableAnswer("The answer is not JSON.") from error
    if not isinstance(answer, dict):
        raise UnusableAnswer("The answer is not a JSON object.")
    return answer


def _string(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise UnusableAnswer(f"The answer's {name!r} is missing or not text.")
    return value


def _body(raw: str) -> tuple[str, tuple[str, ...]]:
    try:
        cleaned = clean(storable(raw))
    except HtmlTooLong as error:
        raise UnusableAnswer(str(error)) from error
    # The model was given no address, so any it names is invented or was planted in what it read.
    foreign = cleaned.count("<a ") + cleaned.count("<img ")
    if not foreign:
        return cleaned, ()
    bare = clean(cleaned, tags=TAGS - {"a", "img", "figure"})
    return bare, (f"{foreign} links or pictures that nobody gave to the model were removed",)


def _names(answer: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    values = answer.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UnusableAnswer(f"The answer's {name!r} is missing or not a list of texts.")
    found: dict[str, str] = {}
    for value in values:
        named = shorten(one_line(value), TERM_MOST)
        if named:
            found.setdefault(term_slug(named), named)
    return tuple(found.values())[:most]


def _cuts(fields: Mapping[str, tuple[str, int]]) -> Sequence[str]:
    return [f"the {name} was cut to {most} characters" for name, (text, most) in fields.items() if len(text) > most]


def _alt(entry: Mapping[str, Any], fallback: str) -> str:
    return shorten(one_line(_string(entry, "alt_text")) or fallback, ALT_MOST)
