"""The outline of a page: six to ten sections, each with the points it has to cover."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.ai.offline import english, library
from services.ai.offline.subject import Kind, Subject

MIN_SECTIONS, MAX_SECTIONS = 6, 10
_MAX_QUESTIONS = 5
_SUBTOPIC_POINTS = 3
_MAX_NAMED_WORDS = 4  # a longer subject reads badly inside a heading


@dataclass(frozen=True)
class Section:
    """One planned section."""

    heading: str
    points: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The section as the answer's contract has it."""
        return {"heading": self.heading, "points": list(self.points)}


def build(subject: Subject, others: Sequence[Subject], structure: str, site: str, angle: str = "") -> list[Section]:
    """The outline of a page about `subject` that also answers the phrases in `others`.

    Fixed sections come from the structure's plan; the first of the other phrases become sections of their
    own, and the questions among the rest are gathered before the last section.
    """
    plan = library.layout(structure, subject.kind, angle)
    words = library.forms(subject, site)
    fixed = [_fixed(name, words, subject) for name in plan["sections"]]
    questions = [o for o in others if o.question and o.kind is not Kind.COMPARISON]
    own = [o for o in others if o not in questions][: plan["subtopics"]]
    own += questions[: max(0, plan["subtopics"] - len(own))]
    asked = [q for q in questions if q not in own][:_MAX_QUESTIONS]
    room = MAX_SECTIONS - len(fixed) - (1 if asked else 0)
    middle = len(fixed) // 2
    out = fixed[:middle] + [_subtopic(o, site, i) for i, o in enumerate(own[:room])] + fixed[middle:]
    if asked:
        heading = library.pick(library.sections()["faq"].headings, subject.phrase)
        out.insert(-1, Section(english.title_case(heading), tuple(dict.fromkeys(q.question for q in asked))))
    return _distinct(out)


def _fixed(name: str, words: dict[str, str], subject: Subject) -> Section:
    text = library.sections()[name]
    named = subject.kind not in {Kind.QUESTION, Kind.PROBLEM} and len(subject.topic.split()) <= _MAX_NAMED_WORDS
    choices = text.headings if named else [h for h in text.headings if "{" not in h] or text.headings
    heading = library.fill(library.pick(choices, subject.phrase + name), words)
    return Section(english.title_case(heading), tuple(library.fill(p, words) for p in text.points))


def _subtopic(subject: Subject, site: str, index: int) -> Section:
    points = library.sections()["subtopic"].points
    start = index * _SUBTOPIC_POINTS % len(points)
    words = library.forms(subject, site)
    own = points[start : start + _SUBTOPIC_POINTS]
    return Section(heading_of(subject), tuple(library.fill(p, words) for p in own))


def heading_of(subject: Subject) -> str:
    """A heading for a phrase: the question it asks, the two sides it compares, or the phrase itself."""
    if subject.kind is Kind.COMPARISON:
        return english.title_case(f"{subject.options[0]} vs {subject.options[1]}")
    return english.title_case(subject.question or subject.phrase)


def _distinct(sections: Sequence[Section]) -> list[Section]:
    seen: dict[str, Section] = {}
    for section in sections:
        seen.setdefault(section.heading.lower(), section)
    return list(seen.values())[:MAX_SECTIONS]
