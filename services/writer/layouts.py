"""What a page of each content structure is made of, and whether a draft has it.

The expectations are few and firm: they catch a comparison without a table or a guide of one section, not matters of
taste. A finding is advice to an editor; nothing here rejects a draft.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from chassis.html import count_words
from services.writer.html import headings


class Block(StrEnum):
    """A kind of element that a structure may call for, named by what marks it in the HTML."""

    TABLE = "table"
    LIST = "list"
    STEPS = "steps"
    SUBSECTIONS = "subsections"


_MARKS = {
    Block.TABLE: re.compile(r"<table>"),
    Block.LIST: re.compile(r"<(?:ul|ol)>"),
    Block.STEPS: re.compile(r"<ol>"),
    Block.SUBSECTIONS: re.compile(r"<h3>"),
}
_ADVICE = {
    Block.TABLE: "Add a table: one row per question, one column per option.",
    Block.LIST: "Add a list where the items are parallel.",
    Block.STEPS: "Add the steps as a numbered list.",
    Block.SUBSECTIONS: "Give each entry a sub-heading of its own (h3).",
}


@dataclass(frozen=True)
class Layout:
    """What a structure expects: its content types, a range of sections, a least number of words, and its blocks."""

    content_types: tuple[str, ...]
    min_sections: int
    max_sections: int
    min_words: int
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing a draft lacks: a stable `reason`, and what to do about it."""

    reason: str
    advice: str


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "article": Layout(("post",), 4, 12, 500),
        "guide": Layout(("post", "page"), 5, 14, 700, (Block.LIST,)),
        "comparison": Layout(("post",), 4, 12, 600, (Block.TABLE,)),
        "review": Layout(("post",), 4, 12, 600, (Block.LIST,)),
        "listicle": Layout(("post",), 3, 15, 600, (Block.SUBSECTIONS,)),
        "landing_page": Layout(("page",), 3, 10, 300, (Block.LIST,)),
        "business_page": Layout(("page",), 3, 10, 300),
        "service_page": Layout(("page",), 3, 10, 300, (Block.STEPS,)),
        "general": Layout(("post", "page"), 3, 12, 300),
        "cluster_hub": Layout(("page",), 5, 15, 800, (Block.LIST,)),
        "product_page": Layout(("product",), 3, 10, 250, (Block.LIST,)),
        "category_archive": Layout(("taxonomy",), 1, 8, 120),
        "tag_archive": Layout(("taxonomy",), 1, 8, 80),
        "attribute_archive": Layout(("taxonomy",), 1, 8, 80),
    }
)


class UnknownStructure(ValueError):
    """No such content structure."""

    def __init__(self, structure: str) -> None:
        super().__init__(f"There is no content structure {structure!r}; there are {', '.join(LAYOUTS)}.")
        self.structure = structure


def check(structure: str, html: str) -> list[Finding]:
    """What a draft lacks of its structure, in the order an editor would mend it; empty when nothing.

    Arguments:
        structure: one of the fourteen content structures.
        html: the cleaned body.

    Raises:
        UnknownStructure: for any other structure.
    """
    layout = LAYOUTS.get(structure)
    if layout is None:
        raise UnknownStructure(structure)
    sections = sum(h.level == 2 for h in headings(html))  # noqa: PLR2004 - an h2 opens a section
    words = count_words(html)
    found = []
    if sections < layout.min_sections:
        found.append(Finding("too_few_sections", f"It has {sections} sections; {layout.min_sections} are expected."))
    if sections > layout.max_sections:
        advice = f"It has {sections} sections; join some, {layout.max_sections} are enough."
        found.append(Finding("too_many_sections", advice))
    if words < layout.min_words:
        found.append(Finding("too_short", f"It has {words} words; such a page needs {layout.min_words}."))
    missing = [block for block in layout.blocks if not _MARKS[block].search(html)]
    return found + [Finding(f"missing_{block}", _ADVICE[block]) for block in missing]
