"""What the writer knows of the planner's rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Idea:
    """An idea of the planner; `status` and the enums as they are stored, `outline` as heading and points."""

    id: UUID
    sector_id: UUID
    cluster_id: UUID
    title: str
    content_type: str
    content_structure: str
    primary_keyword: str
    keywords: Sequence[str]
    audience: str
    tone: str
    brief: str
    call_to_action: str
    outline: Sequence[Mapping[str, Any]]
    language: str
    word_count: int
    status: str
    disabled: bool
    needs_review: bool
    verdict: str
    overlap_reason: str


@dataclass(frozen=True)
class IdeaPage:
    """Some ideas; `new_total` is how many the query has that this is the first page of, 0 on its later pages."""

    ideas: Sequence[Idea]
    new_total: int


@dataclass(frozen=True)
class Cluster:
    """A cluster of the planner."""

    id: UUID
    sector_id: UUID
