"""The clustering method where a model says what keywords mean: the same promises, whatever it says."""

import random
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.clustering import ClusterProposal, KeywordToCluster, Meanings, SemanticClusterer
from services.planner.domain import normalise
from tests.unit.planner.test_clustering import KEYWORDS, keywords

WIDTH = 6
FRUIT, TOOLS = ("walnut", "cherry", "quince", "medlar", "fig"), ("rasp", "chisel", "vice", "plane", "awl")


def meanings(of: Sequence[KeywordToCluster], seed: int) -> Meanings:
    """Return a vector of length one for each text, by chance; some are alike, and one may be all zeros but one."""
    chance = np.random.default_rng(seed)
    texts = sorted({normalise(keyword.text) for keyword in of})
    rows = chance.integers(-2, 3, (len(texts), WIDTH)).astype(np.float32)
    rows[:, 0] += 0.5  # none is all zeros
    return {text: (row / np.linalg.norm(row)).astype("<f2").tobytes() for text, row in zip(texts, rows, strict=True)}


def cluster(of: Sequence[KeywordToCluster], said: Meanings) -> list[ClusterProposal]:
    return SemanticClusterer().cluster(of, meanings=said)


def kinds() -> Meanings:
    """Return vectors that tell fruit from tools."""
    rows = {text: [1.0, n / 10, 0.0] for n, text in enumerate(FRUIT)} | {
        text: [0.0, n / 10, 1.0] for n, text in enumerate(TOOLS)
    }
    return {text: (np.array(row) / np.linalg.norm(row)).astype("<f2").tobytes() for text, row in rows.items()}


class TestMeanings:
    @settings(max_examples=20, deadline=None)
    @given(KEYWORDS, st.integers(0, 1000), st.randoms(use_true_random=False))
    def test_order_changes_nothing_and_every_keyword_is_in_one_cluster_with_a_short_name_of_its_own(
        self, some: list[KeywordToCluster], seed: int, order: random.Random
    ) -> None:
        said, shuffled = meanings(some, seed), list(some)
        order.shuffle(shuffled)
        made = cluster(some, said)
        assert made == cluster(shuffled, said)
        assert sorted(each for one in made for each in one.keyword_ids) == sorted(keyword.id for keyword in some)
        names = [one.name for one in made]
        assert len(set(names)) == len(names)
        assert all(len(name.split()) <= 3 for name in names)

    def test_what_the_model_says_decides_where_words_say_nothing(self) -> None:
        made = cluster(keywords(*FRUIT, *TOOLS), kinds())
        assert {frozenset(one.keyword_ids) for one in made} == {frozenset(FRUIT), frozenset(TOOLS)}

    def test_new_keywords_join_what_the_model_says_they_are_like(self) -> None:
        old = [(text, "fruit") for text in FRUIT[1:]] + [(text, "tools") for text in TOOLS[1:]]
        grown = SemanticClusterer().grow(old, keywords(FRUIT[0], TOOLS[0]), meanings=kinds())
        assert grown.joined == {FRUIT[0]: "fruit", TOOLS[0]: "tools"}
