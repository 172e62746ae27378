"""Article HTML: cleaning, measuring, and placing pictures.

Everything that becomes an article's body passes `clean`, whoever wrote it: on import, on generation, before publishing.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urlsplit

import nh3

MAX_CHARS = 500_000
MAX_DEPTH = 100
IMAGE_SCHEME = "igny8-image"
TAGS = frozenset(
    "h2 h3 p ul ol li table thead tbody tr th td strong em blockquote figure figcaption img a br".split()  # noqa: SIM905 - a list of 22 tags reads better as one line
)
_VOID = frozenset({"img", "br"})
# Without "*" the cleaner would keep `title` and `lang` on every tag.
_ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "img": {"src", "alt"}}
_BLOCKS = frozenset({"h2", "h3", "p", "li", "th", "td", "blockquote", "figcaption", "br", "tr", "ul", "ol", "table"})
_IMAGE_REFERENCE = re.compile(rf"\A{IMAGE_SCHEME}:[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\Z")
_RELATIVE = re.compile(r"\A/(?![/\\])[^\s\\]*\Z|\A(?![a-z][a-z0-9+.-]*:)[\w.~%-][^\s\\:]*\Z", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:['\u2019.,-]\w+)*")
_SPACE = re.compile(r"\s+")
# Tags that can nest; those that the next of their kind closes, and those without content, cannot.
_NESTING_TAG = re.compile(
    r"<(?P<end>/?)(?!(?:p|li|td|th|tr|dt|dd|img|br|hr|input|meta|link|wbr|source|col|option)\b)[a-z]", re.IGNORECASE
)
_MAX_PASSES = 4


class HtmlTooLong(ValueError):
    """The HTML is longer than any article."""

    def __init__(self, chars: int) -> None:
        super().__init__(f"The HTML has {chars:,} characters; at most {MAX_CHARS:,} are accepted. Split the content.")


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


def clean(html: str) -> str:
    """The HTML with nothing in it but the allowed tags, safe links and safe picture sources.

    Links go to http and https only and carry `rel="noopener noreferrer"`; pictures come from http, https, a relative
    path or `igny8-image:<uuid>`. The result is a fixed point: cleaning it again changes nothing.

    Raises:
        HtmlTooLong: beyond 500,000 characters.
    """
    if len(html) > MAX_CHARS:
        raise HtmlTooLong(len(html))
    if _depth(html) > MAX_DEPTH:
        return _as_text(html)
    for _ in range(_MAX_PASSES):
        once = _pass(html)
        if once == html:
            return once
        html = once
    # Parsers rearrange misnested markup, and some of it never settles; such a text is kept without its markup.
    return _as_text(html)


def _as_text(html: str) -> str:
    return f"<p>{escape(_plain(html), quote=False)}</p>"


def _depth(html: str) -> int:
    """How deep the markup nests. No article comes near the limit, and parsers need time by its square."""
    depth = deepest = 0
    for match in _NESTING_TAG.finditer(html):
        depth = max(depth - 1, 0) if match["end"] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _pass(html: str) -> str:
    return nh3.clean(
        html,
        tags=set(TAGS),
        clean_content_tags={"script", "style", "template", "noscript", "iframe", "object", "svg", "math"},
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", IMAGE_SCHEME},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        return value if _is_web(value) else None
    if name == "src":
        safe = tag == "img" and (_is_web(value) or _IMAGE_REFERENCE.match(value) or _RELATIVE.match(value))
        return value if safe else None
    return value


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # e.g. an unclosed IPv6 bracket: no address at all
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s\\]", url)


class _Reader(HTMLParser):
    """Goes through cleaned HTML and notes text, headings, top-level blocks and picture sources with their offsets."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.headings: list[Heading] = []
        self.sections: list[int] = []  # offsets of the h2 that stand at the top level
        self.paragraph_ends: list[int] = []  # offsets behind the p that stand at the top level
        self.sources: set[str] = set()
        self.words: list[str] = []
        self.paragraphs: list[str] = []
        self._open: list[str] = []
        self._start = 0  # of the text of the innermost heading or paragraph, in `words`
        self._starts = [0]
        for line in html.split("\n"):  # what the parser counts as a line; splitlines knows more of them
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.feed(html)
        self.close()

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.words.append(" ")
        if tag == "img":
            self.sources.update(value for name, value in attrs if name == "src" and value)
        if tag in _VOID:
            return
        if tag == "h2" and not self._open:
            self.sections.append(self._offset())
        if tag in {"h2", "h3", "p"}:
            self._start = len(self.words)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]
        if tag in {"h2", "h3"}:
            self.headings.append(Heading(int(tag[1]), self._text()))
        elif tag == "p" and not self._open:
            self.paragraphs.append(self._text())
            self.paragraph_ends.append(self._offset() + len("</p>"))
        if tag in _BLOCKS:
            self.words.append(" ")

    def _text(self) -> str:
        return _SPACE.sub(" ", "".join(self.words[self._start :])).strip()

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _plain(html: str) -> str:
    return _SPACE.sub(" ", "".join(_Reader(html).words)).strip()


def count_words(html: str) -> int:
    """How many words a reader sees: numbers count, picture texts do not."""
    return len(_WORD.findall(_plain(html)))


def headings(html: str) -> list[Heading]:
    """The h2 and h3 in order, without empty ones."""
    return [h for h in _Reader(html).headings if h.text]


def excerpt(html: str, max_chars: int = 160) -> str:
    """The beginning of the running text, cut at a word; notes in block quotes are left out."""
    text = " ".join(p for p in _Reader(html).paragraphs if p) or _plain(html)
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
    reader = _Reader(html)
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


# Letters that Unicode does not take apart into a base letter and a mark.
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L",
                          "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "\u0131": "i", "&": " and "})  # fmt: skip
_MAX_SLUG = 80


def slugify(title: str) -> str:
    """A URL part of at most 80 lower-case ASCII letters, digits and hyphens; "untitled" when nothing is left."""
    ascii_text = unicodedata.normalize("NFKD", title.translate(_LETTERS)).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_text.replace("'", "")).strip("-")
    if len(slug) > _MAX_SLUG:
        cut = slug[: _MAX_SLUG + 1]
        slug = (cut.rsplit("-", 1)[0] if "-" in cut else cut[:_MAX_SLUG]).strip("-")
    return slug or "untitled"
