"""Grouping keywords into topics and pages: pure, no database. `interface` is the promise, `method` how it is kept."""

from services.planner.clustering.apart import ApartClusterer, Interrupted
from services.planner.clustering.interface import (
    AS_THE_DATA_SAYS,
    Clusterer,
    ClusterProposal,
    Growth,
    KeywordToCluster,
    Level,
    Meanings,
    Progress,
)
from services.planner.clustering.method import SemanticClusterer

__all__ = [
    "AS_THE_DATA_SAYS",
    "ApartClusterer",
    "ClusterProposal",
    "Clusterer",
    "Growth",
    "Interrupted",
    "KeywordToCluster",
    "Level",
    "Meanings",
    "Progress",
    "SemanticClusterer",
]
