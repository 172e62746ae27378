"""Keywords that the graph has put into a topic they are unlike go to the right one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.clustering.neighbours import Graph, graph_of, nearest
from services.planner.clustering.settling import settle
from services.planner.clustering.table import shipped_table
from services.planner.clustering.vectors import Embedding

MOKA, GREEN = ("cups", "gasket", "price", "sizes", "steel"), ("bags", "benefits", "leaves", "organic", "tins")
TEXTS = sorted([*(f"moka pot {what}" for what in MOKA), *(f"green tea {what}" for what in GREEN)])
EMBEDDING = Embedding(TEXTS, shipped_table())
GRAPH = graph_of(nearest(EMBEDDING, len(TEXTS)))
TEA = np.array([text.startswith("green tea") for text in TEXTS], np.int64)


def test_a_keyword_in_the_wrong_topic_goes_to_the_right_one() -> None:
    wrong = TEA.copy()
    wrong[0] = 1 - wrong[0]
    assert settle(GRAPH, EMBEDDING, wrong).tolist() == TEA.tolist()


def test_where_all_are_right_nothing_changes() -> None:
    assert settle(GRAPH, EMBEDDING, TEA).tolist() == TEA.tolist()


def test_a_keyword_without_neighbours_stays() -> None:
    apart = Graph(np.zeros(len(TEXTS) + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float64))
    topic = np.arange(len(TEXTS)) % 3
    assert settle(apart, EMBEDDING, topic).tolist() == topic.tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=len(TEXTS), max_size=len(TEXTS)))
def test_topics_are_numbered_without_a_gap_and_none_is_added(topic: list[int]) -> None:
    given_topics = np.unique(topic, return_inverse=True)[1].astype(np.int64)
    settled = settle(GRAPH, EMBEDDING, given_topics)
    assert sorted(set(settled.tolist())) == list(range(settled.max() + 1))
    assert settled.max() <= given_topics.max()
