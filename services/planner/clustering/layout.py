"""Where clusters lie on a map: near ones side by side, none on another. Pure numbers; the drawing is somebody
else's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.planner.clustering.communities import regions
from services.planner.clustering.interface import ClusterProposal, KeywordToCluster
from services.planner.clustering.neighbours import nearest_among
from services.planner.clustering.table import shipped_table
from services.planner.clustering.vectors import Embedding, Floats
from services.planner.domain import normalise

MEMBERS_MAX = 200
"""So many of a cluster's most searched keywords say where it lies."""
RADIUS_MIN, RADIUS_MAX = 0.022, 0.105
"""Of a circle, as a share of the map's side. The area goes with the searches; the smallest is still seen."""
GAP = 0.004
_NOTHING = 1e-9
ROUNDS = 600
PULLS = 3
"""A circle is pulled to so many others that are nearest in meaning."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Circle:
    """A cluster on the map: centre and radius in shares of its longer side, from its upper left corner.

    region: from 0, of what belongs together.
    """

    x: float
    y: float
    radius: float
    region: int
    name: str
    keywords: int
    volume: int


def lay_out(keywords: Sequence[KeywordToCluster], proposals: Sequence[ClusterProposal]) -> list[Circle]:
    """Return a circle a cluster; the same for the same clusters, whatever the machine's mood.

    Args:
        keywords: all that the proposals name, whatever their order.
        proposals: the clusters to show, at least one; a few hundred can be read.
    """
    by_id = {keyword.id: keyword for keyword in keywords}
    shown = [[by_id[each] for each in proposal.keyword_ids[:MEMBERS_MAX]] for proposal in proposals]
    volumes = [sum(by_id[each].volume or 0 for each in proposal.keyword_ids) for proposal in proposals]
    sizes = volumes if any(volumes) else [len(proposal.keyword_ids) for proposal in proposals]
    centres = _centres(shown)
    radii = _radii(np.array(sizes, np.float64))
    points, radii = _fitted(_settle(_start(centres), radii, centres), radii)
    region = regions(centres)
    return [
        Circle(x, y, radius, int(region[index]), proposal.name, len(proposal.keyword_ids), volumes[index])
        for index, (proposal, (x, y), radius) in enumerate(zip(proposals, points.tolist(), radii.tolist(), strict=True))
    ]


def _centres(clusters: Sequence[Sequence[KeywordToCluster]]) -> Floats:
    home = {normalise(keyword.text): number for number, members in enumerate(clusters) for keyword in members}
    texts = sorted(home)
    labels = np.array([home[text] for text in texts])
    return Embedding(texts, shipped_table()).centres(labels, len(clusters))


def _radii(sizes: Points) -> Points:
    """Radii whose squares go with the sizes, and that fill about half of the map."""
    roots = np.sqrt(np.maximum(sizes, 0) / max(1.0, float(sizes.max())))
    fill = np.sqrt(0.42 / np.pi / max(1e-9, float(np.square(np.maximum(roots, 0.12)).sum())))
    smallest = min(RADIUS_MIN, 0.3 / len(sizes) ** 0.5)
    radii: Points = np.clip(roots * fill, smallest, RADIUS_MAX)
    return radii


def _start(centres: Floats) -> Points:
    """The two main directions of the centres, each spread evenly over the map."""
    centred = centres - centres.mean(axis=0)
    left, _, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    flat = np.zeros((len(centres), 2))
    flat[:, : min(2, left.shape[1])] = left[:, :2]
    ranks = np.argsort(np.argsort(flat, axis=0, kind="stable"), axis=0, kind="stable")
    spread: Points = (ranks + 0.5) / len(centres)
    return spread


def _settle(points: Points, radii: Points, centres: Floats) -> Points:
    """Pull what is alike together and push apart what overlaps, ever more gently; at the end only push."""
    near = nearest_among(centres, centres, own=True)
    to, pull = near.indexes[:, :PULLS], np.maximum(near.similarities[:, :PULLS], 0)
    reach = radii[:, None] + radii[None, :] + GAP
    np.fill_diagonal(reach, 0)
    for turn in range(ROUNDS):
        if to.size and turn < ROUNDS * 2 // 3:
            towards = points[to] - points[:, None]
            far = np.linalg.norm(towards, axis=2) > reach[np.arange(len(points))[:, None], to]
            points = points + 0.04 * (towards * (pull * far)[:, :, None]).sum(axis=1)
            points += 0.004 * (0.5 - points)
        points = np.clip(points + _pushes(points, reach), radii[:, None], 1 - radii[:, None])
    return points


def _fitted(points: Points, radii: Points) -> tuple[Points, Points]:
    """The same picture moved to the upper left corner, and as large as its longer side allows."""
    low, high = (points - radii[:, None]).min(axis=0), (points + radii[:, None]).max(axis=0)
    scale = 1 / float((high - low).max())
    return (points - low) * scale, radii * scale


def _pushes(points: Points, reach: Points) -> Points:
    """Half of what each pair overlaps by, away from each other."""
    apart = points[:, None] - points[None, :]
    distance = np.linalg.norm(apart, axis=2)
    overlap = np.maximum(reach - distance, 0)
    same = (distance < _NOTHING) & (reach > 0)
    apart[same] = np.array([1e-6, 1e-6])  # two on one spot go apart along a line of their own
    apart[np.tril(same)] *= -1
    direction = apart / np.maximum(np.linalg.norm(apart, axis=2, keepdims=True), _NOTHING)
    pushed: Points = 0.5 * (direction * overlap[:, :, None]).sum(axis=1) * 0.6
    return pushed
