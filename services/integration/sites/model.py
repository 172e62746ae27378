"""What a site is made of: facts about it, articles, and the cards that stand for articles on overview pages."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_SLUG = re.compile(r"\A[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?\Z")
_ID = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z")
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif", "image/avif": "avif"}
# First parts of addresses that the site uses itself.
RESERVED_SLUGS = frozenset({"category", "images", "page", "assets"})
WORDS_PER_MINUTE = 220


class BadArticle(ValueError):
    """An article or a site cannot be rendered; `field` is what to mend."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.field = name


@dataclass(frozen=True)
class SiteFacts:
    """A site as its pages show it. `origin` is scheme, host and port of the server, without a path."""

    name: str
    slug: str
    origin: str
    tagline: str = ""
    language: str = "en"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BadArticle("site.name", "A site needs a name.")
        if not _SLUG.match(self.slug):
            raise BadArticle("site.slug", "Use lower-case letters, digits and hyphens, at most 100.")
        parts = urlsplit(self.origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
            raise BadArticle("site.origin", "Give scheme and host without a path, such as https://example.com.")
        if not re.match(r"\A[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*\Z", self.language):
            raise BadArticle("site.language", "Use a language tag such as en or en-GB.")


@dataclass(frozen=True)
class Picture:
    """A picture of an article: the bytes, what they show, and the size in pixels where it is known."""

    id: str
    data: bytes = field(repr=False)
    alt: str = ""
    media_type: str = "image/png"
    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        if self.media_type not in _EXTENSIONS:
            kinds = ", ".join(sorted(_EXTENSIONS))
            raise BadArticle("picture.media_type", f"{self.media_type!r} cannot be shown; use {kinds}.")

    @property
    def file(self) -> str:
        """The name under which the site keeps it: the same bytes have the same name."""
        return f"{hashlib.sha256(self.data).hexdigest()[:20]}.{_EXTENSIONS[self.media_type]}"


@dataclass(frozen=True)
class Article:
    """One content item as it is to be published. In `html`, pictures are `igny8-image:<picture id>`."""

    content_id: str
    title: str
    slug: str
    html: str
    published_at: datetime
    updated_at: datetime
    excerpt: str = ""
    meta_title: str = ""
    meta_description: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    featured: Picture | None = None
    pictures: tuple[Picture, ...] = ()

    def __post_init__(self) -> None:
        check_id("content_id", self.content_id)
        if not self.title.strip():
            raise BadArticle("title", "An article needs a title.")
        if not _SLUG.match(self.slug):
            raise BadArticle("slug", "Use lower-case letters, digits and hyphens, at most 100.")
        for name, value in (("published_at", self.published_at), ("updated_at", self.updated_at)):
            if value.tzinfo is None:
                raise BadArticle(name, "The time needs a time zone.")

    def all_pictures(self) -> list[Picture]:
        """Every picture, the featured one first."""
        return [*([self.featured] if self.featured else []), *self.pictures]


def check_id(name: str, value: str) -> str:
    """The id, when it can be part of a file name.

    Raises:
        BadArticle: otherwise.
    """
    if not _ID.match(value):
        raise BadArticle(name, "Use letters, digits and hyphens, at most 64.")
    return value


@dataclass(frozen=True)
class Shown:
    """A stored picture as pages refer to it."""

    file: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Card:
    """What overview pages know of an article. `wanted` is the slug asked for, `slug` the one it has."""

    content_id: str
    wanted: str
    slug: str
    title: str
    excerpt: str
    published_at: str
    updated_at: str
    categories: tuple[str, ...]
    minutes: int
    featured: Shown | None
    files: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Source:
    """Everything of an article that only its own page needs; stored by the hash of its text."""

    html: str
    meta_title: str
    meta_description: str
    tags: tuple[str, ...]
    pictures: dict[str, str]

    @classmethod
    def of(cls, article: Article) -> "Source":
        """The source of an article, with the files its pictures are stored as."""
        pictures = {p.id: p.file for p in article.all_pictures()}
        return cls(article.html, article.meta_title, article.meta_description, article.tags, pictures)

    def text(self) -> str:
        """The source as canonical JSON."""
        return canonical(asdict(self))

    @property
    def key(self) -> str:
        """The name under which the source is kept: the same source has the same name."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:32]

    @classmethod
    def parse(cls, text: str) -> "Source":
        """The source back from its text."""
        values = json.loads(text)
        return cls(**{**values, "tags": tuple(values["tags"])})


@dataclass(frozen=True)
class State:
    """One version of a site: its facts, its articles (newest first), the slugs that moved, and its pages' prints."""

    facts: SiteFacts
    cards: tuple[Card, ...] = ()
    redirects: Mapping[str, str] = field(default_factory=dict)
    prints: Mapping[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The path of the site on its server, without a slash at the end."""
        return f"/{self.facts.slug}"

    def card(self, content_id: str) -> Card | None:
        """The card of an article, where it is published."""
        return next((c for c in self.cards if c.content_id == content_id), None)

    def with_article(self, article: Article, source: Source, minutes: int) -> "State":
        """The state with the article added, or put in its own place."""
        old = self.card(article.content_id)
        others = [c for c in self.cards if c.content_id != article.content_id]
        slug = old.slug if old and old.wanted == article.slug else self._free_slug(article.slug, others)
        featured = article.featured
        card = Card(
            content_id=article.content_id,
            wanted=article.slug,
            slug=slug,
            title=article.title,
            excerpt=article.excerpt,
            published_at=article.published_at.isoformat(),
            updated_at=article.updated_at.isoformat(),
            categories=tuple(dict.fromkeys(c.strip() for c in article.categories if c.strip())),
            minutes=minutes,
            featured=Shown(featured.file, featured.alt, featured.width, featured.height) if featured else None,
            files=tuple(sorted({p.file for p in article.all_pictures()})),
            source=source.key,
        )
        redirects = {s: c for s, c in self.redirects.items() if s != slug}
        if old and old.slug != slug:
            redirects[old.slug] = article.content_id
        return replace(self, cards=_newest_first([*others, card]), redirects=redirects)

    def without_article(self, content_id: str) -> "State":
        """The state without an article and without the addresses that led to it."""
        cards = tuple(c for c in self.cards if c.content_id != content_id)
        return replace(self, cards=cards, redirects={s: c for s, c in self.redirects.items() if c != content_id})

    def _free_slug(self, wanted: str, others: Sequence[Card]) -> str:
        taken = RESERVED_SLUGS | {c.slug for c in others}
        number = 1
        slug = wanted
        while slug in taken:
            number += 1
            slug = f"{wanted}-{number}"
        return slug

    def text(self) -> str:
        """The state as canonical JSON."""
        return canonical(asdict(self))

    @classmethod
    def parse(cls, text: str) -> "State":
        """The state back from its text."""
        values = json.loads(text)
        cards = tuple(_card(row) for row in values["cards"])
        return cls(SiteFacts(**values["facts"]), cards, values["redirects"], values["prints"])


def _card(row: dict[str, Any]) -> Card:
    featured = Shown(**row["featured"]) if row["featured"] else None
    return Card(**{**row, "featured": featured, "categories": tuple(row["categories"]), "files": tuple(row["files"])})


def _newest_first(cards: Sequence[Card]) -> tuple[Card, ...]:
    by_id = sorted(cards, key=lambda c: c.content_id)
    return tuple(sorted(by_id, key=lambda c: datetime.fromisoformat(c.published_at), reverse=True))


def canonical(value: object) -> str:
    """JSON that is the same for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
