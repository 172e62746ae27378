"""Publishing to the built-in sites: versions, addresses, what is written again, and what never is."""

import re
import threading
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from services.integration.sites import (
    Article,
    BadArticle,
    Picture,
    Published,
    SiteBusy,
    SiteFacts,
    SiteStore,
    UnknownVersion,
)

FACTS = SiteFacts("Morning Ritual", "morning-ritual", "http://127.0.0.1:8090", "Good coffee at home")
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
IDS = [f"0192d3a4-0000-7000-8000-00000000000{n}" for n in range(9)]


def article(number: int = 0, **changes: Any) -> Article:
    values: dict[str, Any] = {
        "content_id": f"content-{number}",
        "title": f"Article {number}",
        "slug": f"article-{number}",
        "html": "<p>Text.</p><h2>One</h2><p>a</p><h2>Two</h2><p>b</p><h2>Three</h2><p>c</p>",
        "published_at": START + timedelta(days=number),
        "updated_at": START + timedelta(days=number),
        "excerpt": f"About {number}.",
        "categories": ("Grinders",),
        "tags": ("burr",),
    }
    return Article(**{**values, **changes})


@pytest.fixture
def store(tmp_path: Path) -> SiteStore:
    return SiteStore(tmp_path)


def read(root: Path, path: str, site_id: str = "site") -> str:
    return (root / site_id / "current" / path).read_text("utf-8")


def inodes(root: Path, site_id: str = "site") -> dict[str, int]:
    folder = (root / site_id / "current").resolve()
    return {str(p.relative_to(folder)): p.stat().st_ino for p in folder.rglob("*") if p.is_file()}


