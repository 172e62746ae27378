"""The WordPress adapter against a real WordPress."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from chassis.outbound import OutboundClient
from services.integration.adapters.base import (
    AddressNotAllowed,
    CredentialsRefused,
    Destination,
    DestinationBroken,
    DestinationBusy,
    DestinationError,
    DestinationMisconfigured,
    DestinationUnreachable,
    PermissionMissing,
    PublishableContent,
    PublishImage,
    TransientDestinationError,
    UploadRefused,
)
from services.integration.adapters.wordpress import WordPress, WordPressConnection
from tests.e2e.wordpress import WordPressSite
from tests.e2e.wordpress.fixture import start_or_explain
from tests.e2e.wordpress.proxy import Canned, Proxy, Rule

pytestmark = pytest.mark.wordpress

OUTBOUND = OutboundClient(allow_loopback=True)


@pytest.fixture(scope="module")
def lossy(wordpress: WordPressSite) -> Iterator[Proxy]:
    with Proxy(wordpress.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(lossy: Proxy) -> Iterator[Proxy]:
    lossy.clear()
    yield lossy
    lossy.clear()


def adapter(site: WordPressSite, url: str = "", user: str = "", password: str = "") -> WordPress:
    connection = WordPressConnection(url or site.url, user or site.user, password or site.application_password)
    return WordPress(OUTBOUND, connection)


@pytest.fixture
def destination(wordpress: WordPressSite) -> Destination:
    return adapter(wordpress)


def user_of_role(site: WordPressSite, role: str) -> tuple[str, str]:
    """A new user of the site and its application password."""
    name = f"{role}{uuid.uuid4().hex[:8]}"
    password = site.run_php(
        f"$u = wp_insert_user(['user_login' => '{name}', 'user_pass' => '{name}', 'role' => '{role}']);"
        "echo WP_Application_Passwords::create_new_application_password($u, ['name' => 'igny8'])[0];"
    )
    return name, password


def picture(colour: str) -> Callable[[], bytes]:
    def draw() -> bytes:
        png = io.BytesIO()
        Image.new("RGB", (8, 8), colour).save(png, "PNG")
        return png.getvalue()

    return draw


def article(**changes: Any) -> PublishableContent:
    """An article whose names no other test has."""
    unique = uuid.uuid4().hex
    featured, inside = f"f{unique}", f"a{unique}"
    content = PublishableContent(
        content_id=str(uuid.uuid4()),
        title=f'Wool & "cotton" socks {unique[:6]}: who\'s warmer?',
        slug=f"wool-socks-{unique[:6]}",
        html=(
            "<h2>Wool</h2>\n<p>Warm &amp; soft.</p>\n"
            f'<figure><img src="igny8-image:{inside}" alt="A red sock"></figure>\n'
            '<h2>Cotton</h2>\n<p>Cool, see <a href="https://example.com/?a=1&amp;b=2">there</a>.</p>\n'
        ),
        excerpt="Which sock is warmer & why.",
        categories=(f"Socks & Co {unique[:6]}",),
        tags=(f"wool-{unique[:6]}", f"Größe {unique[:6]}"),
        images=(
            PublishImage(featured, "featured", 0, "x.png", "image/png", "A grey sock", picture("grey")),
            PublishImage(inside, "in_article", 1, "y.png", "image/png", "A red sock & more", picture("red")),
        ),
    )
    return replace(content, **changes)


def stored(site: WordPressSite, content: PublishableContent) -> dict[str, Any]:
    """What WordPress itself, asked in PHP, holds of a content; counts are of everything that could be double."""
    asked = {
        "id": content.content_id,
        "images": [f"igny8-{image.image_id}" for image in content.images],
        "terms": [*content.categories, *content.tags],
    }
    found = site.run_php(f"$asked = json_decode({php(json.dumps(asked))}, true); {_STORED}")
    parsed: dict[str, Any] = json.loads(found)
    return parsed


def php(text: str) -> str:
    """A PHP string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_STORED = """
$all = fn($type, $status) => get_posts(['post_type' => $type, 'post_status' => $status, 'numberposts' => -1]);
$posts = array_values(array_filter($all('post', ['any', 'trash']), fn($post) =>
    str_starts_with($post->post_name, 'igny8-' . $asked['id'])
    || str_contains($post->post_content, 'igny8:' . $asked['id'])));
$media = array_filter($all('attachment', 'any'), fn($item) =>
    array_filter($asked['images'], fn($name) => str_contains($item->guid, $name)));
$terms = array_filter(get_terms(['hide_empty' => false]), fn($term) =>
    in_array(html_entity_decode($term->name), $asked['terms'], true));
$counts = ['posts' => count($posts), 'media' => count($media), 'terms' => count($terms)];
$post = $posts[0] ?? null;
$thumb = $post ? (int) get_post_thumbnail_id($post) : 0;
echo wp_json_encode($counts + (! $post ? [] : [
    'title' => $post->post_title,
    'content' => $post->post_content,
    'rendered' => apply_filters('the_content', $post->post_content),
    'excerpt' => $post->post_excerpt,
    'status' => $post->post_status,
    'slug' => $post->post_name,
    'categories' => wp_get_post_terms($post->ID, 'category', ['fields' => 'names']),
    'tags' => wp_get_post_terms($post->ID, 'post_tag', ['fields' => 'names']),
    'thumbnail' => $thumb ? get_post_field('post_name', $thumb) : '',
    'alt' => get_post_meta($thumb, '_wp_attachment_image_alt', true),
]));
"""


