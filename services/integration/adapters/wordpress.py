"""WordPress over its core REST API, with an application password; nothing is installed on the site.

Core REST stores no meta of ours, so a post is known by two marks:

- until it is published, its slug: `igny8-<content id>`;
- always, a comment in its content: `<!-- igny8:<content id> -->`. WordPress keeps comments for every role,
  and its search finds them, also when someone has changed the slug.

Publishing looks for the post by both, makes a draft under the first where there is none, brings terms and
media, and publishes with one update. Each of these is looked up before it is made, so an answer that was lost
at any point is found by the next call, and nothing is made twice. Calls for one content follow each other;
the caller sees to that.
"""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from chassis.outbound import OutboundClient
from services.integration.adapters.base import (
    ConnectionReport,
    DestinationBroken,
    PermissionMissing,
    PublishableContent,
    Published,
    PublishImage,
)
from services.integration.adapters.wordpress_doctor import examine
from services.integration.adapters.wordpress_rest import (
    Json,
    Params,
    RestRefused,
    WordPressConnection,
    WordPressRest,
)

__all__ = ["WordPress", "WordPressConnection"]

PAGE_MAX: Final = 100  # WordPress answers 400 beyond it
ALT_CHARS_IN_QUERY_MAX: Final = 160  # escaped they are up to twelve times as long
_POST_FIELDS: Final = "id,slug,status,link,title,excerpt,content,categories,tags,featured_media"
_IMAGE_TAG: Final = re.compile(r"""<img\b[^>]*?\bsrc=(["'])igny8-image:(?P<image_id>[^"']*)\1[^>]*>""", re.IGNORECASE)
_EMPTY_FIGURE: Final = re.compile(r"<figure\b[^>]*>\s*(?:<figcaption\b[^>]*>[^<]*</figcaption>\s*)?</figure>")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]")
_EXTENSIONS: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}
Taxonomy = Literal["categories", "tags"]
Value = TypeVar("Value")


@dataclass(frozen=True)
class _Post:
    """A post as WordPress gives it to those who may edit it."""

    post_id: int
    slug: str
    status: str
    link: str
    title: str
    excerpt: str
    content: str
    terms: dict[Taxonomy, frozenset[int]]
    featured_media: int


@dataclass(frozen=True)
class _Media:
    media_id: int
    url: str
    alt_text: str


@dataclass(frozen=True)
class _Wanted:
    """The fields of the publishing update, and what could not be had for it."""

    title: str
    content: str
    excerpt: str
    terms: dict[Taxonomy, frozenset[int]]
    featured_media: int  # 0: none of ours, the site's own choice stays
    warnings: tuple[str, ...]


