"""The destination `sites`: what it makes of a content, and how its failures read."""

import errno
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.testing.service import a_site
from services.integration.adapters.base import (
    ContentRefused,
    DestinationBroken,
    DestinationBusy,
    DestinationError,
    PictureMissing,
    PublishableContent,
    PublishImage,
)
from services.integration.adapters.sites import Sites, SitesPlace
from services.integration.sites import SiteBusy, SiteStore

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONTENT_ID = "0197a1b2-0000-7000-8000-000000000001"


def content(**changes: object) -> PublishableContent:
    image = PublishImage("p1", "featured", 0, "p1.png", "image/png", "A sock", lambda: b"\x89PNG", 16, 9)
    values: dict[str, object] = {
        "content_id": CONTENT_ID,
        "title": "Socks",
        "slug": "socks",
        "html": "<p>Warm.</p>",
        "images": (image,),
        "publish_time": NOON,
    }
    return PublishableContent(**{**values, **changes})  # type: ignore[arg-type]  # a test's own table of fields


@pytest.fixture
def adapter(tmp_path: Path) -> Sites:
    place = SitesPlace(SiteStore(tmp_path, lock_timeout_s=0.05), str(tmp_path), "https://sites.example")
    return Sites(place, a_site(name="Coffee Corner"))


class TestPublish:
    def test_the_page_is_below_the_sites_own_address(self, adapter: Sites) -> None:
        published = adapter.publish(content())
        assert published.url == "https://sites.example/coffee-corner/socks/"
        assert (published.external_id, published.status, published.metadata) == (
            CONTENT_ID,
            "published",
            {"version": "1"},
        )
        assert adapter.find(CONTENT_ID, "") == published

    def test_again_is_the_same_page_and_no_new_version(self, adapter: Sites) -> None:
        assert adapter.publish(content()) == adapter.publish(content())

    def test_what_was_never_published_is_not_found(self, adapter: Sites) -> None:
        assert adapter.find(CONTENT_ID, "socks") is None

    @pytest.mark.parametrize("changes", [{"title": " "}, {"slug": "Not a slug"}])
    def test_a_content_that_is_no_page_says_which_field(self, adapter: Sites, changes: dict[str, object]) -> None:
        with pytest.raises(ContentRefused, match=next(iter(changes))):
            adapter.publish(content(**changes))

    def test_a_missing_picture_says_so_itself(self, adapter: Sites) -> None:
        def gone() -> bytes:
            raise PictureMissing("The file is gone.")

        image = PublishImage("p1", "featured", 0, "p1.png", "image/png", "A sock", gone)
        with pytest.raises(PictureMissing):
            adapter.publish(content(images=(image,)))


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "said_as", "says"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), DestinationBroken, "No space left"),
            (SiteBusy("s", 15), DestinationBusy, "try again"),
        ],
    )
    def test_what_may_pass_is_transient(
        self, adapter: Sites, error: Exception, said_as: type[DestinationError], says: str
    ) -> None:
        def in_the_way() -> bytes:  # raised from within the store's work, where the picture's bytes are taken
            raise error

        image = PublishImage("p1", "featured", 0, "p1.png", "image/png", "A sock", in_the_way)
        with pytest.raises(said_as, match=says):
            adapter.publish(content(images=(image,)))

    def test_a_folder_that_is_not_there_is_found_by_the_test(self, tmp_path: Path) -> None:
        root = tmp_path / "gone"
        report = Sites(SitesPlace(SiteStore(root), str(root), "https://sites.example"), a_site()).test_connection()
        assert not report.ok
        assert str(root) in report.checks[0].hint