class TestPublish:
    def test_everything_arrives(self, wordpress: WordPressSite, destination: Destination) -> None:
        content = article()
        published = destination.publish(content)
        assert published.warnings == ()
        assert published.status == "published"
        assert published.url == f"{wordpress.url}/{content.slug}/"
        held = stored(wordpress, content)
        assert held["title"] == content.title
        assert held["excerpt"] == content.excerpt
        assert (held["status"], held["slug"]) == ("publish", content.slug)
        assert held["categories"] == [name.replace("&", "&amp;") for name in content.categories]
        assert sorted(held["tags"]) == sorted(content.tags)
        assert (held["thumbnail"], held["alt"]) == (f"igny8-{content.images[0].image_id}", "A grey sock")
        address = f"/igny8-{content.images[1].image_id}.png"
        assert f'src="{wordpress.url}/wp-content/uploads' in held["content"]
        assert address in held["content"]
        assert "igny8-image:" not in held["content"]

    def test_readers_get_the_page_with_its_picture_and_no_empty_paragraph(
        self, wordpress: WordPressSite, destination: Destination
    ) -> None:
        content = article()
        published = destination.publish(content)
        page = OUTBOUND.request("GET", published.url)
        assert page.status == 200
        assert b"Warm &amp; soft." in page.body
        image = stored(wordpress, content)["content"].split('<img src="')[1].split('"')[0]
        assert OUTBOUND.request("GET", image).body.startswith(b"\x89PNG")
        assert "<p><!--" not in stored(wordpress, content)["rendered"]

    def test_again_is_the_same_post(self, wordpress: WordPressSite, destination: Destination) -> None:
        content = article()
        first = destination.publish(content)
        before = stored(wordpress, content)
        assert destination.publish(content) == first
        assert stored(wordpress, content) == before
        assert (before["posts"], before["media"], before["terms"]) == (1, 2, 3)

    def test_again_with_changes_writes_them_and_keeps_the_address(
        self, wordpress: WordPressSite, destination: Destination
    ) -> None:
        content = article()
        first = destination.publish(content)
        changed = replace(content, title="Another title", slug="another-slug", excerpt="")
        assert destination.publish(changed).url == first.url
        held = stored(wordpress, content)
        assert (held["posts"], held["title"], held["excerpt"]) == (1, "Another title", "")

    def test_a_post_whose_slug_someone_changed_is_found_by_its_mark(
        self, wordpress: WordPressSite, destination: Destination
    ) -> None:
        content = article()
        first = destination.publish(content)
        wordpress.run_php(f"wp_update_post(['ID' => {first.external_id}, 'post_name' => 'moved-by-hand']);")
        assert destination.publish(content).url.endswith("/moved-by-hand/")
        assert stored(wordpress, content)["posts"] == 1

    def test_a_strangers_post_at_our_slug_is_left_alone(
        self, wordpress: WordPressSite, destination: Destination
    ) -> None:
        content = article()
        stranger = wordpress.run_php(
            "echo wp_insert_post(['post_title' => 'Theirs', 'post_content' => 'Theirs',"
            f"'post_status' => 'publish', 'post_name' => '{content.slug}']);"
        )
        assert destination.find(content.content_id, content.slug) is None
        published = destination.publish(content)
        assert published.external_id != stranger
        assert published.url.endswith(f"/{content.slug}-2/")
        assert published.metadata["slug"] == f"{content.slug}-2"
        assert wordpress.run_php(f"echo get_post({stranger})->post_content;") == "Theirs"
        assert destination.publish(content).external_id == published.external_id

    def test_terms_that_exist_are_used(self, wordpress: WordPressSite, destination: Destination) -> None:
        content = article()
        wordpress.run_php(f"wp_insert_term('{content.categories[0].upper()}', 'category');")
        wordpress.run_php(f"wp_insert_term('{content.tags[0]}', 'post_tag');")
        assert destination.publish(content).status == "published"
        held = stored(wordpress, content)
        assert held["categories"] == [content.categories[0].upper().replace("&", "&amp;")]
        assert sorted(held["tags"]) == sorted(content.tags)

    def test_a_term_that_only_wordpress_knows_to_exist_is_used(
        self, wordpress: WordPressSite, destination: Destination, proxy: Proxy
    ) -> None:
        content = article(tags=("Wool <b>socks</b>",))  # stored without its markup, so the look-up misses it
        existing = wordpress.run_php("echo wp_insert_term('Wool socks', 'post_tag')['term_id'];")
        published = adapter(wordpress, proxy.url).publish(content)
        assert published.status == "published"
        assert any(exactly("POST", "/tags")(method, path) for method, path in proxy.seen)
        post_id = published.external_id
        tags = wordpress.run_php(f"echo json_encode(wp_get_post_tags({post_id}, ['fields' => 'ids']));")
        assert json.loads(tags) == [int(existing)]
        assert destination.publish(content) == published

    def test_a_featured_image_of_the_site_stays_where_we_bring_none(
        self, wordpress: WordPressSite, destination: Destination
    ) -> None:
        content = article()
        post_id = destination.publish(content).external_id
        again = destination.publish(replace(content, images=content.images[1:]))
        assert (again.external_id, again.status) == (post_id, "published")
        assert stored(wordpress, content)["thumbnail"] == f"igny8-{content.images[0].image_id}"

    def test_a_bare_article_needs_no_images_terms_or_excerpt(
        self, wordpress: WordPressSite, destination: Destination
    ) -> None:
        content = article(images=(), categories=(), tags=(), excerpt="", html="<p>Short.</p>")
        assert destination.publish(content).status == "published"
        assert stored(wordpress, content)["categories"] == ["Uncategorized"]

    def test_an_image_that_was_not_delivered_leaves_no_broken_picture(
        self, wordpress: WordPressSite, destination: Destination
    ) -> None:
        content = article()
        published = destination.publish(replace(content, images=content.images[:1]))
        assert published.status == "published_with_warnings"
        assert content.images[1].image_id in published.warnings[0]
        assert "<img" not in stored(wordpress, content)["content"]
        assert "<figure" not in stored(wordpress, content)["content"]

    def test_find_gives_what_publish_gave(self, destination: Destination) -> None:
        content = article()
        assert destination.find(content.content_id, content.slug) is None
        published = destination.publish(content)
        assert destination.find(content.content_id, content.slug) == published