class WordPress:
    """A `Destination`: one WordPress site.

    Args:
        outbound: how addresses of users are called.
        connection: the site and who publishes there.
    """

    def __init__(self, outbound: OutboundClient, connection: WordPressConnection) -> None:
        self._rest = WordPressRest(outbound, connection)

    def test_connection(self) -> ConnectionReport:
        """See `Destination.test_connection`; the checks are those of `wordpress_doctor`."""
        return examine(self._rest)

    def find(self, content_id: str, slug: str) -> Published | None:
        """See `Destination.find`. A draft that was not published yet is not found."""
        post = self._find_post(content_id, slug)
        if post is None or post.status != "publish":
            return None
        return _published(post, ())

    def publish(self, content: PublishableContent) -> Published:
        """See `Destination.publish`. A published post keeps its address; its content is written again."""
        post = self._find_post(content.content_id, content.slug) or self._create_draft(content)
        wanted = self._prepare(content)
        fields: dict[str, object] = {
            "title": wanted.title,
            "content": wanted.content,
            "excerpt": wanted.excerpt,
            "status": "publish",
            **{taxonomy: sorted(ids) for taxonomy, ids in wanted.terms.items() if ids},
        }
        if wanted.featured_media:
            fields["featured_media"] = wanted.featured_media
        if post.status != "publish":
            fields["slug"] = content.slug
        self._rest.post(f"/wp/v2/posts/{post.post_id}", fields)
        found = self._rest.get(f"/wp/v2/posts/{post.post_id}", {"context": "edit", "_fields": _POST_FIELDS})
        stored = _read(_post, found)
        return _published(stored, (*wanted.warnings, *_differences(wanted, stored)))

    # ── the post ──

    def _find_post(self, content_id: str, slug: str) -> _Post | None:
        """Ours by the draft's slug or the mark in its content; a stranger's post at our final slug is not."""
        mark = _mark(content_id)
        looks: tuple[Params, ...] = ({"slug[]": [_draft_slug(content_id), slug]}, {"search": mark})
        for look in looks:
            params: Params = {
                "status": "any",
                "context": "edit",
                "per_page": PAGE_MAX,
                "_fields": _POST_FIELDS,
            }
            for post in _read_list(_post, self._rest.get("/wp/v2/posts", {**params, **look})):
                if post.slug == _draft_slug(content_id) or mark in post.content:
                    return post
        return None

    def _create_draft(self, content: PublishableContent) -> _Post:
        fields = {
            "title": content.title,
            "content": f"<!-- {_mark(content.content_id)} -->",
            "slug": _draft_slug(content.content_id),
            "status": "draft",
        }
        return _read(_post, self._rest.post("/wp/v2/posts", fields))

    def _prepare(self, content: PublishableContent) -> _Wanted:
        warnings: list[str] = []
        terms: dict[Taxonomy, frozenset[int]] = {
            "categories": self._term_ids("categories", content.categories, warnings),
            "tags": self._term_ids("tags", content.tags, warnings),
        }
        media = {image.image_id: self._media(image) for image in content.images}
        featured = [media[image.image_id] for image in content.images if image.role == "featured"]
        body = _place_images(content.html, media, warnings)
        return _Wanted(
            title=content.title,
            content=_marked(body, content.content_id),
            excerpt=content.excerpt,
            terms=terms,
            featured_media=featured[0].media_id if featured else 0,
            warnings=tuple(warnings),
        )

    # ── terms ──

    def _term_ids(self, taxonomy: Taxonomy, names: tuple[str, ...], warnings: list[str]) -> frozenset[int]:
        found = set()
        for name in dict.fromkeys(name.strip() for name in names if name.strip()):
            try:
                found.add(self._term_id(taxonomy, name))
            except PermissionMissing as error:
                warnings.append(f"{taxonomy}: {name!r} does not exist and could not be made. {error}")
        return frozenset(found)

    def _term_id(self, taxonomy: Taxonomy, name: str) -> int:
        # WordPress stores names escaped, and searches what it stored.
        stored_name = html.escape(name, quote=False)
        params: Params = {"search": stored_name, "per_page": PAGE_MAX, "_fields": "id,name"}
        for term_id, term_name in _read_list(_term, self._rest.get(f"/wp/v2/{taxonomy}", params)):
            if term_name.casefold() == name.casefold():
                return term_id
        try:
            return _read(_id, self._rest.post(f"/wp/v2/{taxonomy}", {"name": name}))
        except RestRefused as refused:
            if refused.code != "term_exists":
                raise
            return _read(lambda data: int(data["term_id"]), refused.data)

    # ── media ──

    def _media(self, image: PublishImage) -> _Media:
        slug = f"igny8-{image.image_id}"
        params: Params = {"slug": slug, "_fields": "id,source_url,alt_text"}
        found = _read_list(_media, self._rest.get("/wp/v2/media", params))
        media = found[0] if found else self._upload(image, slug)
        if _plain(media.alt_text) != _plain(image.alt_text):
            self._rest.post(f"/wp/v2/media/{media.media_id}", {"alt_text": image.alt_text})
        return media

    def _upload(self, image: PublishImage, slug: str) -> _Media:
        # another ending than these is for WordPress to judge, but never a way out of the header's quotes
        ending = _UNSAFE.sub("", image.filename.rpartition(".")[2]) or "bin"
        filename = f"{slug}.{_EXTENSIONS.get(image.mime_type, ending)}"
        described = image.alt_text[:ALT_CHARS_IN_QUERY_MAX]  # a longer one follows, see `_media`
        params: Params = {"slug": slug, "title": described or slug, "alt_text": described}
        return _read(_media, self._rest.upload(params, image.data(), filename, image.mime_type))


