"""Reading what models answer: what is taken, what is cut, what is refused."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import UnusableAnswer
from services.writer.domain import answers, quantities
from services.writer.domain.text import one_line, shorten, storable

BODY = "<h2>Heat</h2><p>" + "Water draws out what it touches. " * 20 + "</p>"
ARTICLE = {
    "title": "Brewing",
    "meta_title": "Brewing",
    "meta_description": "How to brew.",
    "excerpt": "In short.",
    "html": BODY,
    "categories": ["Coffee"],
    "tags": ["heat"],
    "focus_keyword": "brewing",
}
KEYS = st.sampled_from([*ARTICLE, "prompts", "type", "prompt"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


def article(**changes: Any) -> answers.Article:
    return answers.article(json.dumps(ARTICLE | changes))


class TestArticle:
    def test_a_whole_answer_is_taken_as_it_is(self) -> None:
        got = article()
        assert (got.title, got.html, got.word_count, got.notes) == ("Brewing", BODY, 121, ())

    @pytest.mark.parametrize("field", ARTICLE)
    @pytest.mark.parametrize("value", [None, 7, {"a": 1}])
    def test_a_field_of_another_kind_is_named(self, field: str, value: object) -> None:
        with pytest.raises(UnusableAnswer, match=field):
            article(**{field: value})

    @pytest.mark.parametrize("field", ARTICLE)
    def test_a_missing_field_is_named(self, field: str) -> None:
        with pytest.raises(UnusableAnswer, match=field):
            answers.article(json.dumps({name: value for name, value in ARTICLE.items() if name != field}))

    @pytest.mark.parametrize("text", ["", "null", "3", '"x"', "{", "[" * 100_000, '```json\n{"title": ""}\n```'])
    def test_what_is_no_object_is_refused(self, text: str) -> None:
        with pytest.raises(UnusableAnswer):
            answers.article(text)

    def test_long_descriptions_are_cut_at_a_word_and_noted(self) -> None:
        got = article(meta_title="word " * 30, meta_description="word " * 90)
        assert len(got.meta_title) <= 60
        assert len(got.meta_description) <= 155
        assert got.meta_title.endswith("word")
        assert got.notes == (
            "the meta title was cut to 60 characters",
            "the meta description was cut to 155 characters",
        )

    def test_an_empty_description_is_made_of_the_text(self) -> None:
        got = article(meta_title="", meta_description="", excerpt="")
        assert got.meta_title == "Brewing"
        assert got.meta_description.startswith("Water draws out")
        assert got.excerpt.startswith("Water draws out")

    def test_terms_that_are_the_same_are_one(self) -> None:
        got = article(tags=["Pour over", "pour-over", " ", "Heat\n", *[f"t{n}" for n in range(20)]])
        assert got.tags[:2] == ("Pour over", "Heat")
        assert len(got.tags) == 10

    def test_addresses_that_nobody_gave_the_model_are_removed_and_noted(self) -> None:
        link = (
            '<p>Buy <a href="https://casino.example/">here</a>.</p><figure><img src="https://x.example/i.png"></figure>'
        )
        got = article(html=BODY + link)
        assert "casino" not in got.html
        assert "x.example" not in got.html
        assert got.html.endswith("<p>Buy here.</p>")
        assert got.notes == ("2 links or pictures that nobody gave to the model were removed",)

    @given(JSON)
    def test_any_json_is_taken_or_refused_with_a_reason(self, value: Any) -> None:
        with suppress(UnusableAnswer):
            assert answers.article(json.dumps(value)).word_count >= answers.WORDS_LEAST
        with suppress(UnusableAnswer):
            assert answers.prompts(json.dumps(value), 3, "alt")[0].kind == "featured"


class TestPrompts:
    def test_places_are_counted_anew(self) -> None:
        listed = [
            {"type": "in_article", "position": 9, "prompt": "b", "alt_text": "B"},
            {"type": "featured", "position": 4, "prompt": "a", "alt_text": ""},
            {"type": "in_article", "position": 9, "prompt": "c", "alt_text": "C"},
            {"type": "featured", "position": 0, "prompt": "second", "alt_text": ""},
            {"type": "banner", "position": 0, "prompt": "d", "alt_text": "D"},
        ]
        got = answers.prompts(json.dumps({"prompts": listed}), 3, "Title")
        assert [(p.kind, p.position, p.prompt, p.alt_text) for p in got] == [
            ("featured", 0, "a", "Title"),
            ("in_article", 0, "b", "B"),
            ("in_article", 1, "c", "C"),
        ]

    @pytest.mark.parametrize("wanted", [1, 2, 3])
    def test_no_more_are_taken_than_wanted(self, wanted: int) -> None:
        listed = [{"type": "featured", "position": 0, "prompt": "a", "alt_text": ""}]
        listed += [{"type": "in_article", "position": n, "prompt": "b", "alt_text": ""} for n in range(9)]
        assert len(answers.prompts(json.dumps({"prompts": listed}), wanted, "Title")) == wanted


class TestQuantities:
    @pytest.mark.parametrize(("target", "limit"), [(100, 150), (101, 152), (999, 1499), (1000, 1500)])
    def test_the_limit_is_half_as_many_again_rounded_up(self, target: int, limit: int) -> None:
        assert quantities.word_limit(target) == limit

    @pytest.mark.parametrize(("asked", "target"), [(0, 1000), (-1, 1000), (5, 100), (1200, 1200), (99_999, 10_000)])
    def test_a_target_is_within_bounds(self, asked: int, target: int) -> None:
        assert quantities.word_target(asked) == target

    @pytest.mark.parametrize(("kind", "size"), [("featured", (1200, 630)), ("in_article", (1024, 576))])
    def test_a_picture_has_the_size_of_its_place(self, kind: str, size: tuple[int, int]) -> None:
        assert quantities.image_size(kind) == size


class TestText:
    @given(st.text(), st.integers(1, 50))
    def test_a_short_text_is_short_and_storable(self, text: str, most: int) -> None:
        got = shorten(one_line(text), most)
        assert len(got) <= most
        assert "\n" not in got
        assert "\x00" not in got
        got.encode()

    def test_what_no_database_holds_is_left_out(self) -> None:
        assert storable("a\x00b\ud800c") == "abc"
