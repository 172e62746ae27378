"""Grouping keywords into topics: pure, no database. `interface` is the promise, `lexical` one method."""

from services.planner.clustering.apart import ApartClusterer, Interrupted
from services.planner.clustering.interface import Clusterer, ClusterProposal, KeywordToCluster
from services.planner.clustering.lexical import LexicalClusterer

__all__ = ["ApartClusterer", "ClusterProposal", "Clusterer", "Interrupted", "KeywordToCluster", "LexicalClusterer"]
