"""What clustering again would change: nobody's decision is undone, and every move is told."""

from collections.abc import Sequence
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.clustering import ClusterProposal, KeywordToCluster
from services.planner.reclustering import Named, Placed, Plan, plan


def placed(fixed: str = "", **clusters: str) -> list[Placed]:
    """Keywords where they are; those under `waiting` have no cluster."""
    return [
        Placed(KeywordToCluster(each, f"keyword {each}"), None if cluster == "waiting" else cluster, each in fixed)
        for cluster, members in clusters.items()
        for each in members
    ]


def proposals(**groups: str) -> list[ClusterProposal]:
    return [ClusterProposal(name.replace("_", " "), tuple(members), members[0]) for name, members in groups.items()]


def planned(there: Sequence[Placed], found: Sequence[ClusterProposal], *given_names: str) -> Plan:
    ids = {each.cluster_id for each in there if each.cluster_id}
    named = {each: Named(f"name of {each}", each in given_names) for each in ids}
    numbers = count(1)
    return plan(there, found, named, lambda: f"new {next(numbers)}")


def moves(of: Plan) -> dict[str, tuple[str | None, str]]:
    return {move.keyword_id: (move.origin, move.target) for move in of.moves}


def test_the_same_clusters_change_nothing_and_keep_their_names() -> None:
    found = planned(placed(a="123", b="45"), proposals(other="45", another="123"))
    assert (found.moves, found.names, found.homes, found.changes) == ([], {}, {}, [])
    assert found.counts["cluster_count"] == 2


def test_a_split_makes_a_new_cluster_and_both_are_named_anew() -> None:
    found = planned(placed(a="12345"), proposals(pots="123", lids="45"))
    assert moves(found) == {"4": ("a", "new 1"), "5": ("a", "new 1")}
    assert found.names == {"a": "pots", "new 1": "lids"}
    assert [(each["kind"], each["name"], each["keyword_count"]) for each in found.changes] == [
        ("KIND_SPLIT", "pots", 5),
        ("KIND_CREATED", "lids", 2),
    ]
    assert [part["keyword_count"] for part in found.changes[0]["parts"]] == [3, 2]


def test_a_name_that_a_person_gave_stays() -> None:
    found = planned(placed(a="12345"), proposals(pots="123", lids="45"), "a")
    assert found.names == {"new 1": "lids"}


def test_merged_clusters_go_to_the_largest_and_so_does_what_is_mapped_to_them() -> None:
    found = planned(placed(a="123", b="45", c="6"), proposals(all="123456"))
    assert found.homes == {"b": "a", "c": "a"}
    assert {each["kind"]: each["cluster_id"] for each in found.changes} == {"KIND_MERGED": "a", "KIND_EMPTIED": "c"}
    assert (found.counts["merged_count"], found.counts["emptied_count"], found.counts["cluster_count"]) == (1, 2, 1)


def test_what_people_placed_together_is_not_split() -> None:
    found = planned(placed("12345", a="12345"), proposals(pots="123", lids="45"))
    assert (found.moves, found.names, found.homes) == ([], {}, {})
    assert found.counts["created_count"] == 0


def test_what_people_placed_apart_is_not_merged_and_draws_others() -> None:
    found = planned(placed("1245", a="12", b="45", waiting="36"), proposals(all="123456"))
    assert moves(found) == {"3": (None, "a"), "6": (None, "a")}
    assert found.homes == {}
    assert (found.counts["joined_count"], found.counts["emptied_count"]) == (2, 0)


def test_two_clusters_may_exchange_names() -> None:
    there = placed(a="123", b="456")
    named = {"a": Named("pots"), "b": Named("lids")}
    found = plan(there, [ClusterProposal("lids", ("1", "2", "4"), "1"), ClusterProposal("pots", ("3", "5", "6"), "5")],
                 named, lambda: "new")  # fmt: skip
    assert found.names == {"a": "lids", "b": "pots"}


def test_what_waits_gets_clusters() -> None:
    assert moves(planned(placed(waiting="12"), proposals(all="12"))) == {"1": (None, "new 1"), "2": (None, "new 1")}


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from("123456789"), st.sampled_from(["a", "b", "c", ""]), min_size=1),
    st.lists(st.integers(0, 3), min_size=9, max_size=9),
    st.sets(st.sampled_from("123456789")),
)
def test_every_keyword_ends_where_it_was_proposed_or_where_a_person_put_it(
    before: dict[str, str], groups: list[int], fixed: set[str]
) -> None:
    there = [Placed(KeywordToCluster(each, each), before[each] or None, each in fixed) for each in sorted(before)]
    grouped = [[each for each in sorted(before) if groups[int(each) - 1] == number] for number in range(4)]
    made = [ClusterProposal(f"p{n}", tuple(g), g[0]) for n, g in enumerate(grouped) if g]
    found = planned(there, made)
    after = {each: cluster for each, cluster in before.items() if cluster} | {
        move.keyword_id: move.target for move in found.moves
    }
    assert set(after) == set(before)  # nobody is left without a cluster
    assert all(after[each] == before[each] for each in fixed & before.keys() if before[each])
    for proposal in made:
        free = [each for each in proposal.keyword_ids if each not in fixed or not before[each]]
        assert len({after[each] for each in free}) <= 1
    emptied = {cluster for cluster in before.values() if cluster} - set(after.values())
    assert set(found.homes) == emptied
    assert set(found.homes.values()) <= set(after.values())
    assert found.counts["cluster_count"] == len(set(after.values()))
    assert len({name.lower() for name in found.names.values()}) == len(found.names)
