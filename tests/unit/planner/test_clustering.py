"""The clustering method: what every method promises, and that this one reads sensibly."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.clustering import ClusterProposal, KeywordToCluster, SemanticClusterer
from services.planner.clustering.words import split_words, stem, topic_words
from services.planner.imports import ImportReport, KeywordFile, best_rows

EXAMPLE = Path(__file__).parents[3] / "examples" / "home_coffee_semrush.csv"

WORDS = [
    "espresso",
    "machine",
    "grinder",
    "moka",
    "pot",
    "pots",
    "best",
    "how to",
    "咖啡机",
    "قهوة",
    "☕️",
    "เครื่อง",
]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join) | st.text(min_size=1, max_size=20)
KEYWORDS = st.lists(st.tuples(TEXTS, st.none() | st.integers(0, 10**6)), min_size=1, max_size=30).map(
    lambda pairs: [KeywordToCluster(f"id-{index}", *pair) for index, pair in enumerate(pairs)]
)


def keywords(*texts: str) -> list[KeywordToCluster]:
    return [KeywordToCluster(text, text, volume=100 - index) for index, text in enumerate(texts)]


def cluster(of: Sequence[KeywordToCluster]) -> list[ClusterProposal]:
    return SemanticClusterer().cluster(of)


@pytest.fixture(scope="module")
def example() -> list[KeywordToCluster]:
    report = ImportReport()
    with EXAMPLE.open("rb") as source:
        rows = best_rows(KeywordFile(source).rows(report), report)
        return [KeywordToCluster(f"id-{row.line}", row.text, row.volume) for row in rows]


class TestPromises:
    @settings(max_examples=30, deadline=None)
    @given(KEYWORDS, st.randoms(use_true_random=False))
    def test_order_of_input_changes_nothing(self, given_keywords: list[KeywordToCluster], order: random.Random) -> None:
        shuffled = list(given_keywords)
        order.shuffle(shuffled)
        assert cluster(shuffled) == cluster(given_keywords)

    @settings(max_examples=30, deadline=None)
    @given(KEYWORDS)
    def test_every_keyword_is_in_exactly_one_cluster(self, given_keywords: list[KeywordToCluster]) -> None:
        placed = sorted(identifier for proposal in cluster(given_keywords) for identifier in proposal.keyword_ids)
        assert placed == sorted(keyword.id for keyword in given_keywords)

    @settings(max_examples=30, deadline=None)
    @given(KEYWORDS)
    def test_names_are_short_and_never_alike(self, given_keywords: list[KeywordToCluster]) -> None:
        names = [proposal.name for proposal in cluster(given_keywords)]
        assert len(set(names)) == len(names)
        assert all(len(name.split()) <= 3 and len(name) <= 80 for name in names)

    @settings(max_examples=30, deadline=None)
    @given(KEYWORDS)
    def test_primary_is_the_most_searched(self, given_keywords: list[KeywordToCluster]) -> None:
        volume = {keyword.id: keyword.volume or 0 for keyword in given_keywords}
        for proposal in cluster(given_keywords):
            assert proposal.primary_keyword_id == proposal.keyword_ids[0]
            assert volume[proposal.primary_keyword_id] == max(volume[each] for each in proposal.keyword_ids)

    def test_nothing_gives_nothing(self) -> None:
        assert cluster([]) == []

    def test_shuffled_example_is_identical(self, example: list[KeywordToCluster]) -> None:
        assert cluster(random.Random(7).sample(example, len(example))) == cluster(example)  # noqa: S311 - a shuffle


class TestGroups:
    def test_topics_come_apart(self) -> None:
        moka = ["moka pot", "best moka pot", "moka pot sizes"]
        press = ["french press", "best french press", "french press ratio"]
        assert {frozenset(proposal.keyword_ids) for proposal in cluster(keywords(*moka, *press))} == {
            frozenset(moka),
            frozenset(press),
        }

    def test_identical_texts_stay_together(self) -> None:
        twins = [KeywordToCluster("a", "Moka Pot", 5), KeywordToCluster("b", "moka  pot", 9)]
        others = keywords("french press", "aeropress filters", "oat milk", "siphon brewer")
        together = next(proposal for proposal in cluster([*twins, *others]) if "a" in proposal.keyword_ids)
        assert [each for each in together.keyword_ids if each in "ab"] == ["b", "a"]

    @pytest.mark.parametrize(
        "texts",
        [
            ("家用咖啡机推荐", "咖啡机推荐家用", "手冲咖啡壶", "手冲咖啡壶推荐", "磨豆机"),
            ("ماكينة قهوة", "ماكينة قهوة منزلية", "مطحنة بن", "مطحنة بن يدوية", "إبريق"),
            ("☕️", "☕️ 🥐", "🥐", "🍵", "🍵 🍵"),
            ("!!!", "???", "...", "- -", "'"),
        ],
        ids=["chinese", "arabic", "emoji", "punctuation"],
    )
    def test_any_script_is_placed_and_named(self, texts: tuple[str, ...]) -> None:
        proposals = cluster(keywords(*texts))
        assert sorted(each for proposal in proposals for each in proposal.keyword_ids) == sorted(texts)
        assert all(proposal.name.strip() for proposal in proposals)

    def test_long_texts_that_begin_alike_get_names_of_their_own(self) -> None:
        long = keywords(*("咖" * 100 + ending for ending in "一二三四五"), " ")
        names = [proposal.name for proposal in cluster(long)]
        assert len(set(names)) == len(names)

    def test_a_single_blank_text_is_a_cluster(self) -> None:
        assert [proposal.keyword_ids for proposal in cluster(keywords(" "))] == [(" ",)]


class TestExample:
    def test_it_becomes_a_plan_one_can_read(self, example: list[KeywordToCluster]) -> None:
        proposals = cluster(example)
        sizes = [len(each.keyword_ids) for each in proposals]
        assert 15 <= len(proposals) <= 60
        assert max(sizes) <= 0.15 * len(example)
        assert sum(size for size in sizes if size >= 3) >= 0.9 * len(example)

    def test_its_names_are_words_of_its_clusters(self, example: list[KeywordToCluster]) -> None:
        text = {keyword.id: keyword.text for keyword in example}
        for proposal in cluster(example):
            assert any(proposal.name in text[identifier] for identifier in proposal.keyword_ids), proposal


class TestWords:
    @pytest.mark.parametrize(
        ("one", "other"),
        [("pots", "pot"), ("batteries", "battery"), ("roasting", "roast"), ("glasses", "glass")],
    )
    def test_forms_of_a_word_have_one_stem(self, one: str, other: str) -> None:
        assert stem(one) == stem(other)

    @pytest.mark.parametrize("word", ["glass", "gas", "ring", "espresso"])
    def test_what_only_looks_like_an_ending_stays(self, word: str) -> None:
        assert stem(word) == word

    def test_how_it_is_asked_is_not_the_topic(self) -> None:
        assert topic_words("how to use a moka pot?") == ["use", "moka", "pot"]

    def test_a_question_of_nothing_else_keeps_its_words(self) -> None:
        assert topic_words("how to") == ["how", "to"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [('"moka" pot!', ["moka", "pot"]), ("เอเจนซี่", ["เอเจนซี่"]), ("☕️ - ☕️", ["☕️", "☕️"]), ("?!", ["?!"])],
    )
    def test_punctuation_is_no_part_of_a_word(self, text: str, words: list[str]) -> None:
        assert split_words(text) == words
