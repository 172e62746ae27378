"""Cleaning HTML, what a reader sees of it, and addresses from titles."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.html import (
    CHARS_MAX,
    TAGS,
    HtmlTooLong,
    clean,
    count_words,
    is_web,
    lasting_source,
    slugify,
    text_of,
)
from tests.unit.chassis.xss_corpus import CORPUS, MARKUP, PLACES, TECHNIQUES, Live, standing_in

IMAGE = "igny8-image:0192d3a4-0000-7000-8000-000000000000"


class TestClean:
    @pytest.mark.parametrize("place", PLACES)
    def test_nothing_live_is_left(self, place: str) -> None:
        cleaned = {html: clean(html) for html in standing_in(place)}
        assert {html: Live(text).found for html, text in cleaned.items() if Live(text).found} == {}
        assert {html: text for html, text in cleaned.items() if clean(text) != text} == {}

    def test_the_corpus_is_large_and_without_repetition(self) -> None:
        assert len(set(TECHNIQUES)) == len(TECHNIQUES) >= 120
        assert len(set(CORPUS)) == len(CORPUS) >= 500

    def test_the_probe_sees_what_is_live(self) -> None:
        assert Live("<img src=x onerror=alert(1)><script>").found == ["img onerror=alert(1)", "<script>"]

    @given(MARKUP)
    def test_any_markup_is_made_safe_and_stays_as_it_is(self, html: str) -> None:
        cleaned = clean(html)
        assert Live(cleaned).found == []
        assert clean(cleaned) == cleaned

    @pytest.mark.parametrize(
        "html",
        [
            "<h2>One</h2><p>Text with <strong>weight</strong> and <em>stress</em>.</p>",
            "<ul><li>a</li><li>b</li></ul><ol><li>c</li></ol>",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>",
            "<blockquote><p>said</p></blockquote>",
            '<figure><img src="https://example.com/a.png" alt="a"></figure>',
            f'<figure><img src="{IMAGE}" alt="a"><figcaption>b</figcaption></figure>',
            '<img src="/images/a.png" alt=""><img src="images/a-1.png" alt="">',
            '<p><a href="https://example.com/a?b=1&amp;c=2" rel="noopener noreferrer">x</a></p>',
        ],
    )
    def test_what_is_allowed_is_left_untouched(self, html: str) -> None:
        assert clean(html) == html

    @pytest.mark.parametrize(
        ("html", "cleaned"),
        [
            ("<h1>One</h1><div><p>Two</p></div>", "One<p>Two</p>"),
            ("<p>a<b>c</b></p>", "<p>ac</p>"),
            ("<p>a<script>b</script>c</p>", "<p>ac</p>"),
            ("<p>one<p>two", "<p>one</p><p>two</p>"),
        ],
    )
    def test_text_survives_the_loss_of_its_tag(self, html: str, cleaned: str) -> None:
        assert clean(html) == cleaned

    @pytest.mark.parametrize(
        "unit", ["<ul><li>", "<table><tr><td>", "<em>", "<a>", "<p>", "<b><p>", "<blockquote>", "<li>x", "<td>x"]
    )
    def test_deep_nesting_takes_no_long_time(self, unit: str) -> None:
        start = time.process_time()
        cleaned = clean(unit * 20_000)
        count_words(cleaned)
        assert time.process_time() - start < 2

    def test_more_than_an_article_is_refused(self) -> None:
        with pytest.raises(HtmlTooLong, match="500,001"):
            clean("x" * (CHARS_MAX + 1))

    def test_what_becomes_more_than_an_article_by_escaping_is_refused(self) -> None:
        with pytest.raises(HtmlTooLong, match=r"15 characters; at most 10 "):
            clean("&&&", chars_max=10)

    def test_what_fits_once_fits_again(self) -> None:
        cleaned = clean("&" * (CHARS_MAX // 5))
        assert len(cleaned) == CHARS_MAX
        assert clean(cleaned) == cleaned

    @pytest.mark.parametrize(
        ("source", "kept"),
        [
            ("https://example.com/a.png", True),
            ("/wp-content/a.png", True),
            (IMAGE, True),
            ("a.png", False),
            ("//evil.example/a.png", False),
            ("data:image/png;base64,iVBORw0KGgo=", False),
            ("igny8-image:p1", False),
        ],
    )
    def test_a_caller_can_keep_what_is_the_same_on_every_page(self, source: str, kept: bool) -> None:
        expected = f'<img src="{source}">' if kept else "<img>"
        assert clean(f'<img src="{source}">', source=lasting_source) == expected

    def test_a_caller_can_give_pictures_other_addresses(self) -> None:
        def placed(source: str) -> str | None:
            return "/images/1.png" if source in {IMAGE, "/images/1.png"} else None

        assert clean(f'<img src="{IMAGE}"><img src="/2.png">', source=placed) == '<img src="/images/1.png"><img>'

    def test_a_caller_can_take_away_tags_and_never_add_one(self) -> None:
        html = '<p>a <a href="https://example.com/">b</a><script>c</script></p>'
        assert clean(html, tags=TAGS - {"a"}) == "<p>a b</p>"
        assert clean(html, tags={"p", "script"}) == "<p>a b</p>"

    @given(MARKUP)
    def test_with_fewer_tags_the_result_is_clean_too(self, html: str) -> None:
        bare = clean(html, tags=TAGS - {"a", "img", "figure"})
        assert clean(bare) == bare
        assert not re.search(r"<(a|img|figure)\b", bare)

    @pytest.mark.parametrize("url", ["https://example.com", "HTTP://example.com:80/a?b#c", "https://[2001:db8::1]/"])
    def test_an_address_with_a_host_is_of_the_web(self, url: str) -> None:
        assert is_web(url)


class TestMeasure:
    @pytest.mark.parametrize(
        ("html", "words"),
        [
            ("", 0),
            ("<p>one two</p><p>three</p>", 3),
            ("<h2>one</h2><ul><li>two</li><li>three</li></ul>", 3),
            ("<p>don't re-use 1,300.5 litres</p>", 4),
            ("<p>so&amp;so \u2014 <em>un</em>believable</p>", 3),
            ('<p>a<br>b<img src="x" alt="not counted"></p>', 2),
            ("<table><tr><td>a</td><td>b</td></tr></table>", 2),
        ],
    )
    def test_counts_the_words_a_reader_sees(self, html: str, words: int) -> None:
        assert count_words(html) == words

    def test_text_is_on_one_line_without_markup(self) -> None:
        assert text_of("<h2>One &amp;\n two</h2><p>th<em>re</em>e</p>") == "One & two three"


class TestSlugify:
    @pytest.mark.parametrize(
        ("title", "slug"),
        [
            ("Best Burr Grinder for Espresso", "best-burr-grinder-for-espresso"),
            ("Café Crème à la Française", "cafe-creme-a-la-francaise"),
            ("Größe & Maß", "grosse-and-mass"),
            ("What's New?", "whats-new"),
            ("  --a__b--  ", "a-b"),
            ("日本語", "page-77710aedc74e"),
            ("\u65e5\u672c\u8a9e SEO", "seo-37562563c2f8"),
            ("", "page-e3b0c44298fc"),
            ("\u0126ob\u017c", "hobz"),
            ("../../etc/passwd", "etc-passwd"),
            ("\u0130stanbul", "istanbul"),
        ],
    )
    def test_titles_become_parts_of_an_address(self, title: str, slug: str) -> None:
        assert slugify(title) == slug

    @given(st.text(max_size=300))
    def test_any_title_becomes_a_valid_part_and_stays_one(self, title: str) -> None:
        slug = slugify(title)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
        assert len(slug) <= 80
        assert slugify(slug) == slug

    def test_long_titles_are_cut_at_a_word(self) -> None:
        assert slugify("word " * 60) == "-".join(["word"] * 16)

    @pytest.mark.parametrize(
        ("one", "other"), [("コーヒー", "お茶"), ("кофе 2024", "чай 2024"), ("咖啡 SEO", "茶 SEO")]
    )
    def test_texts_that_differ_in_other_scripts_have_different_addresses(self, one: str, other: str) -> None:
        assert slugify(one) != slugify(other)

    @pytest.mark.parametrize("same", ["Чай", "ЧАЙ", " чай\t", "ча\u0438\u0306"])
    def test_case_outer_space_and_composition_make_no_difference(self, same: str) -> None:
        assert slugify(same) == slugify("чай")

    def test_what_is_named_is_said_where_nothing_can_be_read(self) -> None:
        assert slugify("кофе", kind="term") == slugify("кофе").replace("page-", "term-")
        assert slugify("coffee", kind="term") == "coffee"
