"""The offline provider: real drafts without a model, honest about what they are."""

import io
import json
import re
from collections import Counter
from typing import Any

import pytest
from PIL import Image

from services.ai.offline import BadImageSize, MissingVariable, OfflineProvider, UnknownTemplate

PHRASES = {
    "moka pot": 14800, "best moka pot": 8100, "moka pot vs espresso": 2900, "how to use a moka pot": 2400,
    "how to clean a moka pot": 1300, "moka pot coffee ratio": 1900, "is moka pot coffee espresso": 880,
    "aluminum vs stainless steel moka pot": 720, "induction moka pot": 590, "electric moka pot": 880,
    "moka pot sputtering": 390, "best coffee for moka pot": 880, "what grind size for moka pot": 590,
    "stainless steel moka pot": 1600, "moka pot replacement gasket": 590,
}  # fmt: skip
STRUCTURES = (
    "article", "guide", "comparison", "review", "listicle", "landing_page", "business_page", "service_page",
    "general", "cluster_hub", "product_page", "category_archive", "tag_archive", "attribute_archive",
)  # fmt: skip
ALLOWED = {
    "h2",
    "h3",
    "p",
    "ul",
    "ol",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "strong",
    "em",
    "blockquote",
}

provider = OfflineProvider()


def cluster(*phrases: str) -> dict[str, Any]:
    chosen = phrases or tuple(PHRASES)
    words = [{"text": p, "volume": PHRASES.get(p), "difficulty": 20, "intent": "informational"} for p in chosen]
    return {"name": "moka pot", "keywords": words}


def ideas(count: int = 4, **more: object) -> list[dict[str, Any]]:
    variables = {"site": {"name": "Morning Ritual"}, "cluster": cluster(), "count": count, **more}
    answer: list[dict[str, Any]] = json.loads(provider.complete("generate_ideas", variables))["ideas"]
    return answer


def content(**more: object) -> dict[str, Any]:
    variables = {
        "site": {"name": "Morning Ritual", "domain": "example.com"},
        "sector": "Home coffee",
        "title": "Moka Pots: A Practical Guide",
        "content_structure": "guide",
        "primary_keyword": "moka pot",
        "keywords": cluster()["keywords"],
        "word_count": 1200,
        "language": "en",
        **more,
    }
    answer: dict[str, Any] = json.loads(provider.complete("generate_content", variables))
    return answer


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


class TestIdeas:
    @pytest.mark.parametrize("count", [3, 4, 5, 6, 7])
    def test_makes_as_many_as_asked(self, count: int) -> None:
        assert len(ideas(count)) == count

    @pytest.mark.parametrize(("asked", "made"), [(0, 3), (1, 3), (99, 7)])
    def test_keeps_between_three_and_seven(self, asked: int, made: int) -> None:
        assert len(ideas(asked)) == made

    def test_no_two_ideas_have_one_title_or_one_page(self) -> None:
        made = ideas(7)
        assert len({i["title"].lower() for i in made}) == 7
        assert len({(i["primary_keyword"], i["content_structure"]) for i in made}) == 7

    def test_a_single_keyword_still_gives_different_pages(self) -> None:
        made = ideas(5, cluster=cluster("moka pot"))
        assert len({i["title"] for i in made}) == 5

    def test_existing_titles_are_not_proposed_again(self) -> None:
        first = {i["title"] for i in ideas(5)}
        second = {i["title"] for i in ideas(5, existing_titles=sorted(first))}
        assert len(second) == 5
        assert not first & second

    def test_structure_follows_what_the_phrase_asks(self) -> None:
        made = {i["primary_keyword"]: i["content_structure"] for i in ideas(7)}
        expected = {
            "best moka pot": "listicle",
            "moka pot vs espresso": "comparison",
            "how to use a moka pot": "guide",
            "moka pot": "cluster_hub",
        }
        assert {k: made[k] for k in expected} == expected

    def test_every_outline_has_six_to_ten_distinct_sections_with_points(self) -> None:
        for idea in ideas(7):
            headings = [s["heading"] for s in idea["outline"]]
            assert 6 <= len(headings) <= 10
            assert len(set(headings)) == len(headings)
            assert all(s["points"] for s in idea["outline"])

    def test_phrases_that_one_page_answers_lead_no_two_ideas(self) -> None:
        apart = {i["primary_keyword"] for i in ideas(7)}
        together = sorted(apart)[:3]
        made = ideas(7, cluster=cluster() | {"pages": [together]})
        (leading,) = [i for i in made if len(set(together) & set(i["keywords"])) > 1]
        assert set(together) <= set(leading["keywords"])

    def test_keywords_are_only_those_of_the_cluster(self) -> None:
        assert {k for i in ideas(7) for k in i["keywords"]} <= set(PHRASES)

    def test_an_empty_cluster_is_refused_by_name(self) -> None:
        with pytest.raises(MissingVariable, match="keywords"):
            ideas(cluster={"name": "moka pot", "keywords": []})


