"""What clustering a sector again would change, put so that it can be shown, and carried out later. Pure.

What people decided is kept: a keyword that somebody placed stays where it is, and a name that somebody gave stays.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.planner.clustering import ClusterProposal, KeywordToCluster
from services.planner.clustering.changes import Changes, compare
from services.planner.domain import free_name

CHANGES_MAX = 1_000
"""As many changes are told one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A keyword where it is. cluster_id: None while it waits for one. is_fixed: a person put it there."""

    keyword: KeywordToCluster
    cluster_id: str | None
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A cluster's name; `is_given` by a person."""

    name: str
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A keyword that goes elsewhere. `origin` is None when it had no cluster."""

    keyword_id: str
    origin: str | None
    target: str


@dataclass(frozen=True)
class Plan:
    """What would change.

    moves: of keywords. names: of the clusters that are new, or get another name. homes: of each cluster that has no
    keyword left, the one that gets its ideas and contents. changes: the first of them, as the wire tells them. counts:
    of all, by the name of their column.
    """

    moves: Sequence[Move]
    names: Mapping[str, str]
    homes: Mapping[str, str]
    changes: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int] = field(default_factory=dict)


def plan(
    placed: Sequence[Placed],
    proposals: Sequence[ClusterProposal],
    named: Mapping[str, Named],
    new_id: Callable[[], str],
) -> Plan:
    """Compare what clustering all keywords again has proposed with where they are.

    Args:
        placed: every keyword that was clustered, and its cluster.
        proposals: of clustering them.
        named: every cluster of the sector.
        new_id: makes the id of a cluster that is new.
    """
    old = {each.keyword.id: each.cluster_id for each in placed if each.cluster_id}
    fixed = {each.keyword.id for each in placed if each.is_fixed and each.cluster_id}
    changes = compare(old, proposals, fixed)
    targets = [
        cluster_id or (new_id() if any(each not in fixed for each in proposal.keyword_ids) else "")
        for cluster_id, proposal in zip(changes.cluster_ids, proposals, strict=True)
    ]
    moves = [
        Move(keyword_id, old.get(keyword_id), target)
        for target, proposal in zip(targets, proposals, strict=True)
        for keyword_id in proposal.keyword_ids
        if keyword_id not in fixed and old.get(keyword_id) != target
    ]
    names = _names(targets, proposals, named, moves, {each.keyword.id: each.keyword.text for each in placed})
    homes = {each: targets[home] for each, home in changes.gone.items() if home is not None and targets[home]}
    told = _Telling(targets, {each: name.name for each, name in named.items()} | names, old, proposals, changes)
    return Plan(moves, names, homes, told.changes(homes), told.counts(moves, homes))


def _names(
    targets: Sequence[str],
    proposals: Sequence[ClusterProposal],
    named: Mapping[str, Named],
    moves: Sequence[Move],
    texts: Mapping[str, str],
) -> dict[str, str]:
    """Name the new clusters, and those whose keywords change unless a person named them."""
    changed = {move.target for move in moves} | {move.origin for move in moves if move.origin}
    renamed = {each for each in targets if each in changed and not (each in named and named[each].is_given)}
    taken = {name.name.lower() for each, name in named.items() if each not in renamed}
    names: dict[str, str] = {}
    for target, proposal in zip(targets, proposals, strict=True):
        if target not in renamed:
            continue
        name = free_name((proposal.name, texts[proposal.primary_keyword_id]), taken)
        taken.add(name.lower())
        if target not in named or named[target].name != name:
            names[target] = name
    return names


@dataclass(frozen=True)
class _Telling:
    """Says changes as the wire has them."""

    targets: Sequence[str]
    names: Mapping[str, str]
    old: Mapping[str, str]
    proposals: Sequence[ClusterProposal]
    told: Changes

    def changes(self, homes: Mapping[str, str]) -> list[dict[str, Any]]:
        sizes, after = Counter(self.old.values()), self._after()
        shared = self._shared()
        splits = [
            self._change("KIND_SPLIT", cluster_id, sizes[cluster_id], [(i, shared[cluster_id, i]) for i in indexes])
            for cluster_id, indexes in self.told.split.items()
        ]
        merges = [
            self._change("KIND_MERGED", self.targets[index], after[index], _sources(ids, index, shared))
            for index, ids in self.told.merged.items()
            if self.targets[index]
        ]
        created = [
            self._change("KIND_CREATED", target, after[index], [])
            for index, target in enumerate(self.targets)
            if target and self.told.cluster_ids[index] is None
        ]
        emptied = [
            self._change("KIND_EMPTIED", cluster_id, sizes[cluster_id], [(home, sizes[cluster_id])])
            for cluster_id, home in homes.items()
        ]
        kinds = (splits, merges, created, emptied)
        return [each for kind in kinds for each in sorted(kind, key=_largest_first)][:CHANGES_MAX]

    def counts(self, moves: Sequence[Move], homes: Mapping[str, str]) -> dict[str, int]:
        created = [t for t, was in zip(self.targets, self.told.cluster_ids, strict=True) if t and was is None]
        living = set(self.old.values()) - set(self.told.gone)
        return {
            "keyword_count": sum(self._after()),
            "cluster_count": len(living) + len(created),
            "moved_count": sum(move.origin is not None for move in moves),
            "joined_count": sum(move.origin is None for move in moves),
            "created_count": len(created),
            "split_count": len(self.told.split),
            "merged_count": len(self.told.merged),
            "emptied_count": len(homes),
        }

    def _after(self) -> list[int]:
        return [len(proposal.keyword_ids) for proposal in self.proposals]

    def _shared(self) -> Counter[tuple[str, int]]:
        return Counter(
            (self.old[each], index)
            for index, proposal in enumerate(self.proposals)
            for each in proposal.keyword_ids
            if each in self.old
        )

    def _change(self, kind: str, cluster_id: str, count: int, parts: Sequence[tuple[int | str, int]]) -> dict[str, Any]:
        ids = [(self.targets[part] if isinstance(part, int) else part, shared) for part, shared in parts]
        return {
            "kind": kind,
            "cluster_id": cluster_id,
            "name": self.names.get(cluster_id, ""),
            "keyword_count": count,
            "parts": [
                {"cluster_id": part, "name": self.names.get(part, ""), "keyword_count": shared}
                for part, shared in ids
                if part
            ],
        }


def _sources(ids: Sequence[str], index: int, shared: Mapping[tuple[str, int], int]) -> list[tuple[int | str, int]]:
    """Return the clusters that a proposal has a part of, with how many keywords they share."""
    return [(cluster_id, shared[cluster_id, index]) for cluster_id in ids]


def _largest_first(change: Mapping[str, Any]) -> tuple[int, str]:
    return -change["keyword_count"], change["cluster_id"]
