"""Headings, excerpts and places for pictures in article HTML."""

import re

import pytest
from hypothesis import given

from chassis.html import clean
from services.writer.html import Heading, PlacedImage, excerpt, headings, place_images
from tests.unit.chassis.xss_corpus import MARKUP

IDS = [f"0192d3a4-0000-7000-8000-00000000000{n}" for n in range(5)]


class TestOutline:
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
