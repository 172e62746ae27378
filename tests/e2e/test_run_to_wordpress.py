"""A whole run that ends in a real WordPress: what arrives, that it arrives once, and what a wrong password is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.api import Json
from tests.e2e.installation import Customer, Installation, a_customer, a_site, wait_for
from tests.e2e.wordpress import WordPressSite
from tests.e2e.wordpress.proxy import Proxy, Rule, exactly, request

pytestmark = pytest.mark.wordpress

TOPICS = (
    "burr grinder for espresso", "best burr grinder", "burr grinder cleaning", "quiet burr grinder",
    "pour over kettle", "gooseneck kettle for pour over", "pour over kettle temperature", "electric pour over kettle",
    "french press ratio", "french press coffee ratio", "french press grind size", "how to use a french press",
)  # fmt: skip
PLAN = {"max_clusters": 2, "ideas_per_cluster": 3, "max_articles": 1, "images_per_article": 2}
EVERY_STATUS = "publish,future,draft,pending,private"


@dataclass(frozen=True)
class Blog:
    """A customer whose site is a WordPress, and what that says over its own REST interface.

    Args:
        customer: with WordPress as the only destination.
        wordpress: the site.
        gate: a proxy that stands before it and can lose answers.
        connection: the destination's row.
    """

    customer: Customer
    wordpress: WordPressSite
    gate: Proxy
    connection: Json

    def read(self, route: str, **query: object) -> Any:
        login = (self.wordpress.user, self.wordpress.application_password)
        asked = {"rest_route": f"/wp/v2/{route}", "context": "edit", **query}
        answer = requests.get(f"{self.wordpress.url}/", params=asked, auth=login, timeout=30)  # type: ignore[arg-type]  # requests turns any value to text
        answer.raise_for_status()
        return answer.json()

    def posts(self) -> list[Json]:
        return list(self.read("posts", status=EVERY_STATUS, per_page=100))

    def post(self, content: Json) -> Json:
        (found,) = self.read("posts", slug=content["slug"], status=EVERY_STATUS)
        return dict(found)

    def names(self, taxonomy: str, ids: list[int]) -> set[str]:
        return {term["name"] for term in self.read(taxonomy, include=",".join(map(str, ids)))} if ids else set()

    def write(self) -> Json:
        """Send one more article through a whole run; return it as the run left it."""
        before = {content["id"] for content in self._contents()}
        run = self.customer.start(auto_approve=True, auto_publish=True, **PLAN)
        done = self.customer.wait(run["id"])
        assert done["status"] == "completed", done
        assert [s["error"] for s in self.customer.steps(run["id"]) if s["status"] != "succeeded"] == []
        (content,) = [content for content in self._contents() if content["id"] not in before]
        return content

    def publish(self, content: Json) -> Json:
        plan = {"function": "publish_content", "subject_ids": [content["id"]]}
        run = self.customer.api.post(self.customer.path("runs"), {"plan": plan})
        return self.customer.wait(run["id"])

    def is_published(self, content: Json) -> bool:
        return bool(self.customer.api.get(self.customer.path(f"contents/{content['id']}"))["status"] == "published")

    def publication(self, content: Json) -> Json:
        chosen = f'content_id = "{content["id"]}"'
        (row,) = self.customer.api.all(self.customer.path("publications"), "publications", filter=chosen)
        return row

    def pictures(self, content: Json) -> dict[str, Json]:
        chosen = f'content_id = "{content["id"]}"'
        rows = self.customer.api.all(self.customer.path("images"), "images", filter=chosen)
        return {row["kind"]: row for row in rows}

    def _contents(self) -> list[Json]:
        return list(self.customer.api.all(self.customer.path("contents"), "contents"))


@pytest.fixture(scope="module")
def gate(wordpress: WordPressSite) -> Iterator[Proxy]:
    with Proxy(wordpress.url) as before:
        yield before


@pytest.fixture(scope="module")
def blog(
    installation: Installation, wordpress: WordPressSite, gate: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Blog:
    customer = a_customer(installation, "blog", platforms=())
    connection = connect(customer, gate.url, wordpress.user, wordpress.application_password)
    keywords: Path = tmp_path_factory.mktemp("blog") / "keywords.txt"
    keywords.write_text("\n".join(TOPICS))
    assert customer.upload(keywords)["status"] == "completed"
    return Blog(customer, wordpress, gate, connection)


@pytest.fixture(scope="module")
def article(blog: Blog) -> Json:
    """The first article that a run brought to the blog."""
    return blog.write()


def connect(customer: Customer, url: str, user: str, password: str) -> Json:
    credentials = {"username": user, "application_password": password}
    body = {"platform": "wordpress", "base_url": url, "credentials": credentials}
    return customer.api.post(customer.path("integrations"), body)


def test_what_a_run_wrote_is_read_back_whole(blog: Blog, article: Json) -> None:
    post, publication, pictures = blog.post(article), blog.publication(article), blog.pictures(article)
    wait_for(lambda: blog.is_published(article) or None, "the writer to hear of it", 10)
    assert (publication["status"], publication["warnings"], publication["error"]) == ("published", [], "")
    assert (publication["platform"], publication["external_id"]) == ("wordpress", str(post["id"]))
    assert post["status"] == "publish"
    assert (post["title"]["raw"], post["excerpt"]["raw"]) == (article["title"], article["excerpt"])
    assert blog.names("categories", post["categories"]) == set(article["categories"])
    assert blog.names("tags", post["tags"]) == set(article["tags"])
    assert article["categories"]
    assert set(pictures) == {"featured", "in_article"}
    featured = blog.read(f"media/{post['featured_media']}")
    assert featured["slug"] == f"igny8-{pictures['featured']['id']}"
    assert featured["alt_text"] == pictures["featured"]["alt_text"]


def test_its_pictures_lie_on_the_blog_and_a_reader_sees_them(blog: Blog, article: Json) -> None:
    post, inside = blog.post(article), blog.pictures(article)["in_article"]
    (medium,) = blog.read("media", slug=f"igny8-{inside['id']}")
    assert f'src="{medium["source_url"]}"' in post["content"]["raw"]
    assert medium["source_url"].startswith(blog.wordpress.url)
    picture = requests.get(medium["source_url"], timeout=30)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    page = requests.get(f"{blog.wordpress.url}/{article['slug']}/", timeout=30)
    assert page.status_code == 200
    assert medium["source_url"] in page.text


def test_published_again_by_hand_it_is_the_same_post(blog: Blog, article: Json) -> None:
    before, asked, publication = blog.posts(), len(blog.gate.seen), blog.publication(article)
    assert blog.publish(article)["status"] == "completed"
    assert len(blog.gate.seen) == asked  # nothing had changed: WordPress was not even asked
    assert [post["id"] for post in blog.posts()] == [post["id"] for post in before]
    assert blog.publication(article) == publication


def test_changed_and_published_again_it_is_the_same_post_with_the_change(blog: Blog, article: Json) -> None:
    before = blog.posts()
    blog.customer.patch(f"contents/{article['id']}", {"excerpt": "What to look for, in a minute."})
    assert blog.publish(article)["status"] == "completed"
    assert [post["id"] for post in blog.posts()] == [post["id"] for post in before]
    assert blog.post(article)["excerpt"]["raw"] == "What to look for, in a minute."


@pytest.mark.parametrize(
    "lost",
    [[exactly("POST", "/wp/v2/posts"), request("POST", "/media?")], [request("POST", "/wp/v2/posts/")]],
    ids=["draft and upload", "publishing update"],
)
def test_a_lost_answer_is_found_again_and_nothing_is_made_twice(blog: Blog, article: Json, lost: list[Rule]) -> None:
    assert article
    before, media, already = blog.posts(), blog.read("media", per_page=100), blog.gate.lost
    for rule in lost:
        blog.gate.lose(rule)
    written = blog.write()
    assert blog.gate.lost == already + len(lost)
    assert len(blog.posts()) == len(before) + 1
    assert len(blog.read("media", per_page=100)) == len(media) + 2
    assert blog.post(written)["status"] == "publish"
    assert blog.publication(written)["status"] == "published"


class TestConnection:
    def test_a_good_one_is_well_in_every_respect_and_keeps_its_secret(self, blog: Blog) -> None:
        path = blog.customer.path(f"integrations/{blog.connection['id']}")
        answer = blog.customer.api.post(f"{path}:test")
        assert answer["ok"]
        names = ["rest_api", "application_passwords", "credentials", "permissions"]
        assert [(check["name"], check["ok"]) for check in answer["checks"]] == [(name, True) for name in names]
        shown = blog.customer.api.get(path)
        assert shown["has_credentials"]
        assert blog.wordpress.application_password not in str(shown)

    def test_a_wrong_password_is_named_and_the_right_one_mends_it(self, blog: Blog) -> None:
        other = a_site(blog.customer, "blog-too", platforms=())
        row = connect(other, blog.gate.url, blog.wordpress.user, "wrong wrong wrong")
        test = other.path(f"integrations/{row['id']}:test")
        answer = other.api.post(test)
        assert not answer["ok"]
        assert (answer["checks"][-1]["name"], answer["checks"][-1]["ok"]) == ("credentials", False)
        assert "application password" in answer["checks"][-1]["hint"]
        login = {"username": blog.wordpress.user, "application_password": blog.wordpress.application_password}
        other.patch(f"integrations/{row['id']}", {"credentials": login})
        assert other.api.post(test)["ok"]
