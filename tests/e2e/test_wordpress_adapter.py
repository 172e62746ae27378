"""Publishing through the WordPress adapter to a real WordPress: once, whatever happens on the way."""

import json
from dataclasses import replace

import pytest

from services.integration.adapters.base import Destination, DestinationUnreachable, PermissionMissing
from tests.e2e.wordpress import WordPressSite
from tests.e2e.wordpress.articles import OUTBOUND, adapter, article, stored, user_of_role
from tests.e2e.wordpress.proxy import Proxy, Rule, exactly, request

pytestmark = pytest.mark.wordpress


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

    def test_a_long_alt_text_arrives_whole(self, wordpress: WordPressSite, destination: Destination) -> None:
        content = article()
        alt = "灰色の羊毛の靴下 " * 60
        featured = replace(content.images[0], alt_text=alt)
        destination.publish(replace(content, images=(featured, content.images[1])))
        assert stored(wordpress, content)["alt"].strip() == alt.strip()

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