class TestContent:
    @pytest.mark.parametrize("structure", STRUCTURES)
    @pytest.mark.parametrize("words", [600, 1200, 2000])
    def test_is_about_as_long_as_asked(self, structure: str, words: int) -> None:
        made = len(text_of(content(content_structure=structure, word_count=words)["html"]).split())
        assert 0.93 * words <= made <= 1.05 * words

    def test_stops_when_all_is_said_rather_than_repeat_itself(self) -> None:
        made = len(text_of(content(word_count=9000)["html"]).split())
        assert 2000 <= made == len(text_of(content(word_count=20000)["html"]).split())

    @pytest.mark.parametrize("words", [300, 1200, 2000, 6000])
    def test_says_no_sentence_twice(self, words: int) -> None:
        for idea in ideas(5):
            html = content(**idea, word_count=words)["html"]
            passages = re.findall(r"<p>(?:(?!<).)+</p>", html)
            assert [p for p, n in Counter(passages).items() if n > 1] == []

    def test_says_where_a_reader_sees_it_that_it_is_an_offline_draft(self) -> None:
        html = content()["html"]
        assert html.startswith("<blockquote><p><strong>Editor's note:</strong> This is an offline draft")

    def test_every_section_says_what_the_author_has_to_fill_in(self) -> None:
        html = content()["html"]
        sections = html.split("<h2>")[1:-1]  # the last one lists the searches
        assert sections
        assert all("<strong>To fill in:</strong>" in s for s in sections)

    def test_keeps_the_outline_it_was_given(self) -> None:
        outline = [{"heading": f"Part {n} of it", "points": ["a point", "another"]} for n in range(6)]
        html = content(outline=outline)["html"]
        assert re.findall(r"<h2>(Part .*?)</h2>", html) == [s["heading"] for s in outline]

    def test_uses_only_the_allowed_tags_and_no_links(self) -> None:
        for structure in STRUCTURES:
            assert set(re.findall(r"</?([a-z0-9]+)", content(content_structure=structure)["html"])) <= ALLOWED

    def test_markup_in_the_input_is_text_in_the_output(self) -> None:
        html = content(primary_keyword="moka <script>alert(1)</script> pot", keywords=["<img src=x onerror=y>"])["html"]
        assert "<script" not in html
        assert "<img" not in html

    def test_braces_in_the_input_are_not_a_template(self) -> None:
        html = content(audience="{site.__class__}", keywords=["{topic}"], title="{x}")["html"]
        assert "&lt;class" not in html

    def test_a_comparison_has_a_table_of_both_sides(self) -> None:
        html = content(content_structure="comparison", primary_keyword="moka pot vs espresso", outline=[])["html"]
        assert "<th>Question</th><th>Moka pots</th><th>Espresso</th>" in html

    def test_questions_become_answers_under_their_own_heading(self) -> None:
        asked = ["is moka pot coffee espresso", "why does moka pot sputter", "can you wash a moka pot"]
        html = content(keywords=["moka pot", "induction moka pot", "electric moka pot", *asked])["html"]
        assert "<h3>Can you wash a moka pot?</h3>" in html

    def test_search_data_is_shown_as_given(self) -> None:
        html = content(keywords=[{"text": "moka pot", "volume": 14800, "difficulty": 31, "intent": "Informational"}])[
            "html"
        ]
        assert "<tr><th>moka pot</th><td>14,800</td><td>31</td><td>informational</td></tr>" in html

    def test_states_no_number_that_was_not_in_the_input(self) -> None:
        html = content(keywords=["moka pot", "electric moka pot"])["html"]
        assert re.findall(r"\d", text_of(html)) == []

    def test_another_language_is_named_as_missing(self) -> None:
        assert "wanted in \u201cde\u201d" in content(language="de")["html"]

    def test_lengths_of_meta_fields(self) -> None:
        made = content(title="A very long title about moka pots that goes on and on until nobody reads any more")
        assert len(made["meta_title"]) <= 60
        assert len(made["meta_description"]) <= 155

    @pytest.mark.parametrize("missing", ["title", "primary_keyword"])
    def test_what_is_missing_is_named(self, missing: str) -> None:
        with pytest.raises(MissingVariable, match=missing):
            content(**{missing: ""})