class TestRoles:
    def test_an_author_publishes_and_the_mark_survives_its_filters(self, wordpress: WordPressSite) -> None:
        name, password = user_of_role(wordpress, "author")
        content = article(categories=())
        author = adapter(wordpress, user=name, password=password)
        first = author.publish(content)
        assert first.status == "published"
        wordpress.run_php(f"wp_update_post(['ID' => {first.external_id}, 'post_name' => 'x{name}']);")
        assert author.publish(content).external_id == first.external_id
        assert stored(wordpress, content)["posts"] == 1

    def test_a_category_an_author_may_not_make_is_a_warning(self, wordpress: WordPressSite) -> None:
        name, password = user_of_role(wordpress, "author")
        content = article()
        published = adapter(wordpress, user=name, password=password).publish(content)
        assert published.status == "published_with_warnings"
        assert content.categories[0] in published.warnings[0]

    def test_what_wordpress_filters_away_is_a_warning(self, wordpress: WordPressSite) -> None:
        name, password = user_of_role(wordpress, "author")
        content = article(html='<p>See</p><iframe src="https://example.com/"></iframe><p>End</p>', categories=())
        published = adapter(wordpress, user=name, password=password).publish(content)
        assert [warning.split(":")[0] for warning in published.warnings] == ["content"]

    def test_a_contributor_may_not_publish(self, wordpress: WordPressSite) -> None:
        name, password = user_of_role(wordpress, "contributor")
        with pytest.raises(PermissionMissing, match="Editor"):
            adapter(wordpress, user=name, password=password).publish(article(categories=(), tags=(), images=()))


def request(method: str, *parts: str) -> Rule:
    return lambda asked, path: asked == method and all(part in path for part in parts)


def exactly(method: str, ending: str) -> Rule:
    return lambda asked, path: asked == method and path.endswith(ending)


