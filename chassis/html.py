"""Article HTML as every service treats it: what may stand in it, what a reader sees of it, and addresses from titles.

Whoever wrote a text, it passes `clean` when it comes in, when a model made it, and again before it leaves.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Set
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import nh3

CHARS_MAX = 500_000
DEPTH_MAX = 100
SLUG_CHARS_MAX = 80
IMAGE_SCHEME = "igny8-image"  # a picture of ours stands in stored HTML as igny8-image:<its id>
TAGS = frozenset(
    "h2 h3 p ul ol li table thead tbody tr th td strong em blockquote figure figcaption img a br".split()  # noqa: SIM905 - a list of 22 tags reads better as one line
)
_DROPPED_WITH_CONTENT = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "math"})
# Without "*" the cleaner would keep `title` and `lang` on every tag.
_ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "img": {"src", "alt"}}
_BLOCKS = frozenset({"h2", "h3", "p", "li", "th", "td", "blockquote", "figcaption", "br", "tr", "ul", "ol", "table"})
_IMAGE_REFERENCE = re.compile(rf"\A{IMAGE_SCHEME}:[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\Z")
_ROOTED = re.compile(r"\A/(?![/\\])[^\s\\]*\Z")
_RELATIVE = re.compile(r"\A(?![a-z][a-z0-9+.-]*:)[\w.~%-][^\s\\:]*\Z", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:['\u2019.,-]\w+)*")
_SPACE = re.compile(r"\s+")
# Tags that can nest; those that the next of their kind closes, and those without content, cannot.
_NESTING_TAG = re.compile(
    r"<(?P<end>/?)(?!(?:p|li|td|th|tr|dt|dd|img|br|hr|input|meta|link|wbr|source|col|option)\b)[a-z]", re.IGNORECASE
)
_PASSES_MAX = 4


class HtmlTooLong(ValueError):
    """The HTML is longer than any article."""

    def __init__(self, chars: int, chars_max: int) -> None:
        super().__init__(f"The HTML has {chars:,} characters; at most {chars_max:,} are accepted. Split the content.")


# ── cleaning ──


def is_web(url: str) -> bool:
    """Whether a URL is an http or https one with a host, and without white space and backslashes."""
    try:
        parts = urlsplit(url)
    except ValueError:  # e.g. an unclosed IPv6 bracket: no address at all
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s\\]", url)


def lasting_source(url: str) -> str | None:
    """The source of a picture that is the same on every page: http, https, a path from the root, or one of ours."""
    return url if is_web(url) or _IMAGE_REFERENCE.match(url) or _ROOTED.match(url) else None


def any_source(url: str) -> str | None:
    """As `lasting_source`, and paths that depend on the page: imported text has them, and keeps them while edited."""
    return url if _RELATIVE.match(url) else lasting_source(url)


def clean(
    html: str,
    *,
    source: Callable[[str], str | None] = any_source,
    tags: Set[str] = TAGS,
    chars_max: int = CHARS_MAX,
) -> str:
    """The HTML with nothing in it but the allowed tags, safe links and safe picture sources.

    Links go to http and https only and carry `rel="noopener noreferrer"`. The result is a fixed point: cleaning it
    again changes nothing, because what a second parser makes of a text must be what this one made of it.

    Arguments:
        html: anything.
        source: gives the source that a picture keeps for the one it has, or None; asked again with its own answers.
        tags: those that stay, of `TAGS`; of the others the text stays.
        chars_max: the most characters, of the HTML and of what becomes of it: escaping makes a text longer.

    Raises:
        HtmlTooLong: beyond `chars_max`.
    """
    _check_length(html, chars_max)
    cleaned = _settled(html, source, tags)
    _check_length(cleaned, chars_max)
    return cleaned


def _check_length(html: str, chars_max: int) -> None:
    if len(html) > chars_max:
        raise HtmlTooLong(len(html), chars_max)


def _settled(html: str, source: Callable[[str], str | None], tags: Set[str]) -> str:
    if _depth(html) > DEPTH_MAX:
        return _as_text(html)
    for _ in range(_PASSES_MAX):
        once = _pass(html, source, tags)
        if once == html:
            return once
        html = once
    # Parsers rearrange misnested markup, and some of it never settles; such a text is kept without its markup.
    return _as_text(html)


def _as_text(html: str) -> str:
    return f"<p>{escape(text_of(html), quote=False)}</p>"


def _depth(html: str) -> int:
    """How deep the markup nests. No article comes near the limit, and parsers need time by its square."""
    depth = deepest = 0
    for match in _NESTING_TAG.finditer(html):
        depth = max(depth - 1, 0) if match["end"] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _pass(html: str, source: Callable[[str], str | None], tags: Set[str]) -> str:
    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if is_web(value) else None
        return source(value) if (tag, name) == ("img", "src") else value

    return nh3.clean(
        html,
        tags=set(tags & TAGS),
        clean_content_tags=set(_DROPPED_WITH_CONTENT),
        attributes={tag: names for tag, names in _ATTRIBUTES.items() if tag == "*" or tag in tags},
        attribute_filter=attribute,
        url_schemes={"http", "https", IMAGE_SCHEME},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )


# ── what a reader sees ──


class TextReader(HTMLParser):
    """Collects the text between tags, with a space wherever a block begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Part what a block parts."""
        del attrs
        if tag in _BLOCKS:
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Part what a block parts."""
        if tag in _BLOCKS:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        """Note a piece of text."""
        self.pieces.append(data)

    def text(self, start: int = 0) -> str:
        """The text from a piece on, with single spaces."""
        return _SPACE.sub(" ", "".join(self.pieces[start:])).strip()


def text_of(html: str) -> str:
    """The text without its markup, on one line."""
    reader = TextReader()
    reader.feed(html)
    reader.close()
    return reader.text()


def count_words(html: str) -> int:
    """How many words a reader sees: numbers count, picture texts do not."""
    return len(_WORD.findall(text_of(html)))


# ── addresses ──

# Latin letters that Unicode does not take apart into a base letter and a mark.
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L",
                          "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H", "ŋ": "ng",
                          "Ŋ": "Ng", "ŧ": "t", "Ŧ": "T", "ə": "e", "Ə": "E", "\u0131": "i", "&": " and "})  # fmt: skip
_DIGEST_CHARS = 12


def slugify(text: str, *, kind: str = "page") -> str:
    """An address part for a title or name: at most 80 lower-case ASCII letters, digits and single hyphens.

    Letters that have no Latin form are not transliterated, which would need a language, nor percent-encoded, which
    destinations cut and escape each in their own way: a digest of the text stands for them, behind what could be kept
    or, where nothing could, behind the kind. The same text always has the same slug, and texts that differ only in
    such letters have different ones: "コーヒー" is `page-bb782cf87667`.

    Arguments:
        text: a title or a name.
        kind: what the address is of, for a text without any Latin letter or digit: "page", "term".
    """
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    latin = plain.encode("ascii", "ignore").decode().lower().replace("'", "")
    slug = re.sub(r"[^a-z0-9]+", "-", latin).strip("-")
    if slug and not any(letter.isalnum() and not letter.isascii() for letter in plain):
        return _cut(slug, SLUG_CHARS_MAX)
    known = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    digest = hashlib.sha256(known.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    return f"{_cut(slug or kind, SLUG_CHARS_MAX - 1 - _DIGEST_CHARS)}-{digest}"


def _cut(slug: str, chars_max: int) -> str:
    if len(slug) <= chars_max:
        return slug
    cut = slug[: chars_max + 1]
    return (cut.rsplit("-", 1)[0] if "-" in cut else cut[:chars_max]).strip("-")
