"""Reading a model's answer: what is usable, what is dropped, and what is said of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.planner.domain import CONTENT_STRUCTURES, CONTENT_TYPES
from services.planner.ideas import ANSWER_SCHEMA, NotAnAnswer, read_answer

KEYWORDS = ["Moka Pot", "café crème", "aeropress"]


def an_idea(**values: Any) -> dict[str, Any]:
    return {
        "title": "How to Choose a Moka Pot",
        "content_type": "post",
        "content_structure": "guide",
        "primary_keyword": "moka pot",
        "keywords": ["moka pot"],
        "outline": [{"heading": "Sizes", "points": ["cups", "people"]}],
    } | values


def read(*ideas: Any) -> Any:
    return read_answer(json.dumps({"ideas": ideas}), KEYWORDS)


class TestReadAnswer:
    def test_keywords_come_as_the_cluster_spells_them_the_primary_first(self) -> None:
        (idea,) = read(
            an_idea(primary_keyword="AEROPRESS", keywords=["moka  pot", "Cafe\u0301 Crème", "aeropress"])
        ).ideas
        assert idea.keywords == ["aeropress", "Moka Pot", "café crème"]
        assert idea.columns()["primary_keyword"] == "aeropress"

    def test_keywords_that_are_not_the_clusters_are_named(self) -> None:
        reading = read(an_idea(keywords=["moka pot", "unicorn"]))
        assert reading.ideas[0].keywords == ["Moka Pot"]
        assert reading.notes == ["'How to Choose a Moka Pot': not keywords of the cluster, left out: unicorn."]

    def test_sections_without_a_heading_are_left_out(self) -> None:
        (idea,) = read(an_idea(outline=[{"points": ["x"]}, {"heading": " Sizes ", "points": ["a", 5, ""]}, 7])).ideas
        assert idea.outline == [{"heading": "Sizes", "points": ["a"]}]

    @pytest.mark.parametrize(
        ("words", "kept"), [(900, 900), (-1, 0), (10**9, 20_000), ("900", 0), (True, 0), (None, 0)]
    )
    def test_a_word_count_is_kept_in_bounds(self, words: Any, kept: int) -> None:
        assert read(an_idea(estimated_word_count=words)).ideas[0].estimated_word_count == kept

    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            ("an idea", "not an object"),
            (an_idea(title=" "), "title is empty"),
            (an_idea(title="x" * 201), "longer than 200"),
            (an_idea(content_type="podcast"), "content_type is not one of post"),
            (an_idea(content_structure=["guide"]), "content_structure is not one of article"),
            (an_idea(outline=[]), "no outline"),
            (an_idea(outline="Sizes"), "no outline"),
            (an_idea(primary_keyword="unicorn", keywords=None), "none of the cluster's keywords"),
        ],
    )
    def test_an_idea_that_cannot_be_stored_is_dropped_with_the_reason(self, raw: Any, why: str) -> None:
        reading = read(raw, an_idea(title="Another"))
        assert [idea.title for idea in reading.ideas] == ["Another"]
        assert any(why in note for note in reading.notes)

    def test_a_title_is_kept_once(self) -> None:
        reading = read(an_idea(), an_idea(title="how to  choose a MOKA pot"))
        assert len(reading.ideas) == 1
        assert "there twice" in reading.notes[-1]

    @pytest.mark.parametrize("text", ["", "no JSON", "5", "[]", "{}", '{"ideas": null}', "[" * 50_000])
    def test_what_is_no_answer_is_refused(self, text: str) -> None:
        with pytest.raises(NotAnAnswer):
            read_answer(text, KEYWORDS)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["title", "keywords", "outline", "content_type", "heading", "points"]), inner
                )
            ),
            max_leaves=20,
        )
    )
    def test_anything_at_all_is_read_or_noted(self, value: Any) -> None:
        reading = read(value, an_idea())
        assert reading.ideas[-1].title == "How to Choose a Moka Pot"

    @given(st.text())
    def test_what_is_kept_can_be_stored(self, text: str) -> None:
        for idea in read(an_idea(title=text, brief=text, audience=text)).ideas:
            for kept in (idea.title, idea.brief, idea.audience):
                assert "\0" not in kept
                kept.encode()


def test_the_schema_names_every_type_and_structure() -> None:
    properties = ANSWER_SCHEMA["properties"]["ideas"]["items"]["properties"]
    assert properties["content_type"]["enum"] == list(CONTENT_TYPES)
    assert properties["content_structure"]["enum"] == list(CONTENT_STRUCTURES)
