"""Cleaning and measuring article HTML."""

import re
import time
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.html import (
    MAX_CHARS,
    TAGS,
    Heading,
    HtmlTooLong,
    PlacedImage,
    clean,
    count_words,
    excerpt,
    headings,
    place_images,
    slugify,
)
from tests.unit.writer.xss_corpus import CORPUS

IDS = [f"0192d3a4-0000-7000-8000-00000000000{n}" for n in range(5)]
MARKUP = st.lists(
    st.sampled_from(
        [f"<{t}>" for t in sorted(TAGS)]
        + [f"</{t}>" for t in sorted(TAGS)]
        + [
            "<script>",
            "</script>",
            "<svg>",
            "<style>",
            "<!--",
            "-->",
            "<b>",
            "</b>",
            "&lt;",
            "&",
            "<",
            "\n",
            "<div>",
            "</div>",
        ]
        + [
            "<a href='https://example.com/?a=1&b=2'>",
            "<img src=/a.png alt='\"<b>'>",
            "<img src=x onerror=y>",
            "text ",
            "<td",
        ]
    )
    | st.text(max_size=8),
    max_size=25,
).map("".join)


class Live(HTMLParser):
    """What in a piece of HTML a browser could run or fetch, beyond what is allowed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.found.append(f"<{tag}>")
        allowed = {"a": {"href", "rel"}, "img": {"src", "alt"}}.get(tag, set())
        self.found += [f"{tag} {name}={value}" for name, value in attrs if not self.is_safe(name, value or "", allowed)]

    def is_safe(self, name: str, value: str, allowed: set[str]) -> bool:
        if name not in allowed:
            return False
        if name == "href":
            return urlsplit(value).scheme in {"http", "https"} and bool(urlsplit(value).netloc)
        if name == "src":
            internal = re.fullmatch(r"igny8-image:[0-9a-f-]{36}", value)
            return bool(internal) or (
                not value.startswith(("//", "\\", "/\\")) and urlsplit(value).scheme in {"", "http", "https"}
            )
        return True

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}")


class TestClean:
    @pytest.mark.parametrize("html", CORPUS)
    def test_nothing_live_is_left(self, html: str) -> None:
        cleaned = clean(html)
        assert Live(cleaned).found == []
        assert clean(cleaned) == cleaned

    def test_the_corpus_is_large_and_without_repetition(self) -> None:
        assert len(set(CORPUS)) == len(CORPUS) >= 120

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
            f'<figure><img src="igny8-image:{IDS[0]}" alt="a"><figcaption>b</figcaption></figure>',
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
            clean("x" * (MAX_CHARS + 1))


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

    def test_headings_in_order_with_their_levels(self) -> None:
        html = "<h2>One &amp; <em>only</em></h2><p>x</p><h3>Two\nlines</h3><h2></h2>"
        assert headings(html) == [Heading(2, "One & only"), Heading(3, "Two lines")]

    def test_excerpt_starts_with_the_text_and_not_with_a_note(self) -> None:
        assert excerpt("<blockquote><p>Note.</p></blockquote><h2>H</h2><p>The text.</p>") == "The text."

    def test_excerpt_is_cut_at_a_word(self) -> None:
        assert excerpt("<p>" + "word " * 100 + "</p>", 30) == "word word word word word\u2026"
        assert len(excerpt("<p>" + "word " * 100 + "</p>")) <= 160


class TestPlaceImages:
    BODY = "<p>Intro</p>" + "".join(f"<h2>S{n}</h2><p>t{n}</p>" for n in range(6))

    def images(self, count: int) -> list[PlacedImage]:
        return [PlacedImage(IDS[n], "in_article", n, f'alt "{n}" <i>') for n in range(count)]

    def order(self, html: str) -> list[str]:
        return re.findall(r"(?<=:)[0-9a-f-]{36}|(?<=<h2>)S\d", html)

    def test_are_spread_over_the_sections_in_order_and_never_above_the_first(self) -> None:
        placed = place_images(self.BODY, self.images(2)[::-1])
        assert self.order(placed) == ["S0", "S1", IDS[0], "S2", "S3", IDS[1], "S4", "S5"]

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
    def test_each_stands_once_and_the_result_is_clean(self, count: int) -> None:
        placed = place_images(self.BODY, self.images(count))
        assert [placed.count(IDS[n]) for n in range(count)] == [1] * count
        assert clean(placed) == placed

    @given(MARKUP)
    def test_in_any_clean_text_the_result_is_clean(self, html: str) -> None:
        placed = place_images(clean(html), self.images(2))
        assert IDS[0] in placed
        assert clean(placed) == placed

    def test_placing_again_changes_nothing(self) -> None:
        placed = place_images(self.BODY, self.images(3))
        assert place_images(placed, self.images(3)) == placed

    def test_the_featured_picture_is_not_placed(self) -> None:
        assert place_images(self.BODY, [PlacedImage(IDS[0], "featured", 0, "x")]) == self.BODY

    @pytest.mark.parametrize("body", ["", "<p>a</p>", "<p>a</p><p>b</p><p>c</p>", "plain", "<h2>only</h2><p>a</p>"])
    def test_a_text_without_sections_has_them_too(self, body: str) -> None:
        placed = place_images(body, self.images(2))
        assert self.order(placed)[-2:] == IDS[:2] or set(IDS[:2]) <= set(self.order(placed))
        assert clean(placed) == placed

    def test_headings_inside_quotes_and_attributes_are_no_places(self) -> None:
        body = '<h2>S0</h2><p>a<img src="/a.png" alt="<h2>no</h2>"></p><blockquote><h2>S8</h2></blockquote><h2>S1</h2>'
        assert self.order(place_images(clean(body), self.images(1)))[-2:] == [IDS[0], "S1"]


class TestSlugify:
    @pytest.mark.parametrize(
        ("title", "slug"),
        [
            ("Best Burr Grinder for Espresso", "best-burr-grinder-for-espresso"),
            ("Café Crème à la Française", "cafe-creme-a-la-francaise"),
            ("Größe & Maß", "grosse-and-mass"),
            ("What's New?", "whats-new"),
            ("  --a__b--  ", "a-b"),
            ("日本語", "untitled"),
            ("", "untitled"),
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
