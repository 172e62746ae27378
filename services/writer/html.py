"""What only the writer asks of article HTML: its headings, the beginning of its text, and places for its pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from chassis.html import IMAGE_SCHEME, TextReader, text_of

_VOID = frozenset({"img", "br"})


@dataclass(frozen=True)
class Heading:
    """A heading of the body; `level` is 2 or 3."""

    level: int
    text: str


@dataclass(frozen=True)
class PlacedImage:
    """A picture to place; `position` orders the in-article ones."""

    id: str
    kind: Literal["featured", "in_article"]
    position: int
    alt: str


class _Outline(TextReader):
    """Goes through cleaned HTML and notes headings, top-level blocks and picture sources with their offsets."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[Heading] = []
        self.sections: list[int] = []  # offsets of the h2 that stand at the top level
        self.paragraph_ends: list[int] = []  # offsets behind the p that stand at the top level
        self.sources: set[str] = set()
        self.paragraphs: list[str] = []
        self._open: list[str] = []
        self._start = 0  # of the text of the innermost heading or paragraph, in `pieces`
        self._starts = [0]
        for line in html.split("\n"):  # what the parser counts as a line; splitlines knows more of them
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.feed(html)
        self.close()

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "img":
            self.sources.update(value for name, value in attrs if name == "src" and value)
        if tag in _VOID:
            return
        if tag == "h2" and not self._open:
            self.sections.append(self._offset())
        if tag in {"h2", "h3", "p"}:
            self._start = len(self.pieces)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]
        if tag in {"h2", "h3"}:
            self.headings.append(Heading(int(tag[1]), self.text(self._start)))
        elif tag == "p" and not self._open:
            self.paragraphs.append(self.text(self._start))
            self.paragraph_ends.append(self._offset() + len("</p>"))
        super().handle_endtag(tag)


def headings(html: str) -> list[Heading]:
    """The h2 and h3 in order, without empty ones."""
    return [h for h in _Outline(html).headings if h.text]


def excerpt(html: str, max_chars: int = 160) -> str:
    """The beginning of the running text, cut at a word; notes in block quotes are left out."""
    text = " ".join(p for p in _Outline(html).paragraphs if p) or text_of(html)
    if len(text) <= max_chars:
        return text
    return text[: max_chars - 1].rsplit(" ", 1)[0].rstrip(" ,;:-\u2013") + "\u2026"


def place_images(html: str, images: Sequence[PlacedImage]) -> str:
    """The HTML with the in-article pictures before its h2, spread evenly, in the order of their positions.

    The featured picture is not placed, nor is a picture that stands in the text already. An article with fewer than two
    sections gets them between its paragraphs.

    Arguments:
        html: cleaned HTML.
        images: the article's pictures; an id is a UUID.
    """
    reader = _Outline(html)
    wanted = [i for i in images if i.kind == "in_article" and f"{IMAGE_SCHEME}:{i.id}" not in reader.sources]
    wanted.sort(key=lambda i: i.position)
    places = reader.sections[1:] or reader.paragraph_ends or [len(html)]
    out: list[str] = []
    done = 0
    for place, image in _spread(wanted, places):
        out += [html[done:place], _figure(image)]
        done = place
    return "".join(out) + html[done:]


def _spread(images: Sequence[PlacedImage], places: Sequence[int]) -> Iterator[tuple[int, PlacedImage]]:
    for index, image in enumerate(images):
        yield places[min((2 * index + 1) * len(places) // (2 * len(images)), len(places) - 1)], image


def _figure(image: PlacedImage) -> str:
    return f'<figure><img src="{IMAGE_SCHEME}:{escape(image.id)}" alt="{escape(image.alt)}"></figure>'