class TestImagePrompts:
    def ask(self, **more: object) -> list[dict[str, Any]]:
        variables = {
            "title": "Moka Pots",
            "headings": [f"Part {n}" for n in range(8)],
            "in_article": 2,
            **more,
        }
        prompts: list[dict[str, Any]] = json.loads(provider.complete("generate_image_prompts", variables))["prompts"]
        return prompts

    def test_one_featured_and_as_many_in_the_article_as_asked(self) -> None:
        assert [(p["type"], p["position"]) for p in self.ask()] == [
            ("featured", 0),
            ("in_article", 0),
            ("in_article", 1),
        ]

    def test_an_article_without_headings_still_has_pictures(self) -> None:
        assert len(self.ask(headings=[], in_article=3)) == 4

    def test_prompts_differ(self) -> None:
        made = self.ask(in_article=4)
        assert len({p["prompt"] for p in made}) == len(made)


class TestImage:
    @pytest.mark.parametrize("size", [(1200, 630), (64, 64), (512, 1024)])
    def test_is_a_png_of_the_size_asked_for_that_says_it_is_offline(self, size: tuple[int, int]) -> None:
        image = Image.open(io.BytesIO(provider.image("a pot", *size, "Moka Pots: A Guide")))
        image.load()
        assert (image.format, image.size) == ("PNG", size)
        assert image.info["provider"] == "offline"

    @pytest.mark.parametrize("size", [(0, 630), (1200, -1), (5000, 630)])
    def test_a_senseless_size_is_refused(self, size: tuple[int, int]) -> None:
        with pytest.raises(BadImageSize, match="64 to 4096"):
            provider.image("a pot", *size, "Moka Pots")

    @pytest.mark.parametrize("title", ["", "日本語", "x" * 400, "a " * 300, "\u202e\x00"])
    def test_any_title_gives_a_picture(self, title: str) -> None:
        assert provider.image("a pot", 300, 200, title).startswith(b"\x89PNG")


class TestProvider:
    def test_same_question_same_answer(self) -> None:
        assert ideas(5) == ideas(5)
        assert content() == content()
        assert provider.image("p", 300, 200, "T") == provider.image("p", 300, 200, "T")

    def test_different_questions_different_pictures(self) -> None:
        assert provider.image("p", 300, 200, "T") != provider.image("q", 300, 200, "T")

    def test_an_unknown_template_is_named_with_what_is_known(self) -> None:
        with pytest.raises(UnknownTemplate, match=r"'write_poem'.*generate_content"):
            provider.complete("write_poem", {})

    def test_usage_grows_with_the_text(self) -> None:
        small, large = (provider.usage({"a": "x" * n}, "y" * n) for n in (40, 400))
        assert 0 < small.input_tokens < large.input_tokens
        assert (small.output_tokens, large.output_tokens) == (10, 100)
