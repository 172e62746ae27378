"""Descriptions of the pictures an article wants: what they show, in words for a picture model, and their alt
texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.ai.offline import english, library
from services.ai.offline.facts import required

_ALT_CHARS = 125  # what screen readers are commonly said to read without a pause
_MAX_IN_ARTICLE = 4
_DEFAULT_STYLE = "natural light, realistic photograph"
_SCENES = (
    "a close view of the one detail the section turns on, background out of focus",
    "hands at work, seen from above, on a plain surface",
    "the objects laid out in order on a table, photographed from above",
    "a calm wide view of the place where this is used, nobody posing",
    "two alternatives side by side under the same light",
    "the finished result in everyday surroundings",
)
# Sections that a picture would not help.
_WITHOUT_PICTURE = ("question", "next", "answer", "verdict", "cost", "money", "searches", "who ")


def generate(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `generate_image_prompts`: one featured picture, and one for each in-article position.

    Raises:
        MissingVariable: without a title.
    """
    title = " ".join(str(required(variables, "title")).split())
    style = " ".join(str(variables.get("style") or _DEFAULT_STYLE).split())
    count = min(max(int(variables.get("in_article") or 0), 0), _MAX_IN_ARTICLE)
    headings = _spread(_pictured([str(h) for h in variables.get("headings") or ()]), count) or [title]
    scenes = library.shuffled(_SCENES, title)
    prompts = [
        _prompt(
            "featured",
            0,
            f"Cover picture for an article titled \u201c{title}\u201d: {scenes[0]}",
            style,
            title,
        )
    ]
    for position in range(count):
        heading = headings[position % len(headings)]
        scene = scenes[1 + position % (len(scenes) - 1)]
        about = f"Illustration for \u201c{heading}\u201d in \u201c{title}\u201d: {scene}"
        prompts.append(_prompt("in_article", position, about, style, f"{heading}, from {title}"))
    return {"prompts": prompts}


def _prompt(kind: str, position: int, about: str, style: str, alt: str) -> dict[str, Any]:
    return {
        "type": kind,
        "position": position,
        "prompt": f"{about}. Style: {style}. No text, no logos, no brand names, no recognisable people.",
        "alt_text": english.shorten(alt, _ALT_CHARS),
    }


def _pictured(headings: Sequence[str]) -> list[str]:
    suited = [h for h in headings if not any(mark in h.lower() for mark in _WITHOUT_PICTURE)]
    return suited or list(headings)


def _spread(headings: Sequence[str], count: int) -> list[str]:
    """`count` of the headings, evenly over the article."""
    if len(headings) <= count:
        return list(headings)
    return [headings[(2 * i + 1) * len(headings) // (2 * count)] for i in range(count)]
