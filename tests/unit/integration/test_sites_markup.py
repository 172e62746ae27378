"""The bodies of articles on the built-in sites."""

import pytest

from services.integration.domain import HTML_CHARS_MAX
from services.integration.sites import BadArticle
from services.integration.sites.markup import body, with_anchors
from tests.unit.chassis.xss_corpus import PLACES, Live, standing_in

LAZY = ' loading="lazy"'
PICTURES = {"p1": "/shop/images/1.png"}


def live(html: str) -> list[str]:
    """What is live in an article's body as it is shown; our own anchors are not."""
    shown, _ = with_anchors(body(html, PICTURES))
    return [found for found in Live(shown.replace(LAZY, "")).found if not found.startswith("h2 id=section-")]


class TestBody:
    @pytest.mark.parametrize("place", PLACES)
    def test_nothing_live_is_shown(self, place: str) -> None:
        assert {html: live(html) for html in standing_in(place) if live(html)} == {}

    @pytest.mark.parametrize(
        ("source", "shown"),
        [
            ("igny8-image:p1", ' src="/shop/images/1.png"'),
            ("/shop/images/1.png", ' src="/shop/images/1.png"'),
            ("https://example.com/a.png", ' src="https://example.com/a.png"'),
            ("igny8-image:p2", ""),
            ("http://example.com/a.png", ""),
            ("/etc/a.png", ""),
            ("a.png", ""),
        ],
    )
    def test_pictures_are_ours_or_come_over_https_and_load_late(self, source: str, shown: str) -> None:
        assert body(f'<img src="{source}" alt="a">', PICTURES) == f'<img{shown} alt="a"{LAZY}>'

    def test_a_tag_in_the_text_of_a_picture_stays_text(self) -> None:
        html = '<p>a &lt;img&gt;<img src="https://example.com/a.png" alt="&lt;img src=x&gt;"></p>'
        assert body(html, {}) == html.replace('"></p>', f'"{LAZY}></p>')

    def test_more_than_an_article_is_refused_by_its_field(self) -> None:
        with pytest.raises(BadArticle, match="html: The HTML has") as caught:
            body("x" * (HTML_CHARS_MAX + 1), {})
        assert caught.value.field == "html"