class TestLostAnswers:
    """The site acts, the answer never comes: the next call finds what was made."""

    KINDS = (
        ("look-up by slug", request("GET", "/posts?", "slug[]")),
        ("look-up by mark", request("GET", "/posts?", "search=")),
        ("draft", exactly("POST", "/wp/v2/posts")),
        ("category look-up", request("GET", "/categories?")),
        ("category", request("POST", "/categories")),
        ("tag look-up", request("GET", "/tags?")),
        ("tag", request("POST", "/tags")),
        ("media look-up", request("GET", "/media?")),
        ("first upload", request("POST", "/media?", "slug=igny8-f")),
        ("second upload", request("POST", "/media?", "slug=igny8-a")),
        ("publishing update", request("POST", "/wp/v2/posts/")),
        ("read-back", request("GET", "/wp/v2/posts/")),
    )

    @pytest.mark.parametrize("lost", [rule for _, rule in KINDS], ids=[name for name, _ in KINDS])
    def test_nothing_is_made_twice(self, wordpress: WordPressSite, proxy: Proxy, lost: Rule) -> None:
        content = article()
        destination = adapter(wordpress, proxy.url)
        proxy.lose(lost)
        with pytest.raises(DestinationUnreachable):
            destination.publish(content)
        assert proxy.lost == 1
        published = adapter(wordpress, proxy.url).publish(content)
        assert published.status == "published"
        assert published.url == f"{wordpress.url}/{content.slug}/"
        held = stored(wordpress, content)
        assert (held["posts"], held["media"], held["terms"]) == (1, 2, 3)

    def test_every_kind_of_request_is_in_the_table(self, wordpress: WordPressSite, proxy: Proxy) -> None:
        adapter(wordpress, proxy.url).publish(article())
        unknown = [(method, path) for method, path in proxy.seen if not any(r(method, path) for _, r in self.KINDS)]
        assert unknown == []
        unused = [name for name, rule in self.KINDS if not any(rule(m, p) for m, p in proxy.seen)]
        assert unused == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "error", "retry_after_s"),
        [
            (Canned(429, b"{}", (("Retry-After", "17"),)), DestinationBusy, 17.0),
            (Canned(503, b"maintenance", (("Retry-After", "soon"),)), DestinationBusy, None),
            (Canned(500, b"<h1>Fatal error</h1>"), DestinationBroken, None),
            (Canned(502, b""), DestinationBroken, None),
            (Canned(200, b"<html>captcha</html>"), DestinationBroken, None),
            (Canned(200, b'{"id": 1}'), DestinationBroken, None),
            (Canned(200, b'[{"id": "x"}]'), DestinationBroken, None),
        ],
    )
    def test_what_may_pass_is_transient(
        self,
        wordpress: WordPressSite,
        proxy: Proxy,
        answer: Canned,
        error: type[TransientDestinationError],
        retry_after_s: float | None,
    ) -> None:
        proxy.refuse(request("GET", "/posts?"), answer)
        with pytest.raises(error) as caught:
            adapter(wordpress, proxy.url).publish(article())
        assert caught.value.retry_after_s == retry_after_s

    @pytest.mark.parametrize(
        ("answer", "error", "says"),
        [
            (Canned(301, b"", (("Location", "https://www.example.com/"),)), DestinationMisconfigured, "www.example"),
            (Canned(403, b"<h1>Wordfence</h1>"), DestinationMisconfigured, "firewall"),
            (Canned(404, b"<h1>Not Found</h1>"), DestinationMisconfigured, "REST API"),
            (Canned(401, b""), CredentialsRefused, "Authorization header"),
        ],
    )
    def test_what_a_person_must_mend_is_permanent_and_says_so(
        self, wordpress: WordPressSite, proxy: Proxy, answer: Canned, error: type[DestinationError], says: str
    ) -> None:
        proxy.refuse(request("GET"), answer)
        with pytest.raises(error, match=says):
            adapter(wordpress, proxy.url).publish(article())

    def test_a_file_wordpress_refuses_is_permanent_although_it_answers_500(self, destination: Destination) -> None:
        program = PublishImage(uuid.uuid4().hex, "featured", 0, "x.exe", "application/x-msdownload", "", lambda: b"MZ")
        with pytest.raises(UploadRefused, match="rest_upload_sideload_error"):
            destination.publish(article(images=(program,)))

    def test_a_wrong_password(self, wordpress: WordPressSite) -> None:
        with pytest.raises(CredentialsRefused):
            adapter(wordpress, password="wrong wrong wrong").publish(article())

    def test_a_user_who_may_not_even_write(self, wordpress: WordPressSite) -> None:
        name, password = user_of_role(wordpress, "subscriber")
        with pytest.raises(PermissionMissing):
            adapter(wordpress, user=name, password=password).publish(article())

    def test_a_web_server_that_removes_the_credentials(self, wordpress: WordPressSite, proxy: Proxy) -> None:
        proxy.remove("Authorization")
        with pytest.raises(CredentialsRefused, match="removes the Authorization header"):
            adapter(wordpress, proxy.url).publish(article())

    def test_a_private_address_is_not_called(self, wordpress: WordPressSite) -> None:
        closed = OutboundClient()
        connection = WordPressConnection(wordpress.url.replace("http", "https"), "a", "b")
        with pytest.raises(AddressNotAllowed):
            WordPress(closed, connection).publish(article())

    def test_the_password_never_crosses_the_internet_in_the_clear(self) -> None:
        with pytest.raises(DestinationMisconfigured, match="https"):
            WordPress(OutboundClient(), WordPressConnection("http://1.1.1.1", "a", "b")).publish(article())
        assert "b" * 8 not in repr(WordPressConnection("http://1.1.1.1", "a", "b" * 8))


