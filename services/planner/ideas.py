"""What a model is asked for a cluster's ideas, and what its answer becomes: pure, no database.

The contract of variables and answer is shared with the ai service, which owns the prompt and the offline provider.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.planner.domain import CONTENT_STRUCTURES, CONTENT_TYPES, display_text, normalise
from services.planner.overlap import subject

IDEAS_MIN, IDEAS_MAX = 3, 7
"""Ideas that one cluster is asked for: FEATURES, table of decisions, "idea generation"."""
TITLE_CHARS_MAX = 200
WORDS_MAX = 20_000
_TEXT_CHARS_MAX = 4_000
_SECTIONS_MAX, _POINTS_MAX = 20, 20

_SECTION_SCHEMA = {
    "type": "object",
    "required": ["heading", "points"],
    "properties": {"heading": {"type": "string"}, "points": {"type": "array", "items": {"type": "string"}}},
}
_IDEA_SCHEMA = {
    "type": "object",
    "required": ["title", "content_type", "content_structure", "primary_keyword", "keywords", "outline"],
    "properties": {
        "title": {"type": "string"},
        "content_type": {"enum": list(CONTENT_TYPES)},
        "content_structure": {"enum": list(CONTENT_STRUCTURES)},
        "primary_keyword": {"type": "string"},
        "keywords": {"type": "array", "items": {"type": "string"}},
        "audience": {"type": "string"},
        "tone": {"type": "string"},
        "estimated_word_count": {"type": "integer"},
        "brief": {"type": "string"},
        "outline": {"type": "array", "items": _SECTION_SCHEMA},
    },
}
ANSWER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["ideas"],
    "properties": {"ideas": {"type": "array", "items": _IDEA_SCHEMA}},
}
"""JSON schema of the answer."""


class NotAnAnswer(ValueError):
    """The text is not an answer: no JSON object, or one without ideas."""


@dataclass(frozen=True)
class Idea:
    """An idea that can be stored. keywords: of the cluster, as it spells them, the one it aims at first."""

    title: str
    content_type: str
    content_structure: str
    keywords: Sequence[str]
    outline: Sequence[Mapping[str, Any]]
    audience: str = ""
    tone: str = ""
    brief: str = ""
    estimated_word_count: int = 0

    def columns(self) -> dict[str, Any]:
        """Return the idea as column values of its table."""
        return {
            "title": self.title,
            "content_type": self.content_type,
            "content_structure": self.content_structure,
            "primary_keyword": self.keywords[0],
            "outline": list(self.outline),
            "audience": self.audience,
            "tone": self.tone,
            "brief": self.brief,
            "estimated_word_count": self.estimated_word_count,
        }


@dataclass
class Reading:
    """What an answer held: ideas that can be stored, and what a person should know of the rest."""

    ideas: list[Idea] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_answer(text: str, cluster_keywords: Sequence[str]) -> Reading:
    """Return the usable ideas of an answer.

    Keywords are matched as `domain.normalise` compares them; those that the cluster does not have are dropped and
    noted. An idea without a title, an outline, a known type and structure, or any of the cluster's keywords is dropped
    and noted, and so is one whose title another idea of the answer has.

    Raises:
        NotAnAnswer: no idea can be looked for.
    """
    spelt = {normalise(keyword): keyword for keyword in cluster_keywords}
    reading, seen = Reading(), set[str]()
    for number, raw in enumerate(_raw_ideas(text), start=1):
        problem = _problem(raw)
        if problem:
            reading.notes.append(f"Idea {number} was dropped: {problem}.")
            continue
        idea = _idea(raw, spelt, reading.notes)
        if idea is None:
            reading.notes.append(f"Idea {number} was dropped: it covers none of the cluster's keywords.")
        elif normalise(idea.title) in seen:
            reading.notes.append(f"Idea {number} was dropped: its title {idea.title!r} is there twice.")
        else:
            seen.add(normalise(idea.title))
            reading.ideas.append(idea)
    return reading


def set_apart(ideas: Sequence[Idea]) -> Reading:
    """Return ideas of which no two aim at the same search: two such pages would take it from each other.

    One that aims at what an earlier one aims at is turned to another of its keywords, or becomes a part of that one.
    """
    apart = Reading()
    for idea in ideas:
        taken = {subject(other.keywords[0]): place for place, other in enumerate(apart.ideas)}
        aims_at = next((keyword for keyword in idea.keywords if subject(keyword) not in taken), None)
        if aims_at is None:
            place = taken[subject(idea.keywords[0])]
            whole = apart.ideas[place]
            apart.ideas[place] = replace(whole, keywords=list(dict.fromkeys([*whole.keywords, *idea.keywords])))
            apart.notes.append(f"{idea.title!r} was merged into {whole.title!r}: both aim at {whole.keywords[0]!r}.")
            continue
        if aims_at != idea.keywords[0]:
            instead = f"instead of {idea.keywords[0]!r}, which another idea aims at"
            apart.notes.append(f"{idea.title!r} aims at {aims_at!r} {instead}.")
        apart.ideas.append(replace(idea, keywords=list(dict.fromkeys([aims_at, *idea.keywords]))))
    return apart


def _raw_ideas(text: str) -> list[Any]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAnAnswer("The answer is not JSON.") from error
    ideas = answer.get("ideas") if isinstance(answer, dict) else None
    if not isinstance(ideas, list):
        raise NotAnAnswer('The answer has no list "ideas".')
    return ideas[: 10 * IDEAS_MAX]


def _problem(raw: Any) -> str | None:
    """Say what keeps an item from being an idea, or None."""
    if not isinstance(raw, dict):
        return "it is not an object"
    title = _text(raw.get("title"))
    if not title or len(title) > TITLE_CHARS_MAX:
        return f"its title is empty or longer than {TITLE_CHARS_MAX} characters"
    for name, known in (("content_type", CONTENT_TYPES), ("content_structure", CONTENT_STRUCTURES)):
        if raw.get(name) not in known:
            return f"its {name} is not one of {', '.join(known)}"
    return None if _outline(raw.get("outline")) else "it has no outline"


def _idea(raw: Mapping[str, Any], spelt: Mapping[str, str], notes: list[str]) -> Idea | None:
    listed = raw.get("keywords")
    wanted = [raw.get("primary_keyword"), *(listed if isinstance(listed, list) else ())]
    texts = [_text(keyword) for keyword in wanted if isinstance(keyword, str) and keyword.strip()]
    unmatched = dict.fromkeys(text for text in texts if normalise(text) not in spelt)
    title = _text(raw["title"])
    if unmatched:
        notes.append(f"{title!r}: not keywords of the cluster, left out: {', '.join(list(unmatched)[:10])}.")
    matched = list(dict.fromkeys(spelt[normalise(text)] for text in texts if normalise(text) in spelt))
    if not matched:
        return None
    words = raw.get("estimated_word_count")
    return Idea(
        title=title,
        content_type=raw["content_type"],
        content_structure=raw["content_structure"],
        keywords=matched,
        outline=_outline(raw["outline"]),
        audience=_text(raw.get("audience")),
        tone=_text(raw.get("tone")),
        brief=_text(raw.get("brief")),
        estimated_word_count=min(max(words, 0), WORDS_MAX) if type(words) is int else 0,
    )


def _outline(raw: Any) -> list[dict[str, Any]]:
    """The sections that have a heading, with their points."""
    if not isinstance(raw, list):
        return []
    sections = []
    for section in raw[:_SECTIONS_MAX]:
        heading = _text(section.get("heading")) if isinstance(section, dict) else ""
        if heading:
            points = section.get("points")
            texts = [_text(point) for point in points[:_POINTS_MAX]] if isinstance(points, list) else []
            sections.append({"heading": heading, "points": [text for text in texts if text]})
    return sections


def _text(value: Any) -> str:
    """A value as one line of text that can be stored; empty when it is no text."""
    if not isinstance(value, str):
        return ""
    clean = "".join(" " if not c.isprintable() else c for c in value)  # NUL and lone surrogates cannot be stored
    return display_text(clean)[:_TEXT_CHARS_MAX]