def _draft_slug(content_id: str) -> str:
    return f"igny8-{content_id}"


def _mark(content_id: str) -> str:
    return f"igny8:{content_id}"


def _marked(body: str, content_id: str) -> str:
    """Put our mark inside the last element: on its own, WordPress would wrap it in an empty paragraph."""
    comment = f"<!-- {_mark(content_id)} -->"
    head, closing, tail = body.rstrip().rpartition("</")
    return f"{head}{comment}{closing}{tail}"


def _place_images(body: str, media: dict[str, _Media], warnings: list[str]) -> str:
    """Give the article's images their addresses; one that is not there leaves no broken picture behind."""

    def place(tag: re.Match[str]) -> str:
        found = media.get(tag["image_id"])
        if found is None:
            warnings.append(f"Image {tag['image_id']} is in the text but was not delivered; it was left out.")
            return ""
        address = html.escape(found.url)
        return tag[0].replace(f"igny8-image:{tag['image_id']}", address, 1)

    placed = _IMAGE_TAG.sub(place, body)
    return _EMPTY_FIGURE.sub("", placed) if placed != body else placed


def _differences(wanted: _Wanted, stored: _Post) -> Iterator[str]:
    """What WordPress, or a plugin in it, made of what was sent."""
    texts = (
        ("title", wanted.title, stored.title),
        ("excerpt", wanted.excerpt, stored.excerpt),
        ("content", wanted.content, stored.content),
    )
    for name, sent, kept in texts:
        if _plain(sent) != _plain(kept):
            yield f"{name}: WordPress stored something else than was sent; compare the post with the content."
    for taxonomy, ids in wanted.terms.items():
        if ids and ids != stored.terms[taxonomy]:
            yield f"{taxonomy}: WordPress stored {sorted(stored.terms[taxonomy])}, sent were {sorted(ids)}."
    if wanted.featured_media not in (0, stored.featured_media):
        yield f"featured image: WordPress stored {stored.featured_media}, sent was {wanted.featured_media}."
    if stored.status != "publish":
        yield f"status: WordPress made it {stored.status!r}; look at its editorial plugins."


def _plain(text: str) -> str:
    """Text without what WordPress may rightly change: entities and white space."""
    return " ".join(html.unescape(text).split())


def _published(post: _Post, warnings: tuple[str, ...]) -> Published:
    return Published(
        external_id=str(post.post_id),
        url=post.link,
        status="published_with_warnings" if warnings else "published",
        warnings=warnings,
        metadata={"slug": post.slug, "wordpress_status": post.status},
    )


# ── reading a stranger's JSON ──


def _read(shape: Callable[[Json], Value], found: Json) -> Value:
    try:
        return shape(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DestinationBroken(
            f"The site's answer lacks what WordPress always sends ({error!r}): look for a plugin that "
            "changes REST answers."
        ) from error


def _read_list(shape: Callable[[Json], Value], found: Json) -> list[Value]:
    if not isinstance(found, list):
        raise DestinationBroken(
            "The site answered no list where WordPress sends one: look for a plugin that changes answers."
        )
    return [_read(shape, one) for one in found]


def _post(found: Json) -> _Post:
    return _Post(
        post_id=int(found["id"]),
        slug=str(found["slug"]),
        status=str(found["status"]),
        link=str(found["link"]),
        title=str(found["title"]["raw"]),
        excerpt=str(found["excerpt"]["raw"]),
        content=str(found["content"]["raw"]),
        terms={
            "categories": frozenset(int(term) for term in found["categories"]),
            "tags": frozenset(int(term) for term in found["tags"]),
        },
        featured_media=int(found["featured_media"]),
    )


def _media(found: Json) -> _Media:
    return _Media(int(found["id"]), str(found["source_url"]), html.unescape(str(found["alt_text"])))


def _term(found: Json) -> tuple[int, str]:
    return int(found["id"]), html.unescape(str(found["name"]))


def _id(found: Json) -> int:
    return int(found["id"])
