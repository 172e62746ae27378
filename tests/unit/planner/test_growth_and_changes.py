"""What happens to clusters that are there: new keywords join them, and clustering again tells what it would change."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.clustering import ClusterProposal, KeywordToCluster, SemanticClusterer
from services.planner.clustering.changes import compare
from services.planner.clustering.growth import grow

OLD = [
    ("moka pot", "moka"),
    ("best moka pot", "moka"),
    ("moka pot sizes", "moka"),
    ("green tea", "tea"),
    ("green tea benefits", "tea"),
    ("loose leaf green tea", "tea"),
]
CLUSTER = SemanticClusterer().cluster
IDS = st.sampled_from([f"k{number}" for number in range(12)])


def keywords(*texts: str) -> list[KeywordToCluster]:
    return [KeywordToCluster(text, text) for text in texts]


def proposals(*groups: Sequence[str]) -> list[ClusterProposal]:
    return [ClusterProposal(f"name {number}", tuple(group), group[0]) for number, group in enumerate(groups)]


def old(**clusters: str) -> dict[str, str]:
    return {keyword_id: cluster_id for cluster_id, members in clusters.items() for keyword_id in members.split()}


class TestGrow:
    def test_a_new_keyword_joins_the_cluster_of_the_nearest(self) -> None:
        growth = grow(OLD, keywords("moka pot for two", "organic green tea"), CLUSTER)
        assert growth.joined == {"moka pot for two": "moka", "organic green tea": "tea"}
        assert growth.proposals == []

    def test_what_is_like_nothing_is_clustered_alone(self) -> None:
        growth = grow(OLD, keywords("car insurance", "cheap car insurance", "moka pot lid"), CLUSTER)
        assert growth.joined == {"moka pot lid": "moka"}
        assert {each for p in growth.proposals for each in p.keyword_ids} == {"car insurance", "cheap car insurance"}

    def test_too_few_that_join_nothing_wait(self) -> None:
        growth = grow(OLD, keywords("car insurance"), CLUSTER, pool_minimum=5)
        assert (growth.joined, growth.proposals) == ({}, [])

    def test_the_same_text_in_another_case_joins_its_cluster(self) -> None:
        assert grow(OLD, [KeywordToCluster("new", "Moka  POT")], CLUSTER).joined == {"new": "moka"}

    def test_without_old_clusters_all_are_clustered(self) -> None:
        growth = grow([], keywords("moka pot", "green tea"), CLUSTER)
        assert sorted(each for p in growth.proposals for each in p.keyword_ids) == ["green tea", "moka pot"]

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.text(min_size=1, max_size=12), max_size=8, unique=True))
    def test_every_new_keyword_has_one_place_and_old_clusters_alone_are_joined(self, texts: list[str]) -> None:
        growth = grow(OLD, keywords(*texts), CLUSTER)
        placed = [*growth.joined, *(each for proposal in growth.proposals for each in proposal.keyword_ids)]
        assert sorted(placed) == sorted(texts)
        assert set(growth.joined.values()) <= {"moka", "tea"}


class TestCompare:
    def test_the_same_clusters_change_nothing(self) -> None:
        changes = compare(old(a="1 2 3", b="4 5"), proposals(["4", "5"], ["1", "2", "3"]))
        assert changes.cluster_ids == ["b", "a"]
        assert (changes.moved, changes.split, changes.merged, changes.gone) == ({}, {}, {}, {})

    def test_a_keyword_that_goes_elsewhere_is_told(self) -> None:
        changes = compare(
            old(a="1 2 3 4 5 6 7 8 9 10 11", b="12 13"), proposals([*"123456789", "10"], ["11", "12", "13"])
        )
        assert changes.cluster_ids == ["a", "b"]
        assert changes.moved == {"11": ("a", 1)}
        assert (changes.split, changes.merged) == ({}, {})

    def test_a_split_cluster_lives_on_in_its_largest_part(self) -> None:
        changes = compare(old(a="1 2 3 4 5"), proposals(["4", "5"], ["1", "2", "3"]))
        assert changes.cluster_ids == [None, "a"]
        assert changes.split == {"a": [1, 0]}
        assert changes.moved == {"4": ("a", 0), "5": ("a", 0)}

    def test_merged_clusters_live_on_as_the_largest_and_the_other_is_led_there(self) -> None:
        changes = compare(old(a="1 2 3", b="4 5"), proposals(["1", "2", "3", "4", "5"]))
        assert changes.cluster_ids == ["a"]
        assert changes.merged == {0: ["a", "b"]}
        assert changes.gone == {"b": 0}

    def test_a_cluster_without_keywords_left_leads_nowhere(self) -> None:
        assert compare(old(a="1", b="2"), proposals(["1"])).gone == {"b": None}

    @pytest.mark.parametrize("empty", [{}, {"1": "a"}])
    def test_nothing_new_continues_nothing(self, empty: Mapping[str, str]) -> None:
        assert compare(empty, []).cluster_ids == []

    @settings(max_examples=60, deadline=None)
    @given(st.dictionaries(IDS, st.sampled_from("abcd")), st.dictionaries(IDS, st.integers(0, 3)))
    def test_every_old_id_has_at_most_one_successor_and_every_move_is_told(
        self, before: dict[str, str], after: dict[str, int]
    ) -> None:
        groups = [[each for each in after if after[each] == number] for number in range(4)]
        made = proposals(*(group for group in groups if group))
        changes = compare(before, made)
        continued = [each for each in changes.cluster_ids if each is not None]
        assert len(set(continued)) == len(continued)
        assert set(continued) | set(changes.gone) == set(before.values())
        for index, proposal in enumerate(made):
            for keyword_id in proposal.keyword_ids:
                stays = before.get(keyword_id) == changes.cluster_ids[index]
                assert (keyword_id in changes.moved) == (keyword_id in before and not stays)
