"""Filling templates so that nothing reaches a page unescaped by accident, and the bodies of articles."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from html import escape
from importlib import resources
from string import Template

from chassis.html import IMAGE_SCHEME, HtmlTooLong, clean, is_web
from services.integration.domain import HTML_CHARS_MAX
from services.integration.sites.model import BadArticle

# Complete tags, quoted values included: in cleaned HTML a "<" outside of them is always escaped.
_TAG = re.compile(r'<(?:[^<>"]|"[^"]*")*>')


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

    Raises:
        BadArticle: the HTML is too long.
    """
    try:
        cleaned = clean(html, source=_addresses(pictures), chars_max=HTML_CHARS_MAX)
    except HtmlTooLong as error:
        raise BadArticle("html", str(error)) from error
    return Markup(_TAG.sub(_loaded_late, cleaned))


def _addresses(pictures: Mapping[str, str]) -> Callable[[str], str | None]:
    placed = frozenset(pictures.values())  # the cleaner asks again about what it was given

    def address(source: str) -> str | None:
        if source.startswith(f"{IMAGE_SCHEME}:"):
            return pictures.get(source.removeprefix(f"{IMAGE_SCHEME}:"))
        return source if source in placed or (source.startswith("https:") and is_web(source)) else None

    return address


def _loaded_late(tag: re.Match[str]) -> str:
    return f'{tag[0][:-1]} loading="lazy">' if tag[0].startswith("<img") else tag[0]


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
