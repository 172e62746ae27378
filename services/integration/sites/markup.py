"""Filling templates so that nothing reaches a page unescaped by accident, and the bodies of articles."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from html import escape
from importlib import resources
from string import Template

import nh3

IMAGE_SCHEME = "igny8-image:"
_TAGS = frozenset(
    "h2 h3 p ul ol li table thead tbody tr th td strong em blockquote figure figcaption img a br".split()  # noqa: SIM905 - a list of 22 tags reads better as one line
)
# Complete tags, quoted values included: in cleaned HTML a "<" outside of them is always escaped.
_TAG = re.compile(r'<(?:[^<>"]|"[^"]*")*>')
_WORD = re.compile(r"\w+")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def fill(name: str, **values: str) -> Markup:
    """A template file with its `$names` replaced; every value is escaped unless it is `Markup`."""
    safe = {key: value if isinstance(value, Markup) else escape(value) for key, value in values.items()}
    return Markup(_template(name).substitute(safe))


@cache
def _template(name: str) -> Template:
    return Template(template_text(name))


def template_text(name: str) -> str:
    """A template file as it is."""
    return resources.files(__package__).joinpath(f"templates/{name}").read_text("utf-8")


def join(parts: Iterable[Markup]) -> Markup:
    """Pieces of HTML, one after the other."""
    return Markup("".join(parts))


def body(html: str, pictures: Mapping[str, str]) -> Markup:
    """An article's HTML, cleaned for the page that shows it.

    The content's owner cleans what it stores; a page must not depend on that. Pictures of ours get their addresses
    here, and those without one lose theirs; other pictures load over https only, as the page's policy says.

    Arguments:
        html: the body with pictures as `igny8-image:<id>`.
        pictures: the address of each picture by its id.
    """
    cleaned = nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags={"script", "style", "template", "noscript", "iframe", "object", "svg", "math"},
        attributes={"*": set(), "a": {"href"}, "img": {"src", "alt"}},
        attribute_filter=_addresses(pictures),
        url_schemes={"http", "https", IMAGE_SCHEME.rstrip(":")},
        set_tag_attribute_values={"img": {"loading": "lazy"}},
        link_rel="noopener noreferrer",
    )
    return Markup(cleaned)


def _addresses(pictures: Mapping[str, str]) -> Callable[[str, str, str], str | None]:
    def address(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if re.match(r"https?://[^\s\\]", value) else None
        if tag == "img" and name == "src":
            known = pictures.get(value.removeprefix(IMAGE_SCHEME)) if value.startswith(IMAGE_SCHEME) else None
            return known or (value if re.match(r"https://[^\s\\]", value) else None)
        return value

    return address


def with_anchors(html: Markup) -> tuple[Markup, list[tuple[str, str]]]:
    """Cleaned HTML whose h2 carry ids, and the (id, text) of each for a table of contents."""
    contents: list[tuple[str, str]] = []
    out: list[str] = []
    text: list[str] | None = None
    done = 0
    for match in _TAG.finditer(html):
        between = html[done : match.start()]
        if text is not None:
            text.append(between)
        out.append(between)
        tag = match[0]
        if tag == "<h2>":
            text = []
            tag = f'<h2 id="section-{len(contents) + 1}">'
        elif tag == "</h2>" and text is not None:
            contents.append((f"section-{len(contents) + 1}", " ".join("".join(text).split())))
            text = None
        out.append(tag)
        done = match.end()
    return Markup("".join(out) + html[done:]), contents


def word_count(html: str) -> int:
    """Roughly how many words there are to read."""
    return len(_WORD.findall(_TAG.sub(" ", html)))
