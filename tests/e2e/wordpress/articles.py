"""What the adapter's tests publish, whom as, and what WordPress itself says it holds afterwards."""

import io
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PIL import Image

from chassis.outbound import OutboundClient
from services.integration.adapters.base import PublishableContent, PublishImage
from services.integration.adapters.wordpress import WordPress, WordPressConnection
from tests.e2e.wordpress.site import WordPressSite

OUTBOUND = OutboundClient(allow_loopback=True)


def adapter(site: WordPressSite, url: str = "", user: str = "", password: str = "") -> WordPress:
    connection = WordPressConnection(url or site.url, user or site.user, password or site.application_password)
    return WordPress(OUTBOUND, connection)


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