class Strict(HTMLParser):
    """Reads a page and fails on anything that could run, or on tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.faults: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.faults += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag in {"script", "style", "iframe"}:
            self.faults.append(tag)
        if tag not in {"meta", "link", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> does not match")


class TestPublish:
    def test_makes_the_article_the_overviews_and_the_files_for_machines(self, store: SiteStore, tmp_path: Path) -> None:
        assert store.publish("site", FACTS, article()) == Published("/morning-ritual/article-0/", 1)
        for path in ("index.html", "article-0/index.html", "category/grinders/index.html", "feed.xml", "sitemap.xml"):
            assert "article-0" in read(tmp_path, path), path
        assert {"robots.txt", "404.html", "assets/icon.svg"} <= set(inodes(tmp_path))

    def test_the_same_article_again_is_the_same_page_and_no_new_version(self, store: SiteStore) -> None:
        assert store.publish("site", FACTS, article()) == store.publish("site", FACTS, article())
        assert store.versions("site") == [1]

    def test_a_changed_article_takes_the_place_of_what_it_was(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article())
        assert store.publish("site", FACTS, article(html="<p>New text.</p>")) == Published(
            "/morning-ritual/article-0/", 2
        )
        assert "New text." in read(tmp_path, "article-0/index.html")
        assert read(tmp_path, "index.html").count('<article class="card') == 1

    def test_two_articles_with_one_slug_have_two_addresses_that_stay(self, store: SiteStore) -> None:
        one = store.publish("site", FACTS, article(1, slug="same"))
        two = store.publish("site", FACTS, article(2, slug="same"))
        assert (one.url_path, two.url_path) == ("/morning-ritual/same/", "/morning-ritual/same-2/")
        again = store.publish("site", FACTS, article(2, slug="same", title="Changed"))
        assert again.url_path == two.url_path

    @pytest.mark.parametrize("slug", ["category", "images", "page", "assets"])
    def test_an_article_cannot_take_an_address_of_the_site_itself(self, store: SiteStore, slug: str) -> None:
        assert store.publish("site", FACTS, article(slug=slug)).url_path == f"/morning-ritual/{slug}-2/"

    def test_a_changed_slug_leads_on_from_the_old_address(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article(slug="old"))
        assert store.publish("site", FACTS, article(slug="new")).url_path == "/morning-ritual/new/"
        assert 'content="0; url=/morning-ritual/new/"' in read(tmp_path, "old/index.html")
        assert "/old/" not in read(tmp_path, "sitemap.xml")

    def test_an_old_address_can_be_taken_by_another_article(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article(1, slug="old"))
        store.publish("site", FACTS, article(1, slug="new"))
        store.publish("site", FACTS, article(2, slug="old"))
        assert "<h1>Article 2</h1>" in read(tmp_path, "old/index.html")

    def test_two_sites_that_want_one_address_get_two(self, store: SiteStore) -> None:
        one, two = (store.publish(site, FACTS, article()).url_path for site in ("a", "b"))
        assert (one, two) == ("/morning-ritual/article-0/", "/morning-ritual-2/article-0/")
        assert store.publish("b", FACTS, article(1)).url_path == "/morning-ritual-2/article-1/"

    def test_find_tells_where_an_article_stands(self, store: SiteStore) -> None:
        assert store.find("site", "content-0") is None
        published = store.publish("site", FACTS, article())
        assert store.find("site", "content-0") == published


class TestIncremental:
    def test_what_did_not_change_is_the_same_file(self, store: SiteStore, tmp_path: Path) -> None:
        for number in range(9):
            store.publish("site", FACTS, article(number, categories=("Grinders" if number % 2 else "Kettles",)))
        before = inodes(tmp_path)
        store.publish("site", FACTS, article(3, html="<p>New.</p>"))
        after = inodes(tmp_path)
        changed = {path for path in after if before.get(path) != after[path]}
        assert "article-3/index.html" in changed
        untouched = {"article-0/index.html", "article-4/index.html", "category/kettles/index.html", "robots.txt"}
        assert untouched.isdisjoint(changed)

    def test_an_earlier_version_keeps_its_bytes(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article(excerpt="First."))
        store.publish("site", FACTS, article(excerpt="Second."))
        assert "First." in (tmp_path / "site/versions/1/index.html").read_text("utf-8")

    def test_incremental_and_fresh_give_the_same_site(self, store: SiteStore, tmp_path: Path) -> None:
        articles = [article(n, categories=("A", "B")[n % 2 :]) for n in range(20)]
        for item in (*articles, articles[4], replace(articles[5], title="Other")):
            store.publish("site", FACTS, item)
        fresh = SiteStore(tmp_path / "fresh")
        for item in reversed([*articles[:5], replace(articles[5], title="Other"), *articles[6:]]):
            fresh.publish("site", FACTS, item)
        one, two = ((root / "site/current").resolve() for root in (tmp_path, tmp_path / "fresh"))
        files = {str(p.relative_to(one)): p.read_bytes() for p in one.rglob("*") if p.is_file()}
        assert files == {str(p.relative_to(two)): p.read_bytes() for p in two.rglob("*") if p.is_file()}

    def test_many_articles_are_divided_into_pages(self, store: SiteStore, tmp_path: Path) -> None:
        for number in range(15):
            store.publish("site", FACTS, article(number))
        assert read(tmp_path, "index.html").count('<article class="card') == 13
        assert read(tmp_path, "page/2/index.html").count('<article class="card') == 2
        assert 'rel="next" href="/morning-ritual/page/2/"' in read(tmp_path, "index.html")


class TestPictures:
    def with_pictures(self, data: bytes = b"one") -> Article:
        html = f'<figure><img src="igny8-image:{IDS[1]}" alt="x"></figure><img src="igny8-image:{IDS[5]}" alt="gone">'
        return article(html=html, featured=Picture(IDS[0], b"cover", "A cover", width=1200, height=630),
                       pictures=(Picture(IDS[1], data),))  # fmt: skip

    def test_are_copied_and_shown_from_their_own_address(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, self.with_pictures())
        page = read(tmp_path, "article-0/index.html")
        shown = re.findall(r'<img src="/morning-ritual/(images/[0-9a-f]{20}\.png)"', page)
        assert [(tmp_path / "site/current" / path).read_bytes() for path in shown[:2]] == [b"cover", b"one"]
        assert "igny8-image" not in page
        assert 'width="1200" height="630"' in page

    def test_one_that_is_used_no_more_leaves_the_site(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, self.with_pictures(b"one"))
        store.publish("site", FACTS, self.with_pictures(b"two"))
        files = (tmp_path / "site/current/images").iterdir()
        assert {p.read_bytes() for p in files} == {b"cover", b"two"}

    def test_of_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(BadArticle, match="image/svg"):
            Picture(IDS[0], b"<svg onload=alert(1)>", media_type="image/svg+xml")


class TestRetractAndRollback:
    def test_a_retracted_article_is_gone_everywhere(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article(1, slug="old", categories=("Only here",)))
        store.publish("site", FACTS, article(1, slug="new", categories=("Only here",)))
        store.publish("site", FACTS, article(2))
        assert store.retract("site", "content-1") == Published("/morning-ritual/", 4)
        left = inodes(tmp_path)
        assert not {"old/index.html", "new/index.html", "category/only-here/index.html"} & set(left)
        assert "Article 1" not in read(tmp_path, "index.html") + read(tmp_path, "feed.xml")

    def test_retracting_what_is_not_there_does_nothing(self, store: SiteStore) -> None:
        assert store.retract("site", "content-1") is None
        assert store.versions("site") == []

    def test_a_site_without_articles_is_still_a_site(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article())
        store.retract("site", "content-0")
        assert "Nothing has been published yet." in read(tmp_path, "index.html")

    def test_rollback_shows_an_earlier_version_and_the_next_goes_on_from_it(
        self, store: SiteStore, tmp_path: Path
    ) -> None:
        store.publish("site", FACTS, article(1))
        store.publish("site", FACTS, article(2))
        assert store.rollback("site", 1).version == 1
        assert store.find("site", "content-2") is None
        assert store.publish("site", FACTS, article(3)).version == 3
        assert "Article 2" not in read(tmp_path, "index.html")

    def test_a_version_that_is_not_kept_is_named_with_those_that_are(self, store: SiteStore) -> None:
        store.publish("site", FACTS, article())
        with pytest.raises(UnknownVersion, match=r"no version 7; kept are: 1"):
            store.rollback("site", 7)

    def test_old_versions_are_dropped_and_never_the_shown_one(self, tmp_path: Path) -> None:
        store = SiteStore(tmp_path, keep=3)
        for number in range(6):
            store.publish("site", FACTS, article(number))
        assert store.versions("site") == [4, 5, 6]
        assert sorted(p.name for p in (tmp_path / "site/state").iterdir()) == ["4.json", "5.json", "6.json"]


class TestCrashAndConcurrency:
    def test_what_a_crash_left_behind_is_cleared_away(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article(1))
        left = tmp_path / "site/versions/.building-2/article-9"
        left.mkdir(parents=True)
        (left / "index.html").write_text("half")
        (tmp_path / "site/.current-new").symlink_to("versions/9")
        assert store.publish("site", FACTS, article(2)).version == 2
        assert "article-9/index.html" not in inodes(tmp_path)

    def test_a_version_that_was_made_but_never_shown_is_stepped_over(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article(1))
        (tmp_path / "site/versions/2").mkdir()
        assert store.publish("site", FACTS, article(2)).version == 3

    def test_many_at_once_lose_nothing(self, tmp_path: Path) -> None:
        stores = [SiteStore(tmp_path) for _ in range(8)]
        threads = [
            threading.Thread(target=store.publish, args=("site", FACTS, article(n))) for n, store in enumerate(stores)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(SiteStore(tmp_path).versions("site")) == list(range(1, 9))
        assert read(tmp_path, "index.html").count('<article class="card') == 8

    def test_waiting_for_the_lock_has_an_end(self, tmp_path: Path) -> None:
        patient, hasty = SiteStore(tmp_path), SiteStore(tmp_path, lock_timeout_s=0.05)
        with patient._locked("site"), pytest.raises(SiteBusy, match=r"0\.05 s"):
            hasty.publish("site", FACTS, article())


class TestPages:
    HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&$base ${nav} {0}"

    def test_everything_is_escaped_everywhere(self, store: SiteStore, tmp_path: Path) -> None:
        facts = replace(FACTS, name=self.HOSTILE, tagline=self.HOSTILE)
        bad = article(title=self.HOSTILE, html=f"<h2>{self.HOSTILE}</h2>" * 3, excerpt=self.HOSTILE,
                      meta_title=self.HOSTILE, meta_description=self.HOSTILE, categories=(self.HOSTILE,),
                      tags=(self.HOSTILE,), featured=Picture(IDS[0], b"x", self.HOSTILE))  # fmt: skip
        store.publish("site", facts, bad)
        store.publish("site", facts, replace(bad, slug="moved"))
        pages = [p for p in inodes(tmp_path) if p.endswith(".html")]
        assert len(pages) == 5
        for path in pages:
            assert Strict(read(tmp_path, path)).faults == [], path
        for path in ("feed.xml", "sitemap.xml", "assets/icon.svg"):
            ET.fromstring(read(tmp_path, path))  # noqa: S314 - the document is the one written a line above

    def test_headings_inside_attributes_are_not_headings(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article(html='<p><img src="https://example.com/a.png" alt="<h2>no</h2>"></p>'))
        assert Strict(read(tmp_path, "article-0/index.html")).faults == []

    def test_every_internal_link_leads_somewhere(self, store: SiteStore, tmp_path: Path) -> None:
        for number in range(15):
            store.publish("site", FACTS, article(number, categories=(f"Category {number % 3}",)))
        there = inodes(tmp_path)
        for path in (p for p in there if p.endswith(".html")):
            for link in Strict(read(tmp_path, path)).links:
                target = link.removeprefix(FACTS.origin).removeprefix("/morning-ritual/")
                if not link.startswith("#"):
                    assert f"{target}index.html" in there or target in there, (path, link)

    def test_no_script_and_a_policy_that_forbids_them(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article())
        page = read(tmp_path, "article-0/index.html")
        assert "<script" not in page
        assert "default-src 'none'; img-src 'self' https:; style-src 'self'" in page

    def test_a_page_tells_its_time_language_and_place(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", replace(FACTS, language="en-GB"), article())
        page = read(tmp_path, "article-0/index.html")
        assert '<html lang="en-GB">' in page
        assert '<time datetime="2026-03-01T09:00:00+00:00">1 March 2026</time>' in page
        assert '<link rel="canonical" href="http://127.0.0.1:8090/morning-ritual/article-0/">' in page

    def test_contents_lead_to_the_sections(self, store: SiteStore, tmp_path: Path) -> None:
        store.publish("site", FACTS, article())
        page = read(tmp_path, "article-0/index.html")
        assert '<a href="#section-2">Two</a>' in page
        assert '<h2 id="section-2">Two</h2>' in page


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"slug": "../x"}, "slug"),
            ({"slug": "UPPER"}, "slug"),
            ({"slug": ""}, "slug"),
            ({"slug": "-x"}, "slug"),
            ({"slug": "x\n"}, "slug"),
            ({"title": " "}, "title"),
            ({"content_id": "../../etc"}, "content_id"),
            ({"published_at": datetime(2026, 1, 1)}, "published_at"),  # noqa: DTZ001 - the missing zone is the case
        ],
    )
    def test_an_article_that_cannot_be_shown_names_its_field(self, changes: dict[str, Any], field: str) -> None:
        with pytest.raises(BadArticle) as caught:
            article(**changes)
        assert caught.value.field == field

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": ""}, "site.name"),
            ({"slug": ".slugs"}, "site.slug"),
            ({"origin": "javascript:alert(1)"}, "site.origin"),
            ({"origin": "http://x/path"}, "site.origin"),
            ({"language": 'en" onload="x'}, "site.language"),
        ],
    )
    def test_a_site_that_cannot_be_shown_names_its_field(self, changes: dict[str, str], field: str) -> None:
        with pytest.raises(BadArticle) as caught:
            replace(FACTS, **changes)
        assert caught.value.field == field

    @pytest.mark.parametrize("site_id", ["", "..", ".slugs", "a/b", "a\x00b", "x" * 65])
    def test_a_site_id_cannot_leave_its_folder(self, store: SiteStore, site_id: str) -> None:
        with pytest.raises(BadArticle, match="site_id"):
            store.publish(site_id, FACTS, article())
