"""What a clustering method takes and gives, whichever method it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Level(StrEnum):
    """How large a cluster is: a topic has room for several pages, a page answers one search."""

    TOPIC = "topic"
    PAGE = "page"


Progress = Callable[[str, int, int], None]
"""Called now and then with what is being done, how much of it is done, and of how much."""


def silent(what: str, done: int, of: int) -> None:
    """Tell nobody how far it is."""


@dataclass(frozen=True, slots=True)
class KeywordToCluster:
    """A keyword as a method sees it. `volume` is searches a month, or None when nobody stated it."""

    id: str
    text: str
    volume: int | None = None


@dataclass(frozen=True, slots=True)
class ClusterProposal:
    """A group of keywords that one topic, or one page, answers.

    name: one to three words, lower case, unlike every other name of the same call. keyword_ids: at least one,
    the primary first. primary_keyword_id: the keyword with the highest volume, which the cluster's page aims
    at.
    """

    name: str
    keyword_ids: Sequence[str]
    primary_keyword_id: str


@dataclass(frozen=True, slots=True)
class Growth:
    """Where new keywords go: joined: keyword id -> id of an old cluster. proposals: of those that join none."""

    joined: Mapping[str, str]
    proposals: Sequence[ClusterProposal]


Meanings = Mapping[str, bytes]
"""What a model says that texts mean: normalised text -> its vector, float16 little-endian, all of one width."""
AS_THE_DATA_SAYS = 1.0
"""The granularity that a method finds by itself: more makes more and smaller clusters, less fewer and larger ones."""


class Clusterer(Protocol):
    """A clustering method.

    Every keyword is in exactly one proposal, and the answer does not depend on the order of the input. How
    few keywords are worth clustering is not the method's to say: see `domain.require_enough_keywords`.
    """

    def cluster(
        self,
        keywords: Sequence[KeywordToCluster],
        granularity: float = AS_THE_DATA_SAYS,
        *,
        meanings: Meanings | None = None,
    ) -> list[ClusterProposal]:
        """Group `keywords`; the proposals come with the most searched first.

        Args:
            keywords: which.
            granularity: see AS_THE_DATA_SAYS.
            meanings: of all of their texts; when absent the method knows what they mean by itself.
        """
        ...

    def grow(
        self,
        old: Sequence[tuple[str, str]],
        new: Sequence[KeywordToCluster],
        granularity: float = AS_THE_DATA_SAYS,
        *,
        pool_minimum: int = 1,
        meanings: Meanings | None = None,
    ) -> Growth:
        """Place new keywords beside old clusters, of which none changes; see `growth.grow`."""
        ...