class TestConnectionTest:
    def outcome(self, destination: Destination) -> tuple[bool, str, str]:
        report = destination.test_connection()
        last = report.checks[-1]
        assert all(check.ok for check in report.checks[:-1])
        return report.ok, last.name, last.detail + last.hint

    def test_all_is_well(self, destination: Destination) -> None:
        report = destination.test_connection()
        assert report.ok
        names = ["rest_api", "application_passwords", "credentials", "permissions"]
        assert [check.name for check in report.checks] == names

    def test_a_wrong_password(self, wordpress: WordPressSite) -> None:
        ok, name, said = self.outcome(adapter(wordpress, password="wrong"))
        assert (ok, name) == (False, "credentials")
        assert "application password" in said

    def test_a_user_who_may_not_publish(self, wordpress: WordPressSite) -> None:
        user, password = user_of_role(wordpress, "contributor")
        ok, name, said = self.outcome(adapter(wordpress, user=user, password=password))
        assert (ok, name) == (False, "permissions")
        assert "publish_posts, upload_files" in said

    def test_an_author_is_told_about_categories(self, wordpress: WordPressSite) -> None:
        user, password = user_of_role(wordpress, "author")
        ok, name, said = self.outcome(adapter(wordpress, user=user, password=password))
        assert (ok, name) == (True, "permissions")
        assert "categories" in said

    def test_application_passwords_switched_off_are_told_from_a_wrong_password(self) -> None:
        with start_or_explain(environment="production") as site:
            ok, name, said = self.outcome(adapter(site))
        assert (ok, name) == (False, "application_passwords")
        assert "HTTPS" in said

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            (Canned(200, b"<html></html>"), "maintenance"),
            (Canned(200, b'{"namespaces": []}'), "not WordPress"),
            (Canned(403, b"<h1>Blocked</h1>"), "firewall"),
            (Canned(301, b"", (("Location", "https://www.example.com/wp-json/"),)), "www.example.com"),
            (Canned(404, b"nothing"), "no WordPress REST API"),
        ],
    )
    def test_what_stands_before_the_api_is_named(
        self, wordpress: WordPressSite, proxy: Proxy, answer: Canned, says: str
    ) -> None:
        proxy.refuse(request("GET"), answer)
        ok, name, said = self.outcome(adapter(wordpress, proxy.url))
        assert (ok, name) == (False, "rest_api")
        assert says in said

    def test_a_site_that_is_down(self) -> None:
        connection = WordPressConnection("http://127.0.0.1:9", "a", "b")
        ok, name, said = self.outcome(WordPress(OUTBOUND, connection))
        assert (ok, name) == (False, "rest_api")
        assert "whether the site is up" in said


class TestPlaces:
    def test_plain_permalinks(self, wordpress: WordPressSite, proxy: Proxy) -> None:
        proxy.refuse(lambda _, path: "/wp-json" in path, Canned(404, b"<h1>Not Found</h1>"))
        destination = adapter(wordpress, proxy.url + "/")
        assert destination.test_connection().ok
        content = article()
        assert destination.publish(content).status == "published"
        assert destination.publish(content).status == "published"
        assert stored(wordpress, content)["posts"] == 1

    def test_a_site_in_a_subfolder(self) -> None:
        with start_or_explain(subfolder="blog") as site:
            destination = adapter(site)
            assert destination.test_connection().ok
            content = article()
            assert destination.publish(content).url == f"{site.url}/{content.slug}/"
            assert stored(site, content)["media"] == 2
