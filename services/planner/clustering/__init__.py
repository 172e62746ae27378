"""Grouping keywords into topics and pages: pure, no database. `interface` is the promise, `method` how it is kept."""

from services.planner.clustering.apart import ApartClusterer, Interrupted
from services.planner.clustering.interface import Clusterer, ClusterProposal, KeywordToCluster, Level, Progress
from services.planner.clustering.method import SemanticClusterer

__all__ = [
    "ApartClusterer",
    "ClusterProposal",
    "Clusterer",
    "Interrupted",
    "KeywordToCluster",
    "Level",
    "Progress",
    "SemanticClusterer",
]
