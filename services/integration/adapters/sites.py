"""The built-in sites: articles become pages of a static site, in a folder that a server of its own shows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.html import slugify
from chassis.passport import SiteClaim
from services.integration import sites
from services.integration.adapters.base import (
    Check,
    ConnectionReport,
    ContentRefused,
    DestinationBroken,
    DestinationBusy,
    DestinationError,
    PublishableContent,
    Published,
    PublishImage,
)

_BUSY_S = 2.0
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SitesPlace:
    """Where the built-in sites lie and are seen; `base_url` is scheme, host and port."""

    store: sites.SiteStore
    root: str
    base_url: str


class Sites:
    """A `Destination`: one site of the built-in ones.

    Args:
        place: where all of them are.
        site: whose pages these are.
    """

    def __init__(self, place: SitesPlace, site: SiteClaim) -> None:
        self._place = place
        self._site = site

    def test_connection(self) -> ConnectionReport:
        """See `Destination.test_connection`; there is only a folder to be wrong."""
        if os.path.isdir(self._place.root) and os.access(self._place.root, os.W_OK):  # noqa: PTH112 - beside os.access, which has no pathlib form
            return ConnectionReport((Check("folder", ok=True, detail="The pages' folder can be written."),))
        hint = f"Have the operator make the folder {self._place.root} writable for this service."
        return ConnectionReport((Check("folder", ok=False, detail="The pages' folder cannot be written.", hint=hint),))

    def find(self, content_id: str, slug: str) -> Published | None:
        """See `Destination.find`; the slug does not matter here."""
        del slug
        with _said_plainly():
            found = self._place.store.find(str(self._site.id), content_id)
        return self._published(content_id, found) if found else None

    def publish(self, content: PublishableContent) -> Published:
        """See `Destination.publish`. The store replaces an article by its content's id, so nothing comes twice."""
        with _said_plainly():
            stored = self._place.store.publish(str(self._site.id), self._facts(), _article(content))
        return self._published(content.content_id, stored)

    def _facts(self) -> sites.SiteFacts:
        name = self._site.name.strip() or self._site.domain or "Site"
        return sites.SiteFacts(
            name=name,
            slug=slugify(name, kind="site"),
            origin=self._place.base_url,
            tagline=self._site.industry,
            language=self._site.language or "en",
        )

    def _published(self, content_id: str, stored: sites.Published) -> Published:
        url = f"{self._place.base_url}{stored.url_path}"
        return Published(content_id, url, "published", metadata={"version": str(stored.version)})


def _article(content: PublishableContent) -> sites.Article:
    featured = next((image for image in content.images if image.role == "featured"), None)
    inside = sorted((image for image in content.images if image is not featured), key=lambda image: image.position)
    return sites.Article(
        content_id=content.content_id,
        title=content.title,
        slug=content.slug,
        html=content.html,
        published_at=content.publish_time or _NEVER,
        updated_at=content.update_time or content.publish_time or _NEVER,
        excerpt=content.excerpt,
        meta_title=content.meta_title,
        meta_description=content.meta_description,
        categories=content.categories,
        tags=content.tags,
        featured=_picture(featured) if featured else None,
        pictures=tuple(_picture(image) for image in inside),
    )


def _picture(image: PublishImage) -> sites.Picture:
    return sites.Picture(
        id=image.image_id,
        data=image.data(),
        alt=image.alt_text,
        media_type=image.mime_type,
        width=image.width,
        height=image.height,
    )


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Say the store's failures as a destination's."""
    try:
        yield
    except DestinationError:
        raise  # a picture that could not be fetched says so itself
    except sites.BadArticle as error:
        raise ContentRefused(f"The page cannot be made. {error}") from error
    except sites.SiteBusy as error:
        raise DestinationBusy(str(error), _BUSY_S) from error
    except OSError as error:
        problem = error.strerror or "unknown problem"
        raise DestinationBroken(f"The page could not be written ({problem}); look at the disk of the sites.") from error
