"""The planner's resources: what can be filtered, ordered, searched and changed, and the rules of what is changed."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from google.protobuf.message import Message
from igny8.planner.v1 import planner_pb2, planner_service_pb2

from chassis.database import Database, Transaction
from chassis.errors import InvalidArgument, Violation
from chassis.resource import Resource, to_message
from chassis.resource.rules import at_most, between, chosen, language
from services.planner import models, translate
from services.planner.domain import CLUSTER_NAME_CHARS_MAX, country_problem, display_text, keyword_problem
from services.planner.ideas import TITLE_CHARS_MAX, WORDS_MAX
from services.planner.usecases.library import PROMOTIONS_MAX, Promotion

M = TypeVar("M", bound=Message)
_NAME_CHARS_MAX = 120
_TEXT_CHARS_MAX = 4_000
_ATTRIBUTES_CHARS_MAX = 20_000
_SECTIONS_MAX = 50
_VOLUME_MAX = 10**12  # as for a file's: a larger number is an id, or a slip


def _difficulty(value: float) -> str | None:
    in_range = math.isfinite(value) and 0 <= value <= 100  # noqa: PLR2004 - a share of 100
    return None if in_range else f"must be from 0 to 100, not {value}"


def _outline(value: Any) -> str | None:
    return None if len(value) <= _SECTIONS_MAX else f"has more than {_SECTIONS_MAX} sections"


SEED_KEYWORD = Resource(
    message=planner_pb2.SeedKeyword,
    table=models.SeedKeywordLibrary,
    plural="seed_keywords",
    filters=("industry_id", "industry_sector_id", "intent", "country", "volume", "difficulty", "text"),
    orders=("volume", "difficulty", "text"),
    search=("text",),
)
PLATFORM_SEED = Resource(
    message=planner_pb2.SeedKeyword,
    table=models.SeedKeyword,
    plural="seed_keywords",
    filters=tuple(SEED_KEYWORD.filters),
    orders=tuple(SEED_KEYWORD.orders),
    search=("text",),
    catalogue=True,
)
KEYWORD = Resource(
    message=planner_pb2.Keyword,
    table=models.Keyword,
    plural="keywords",
    filters=(
        *("sector_id", "cluster_id", "status", "disabled", "intent", "intent_source", "country", "text"),
        *("volume", "difficulty", "impressions", "cpc_micros", "clicks", "position"),
        *("update_time", "delete_time"),
    ),
    orders=("volume", "difficulty", "impressions", "cpc_micros", "text", "update_time"),
    search=("text",),
    updates=(
        *("volume", "difficulty", "intent", "country", "impressions", "cluster_id", "disabled"),
        "attributes_json",
    ),
    rules={
        "volume": between(0, _VOLUME_MAX),
        "difficulty": _difficulty,
        "country": country_problem,
        "impressions": between(0, _VOLUME_MAX),
        "attributes_json": at_most(_ATTRIBUTES_CHARS_MAX),
    },
    computed={
        "seed_keyword_id": sa.func.coalesce(
            models.Keyword.__table__.c.seed_keyword_id, models.Keyword.__table__.c.private_seed_keyword_id
        ),
        "volume": models.applying("volume"),
        "difficulty": models.applying("difficulty"),
        "intent": models.applying_intent(),
        "intent_source": models.intent_source(),
    },
)
CLUSTER = Resource(
    message=planner_pb2.Cluster,
    table=models.Cluster,
    plural="clusters",
    filters=(
        *("sector_id", "status", "disabled", "name", "volume", "difficulty"),
        *("keyword_count", "idea_count", "content_count", "name_given"),
        *("informational_count", "navigational_count", "commercial_count", "transactional_count"),
    ),
    orders=("volume", "difficulty", "keyword_count", "idea_count", "content_count", "name", "update_time"),
    search=("name", "description"),
    updates=("name", "description", "disabled"),
    rules={"name": at_most(CLUSTER_NAME_CHARS_MAX, empty=False), "description": at_most(_TEXT_CHARS_MAX)},
    unique={"cluster_live_name_key": "A cluster of this name exists in the sector; choose another."},
)
CONTENT_IDEA = Resource(
    message=planner_pb2.ContentIdea,
    table=models.ContentIdea,
    plural="content_ideas",
    filters=(
        *("sector_id", "cluster_id", "status", "disabled", "content_type", "content_structure", "language"),
        *("priority", "estimated_word_count", "primary_keyword", "title", "provider", "needs_review"),
        *("assigned_user_id", "content_id", "verdict", "overlap_score", "overlap_id", "overruled_by"),
    ),
    orders=("priority", "title", "estimated_word_count", "update_time"),
    search=("title", "primary_keyword", "brief"),
    updates=(
        *("title", "content_type", "content_structure", "primary_keyword", "audience", "tone"),
        *("estimated_word_count", "brief", "call_to_action", "outline", "language", "priority", "disabled"),
        *("assigned_user_id", "needs_review"),
    ),
    rules={
        "title": at_most(TITLE_CHARS_MAX, empty=False),
        "content_type": chosen,
        "content_structure": chosen,
        "primary_keyword": at_most(_NAME_CHARS_MAX),
        "audience": at_most(_TEXT_CHARS_MAX),
        "tone": at_most(_TEXT_CHARS_MAX),
        "estimated_word_count": between(0, WORDS_MAX),
        "brief": at_most(_TEXT_CHARS_MAX),
        "call_to_action": at_most(_TEXT_CHARS_MAX),
        "outline": _outline,
        "language": language,
    },
    computed={"keywords": models.idea_keywords()},
)
RECLUSTERING = Resource(
    message=planner_pb2.Reclustering,
    table=models.Reclustering,
    plural="reclusterings",
    filters=("sector_id", "status"),
    orders=("update_time",),
)
RECLUSTERING_MOVE = Resource(
    message=planner_pb2.ReclusteringMove,
    table=models.ReclusteringMove,
    plural="reclustering_moves",
    filters=("reclustering_id", "keyword_id", "keyword", "from_cluster_id", "to_cluster_id", "from_name", "to_name"),
    orders=("keyword", "from_name", "to_name"),
    search=("keyword",),
)
KEYWORD_IMPORT = Resource(
    message=planner_pb2.KeywordImport,
    table=models.KeywordImport,
    plural="keyword_imports",
    filters=("sector_id", "status", "layout", "filename"),
    orders=("update_time",),
    search=("filename",),
)
IMPORT_SKIPPED_LINE = Resource(
    message=planner_pb2.ImportSkippedLine,
    table=models.ImportSkippedLine,
    plural="import_skipped_lines",
    filters=("keyword_import_id", "reason", "line"),
    orders=("line",),
    search=("text",),
)
SEED_CANDIDATE = Resource(
    message=planner_pb2.SeedCandidate,
    table=models.SeedCandidate,
    plural="seed_candidates",
    filters=("industry_id", "industry_sector_id", "text", "account_count"),
    orders=("account_count", "text"),
    search=("text",),
    catalogue=True,
    order="account_count desc",
)
LIBRARY_CHANGE = Resource(
    message=planner_pb2.LibraryChange,
    table=models.LibraryChange,
    plural="library_changes",
    filters=("kind", "status", "filename", "created_by", "applied_by", "apply_time"),
    orders=("apply_time",),
    search=("filename",),
    catalogue=True,
)
LIBRARY_CHANGE_LINE = Resource(
    message=planner_pb2.LibraryChangeLine,
    table=models.LibraryChangeLine,
    plural="library_change_lines",
    filters=("library_change_id", "outcome", "reason", "line", "industry_sector_id", "seed_keyword_id", "text"),
    orders=("line", "text", "volume"),
    search=("text",),
    catalogue=True,
)


def bulk_changes(given: planner_pb2.Keyword, paths: Sequence[str]) -> dict[str, Any]:
    """Return the columns that a bulk update gives to every keyword: all that an update may change but the cluster.

    Raises:
        InvalidArgument: a field cannot be changed, not to this, or not of many at once.
    """
    if "cluster_id" in paths or given.cluster_id:
        raise InvalidArgument.field("keyword.cluster_id", "cannot be changed of many at once; move them to the cluster")
    return KEYWORD.changes(given, paths)


def cluster(transaction: Transaction, cluster_id: UUID) -> planner_pb2.Cluster:
    """Return a cluster that this transaction has written."""
    return _written(transaction, CLUSTER, planner_pb2.Cluster, cluster_id)


def reclustering(transaction: Transaction, reclustering_id: UUID) -> planner_pb2.Reclustering:
    """Return a reclustering that this transaction has written."""
    return _written(transaction, RECLUSTERING, planner_pb2.Reclustering, reclustering_id)


def promotions(request: planner_service_pb2.PromoteSeedCandidatesRequest) -> list[Promotion]:
    """Return what an operator wants to take into the library, by the rules of keywords.

    Raises:
        InvalidArgument: there are too many, or a field of one cannot be stored.
    """
    if len(request.promotions) > PROMOTIONS_MAX:
        raise InvalidArgument.field(
            "promotions", f"has {len(request.promotions):,}; at most {PROMOTIONS_MAX:,} are taken"
        )
    violations = []
    for number, given in enumerate(request.promotions):
        told = {name: KEYWORD.rules[name](getattr(given, name)) for name in ("volume", "difficulty", "country")}
        told["text"] = keyword_problem(display_text(given.text))
        violations += [Violation(f"promotions[{number}].{name}", text) for name, text in told.items() if text]
    if violations:
        raise InvalidArgument("; ".join(f"{v.field}: {v.description}" for v in violations[:5]), violations=violations)
    return [translate.promotion(given) for given in request.promotions]


def content_idea(transaction: Transaction, idea_id: UUID) -> planner_pb2.ContentIdea:
    """Return an idea that this transaction has written."""
    return _written(transaction, CONTENT_IDEA, planner_pb2.ContentIdea, idea_id)


def library_change(database: Database, change_id: UUID) -> planner_pb2.LibraryChange:
    """Return a change of the library, under the role that may see it."""
    selected = sa.select(*LIBRARY_CHANGE.columns.values()).where(LIBRARY_CHANGE.table.c.id == change_id)
    with database.untenanted() as connection:
        return to_message(planner_pb2.LibraryChange, connection.execute(selected).mappings().one())


def keyword(transaction: Transaction, keyword_id: UUID) -> planner_pb2.Keyword:
    """Return a keyword that this transaction has written."""
    return _written(transaction, KEYWORD, planner_pb2.Keyword, keyword_id)


def _written(transaction: Transaction, resource: Resource, message: type[M], row_id: UUID) -> M:
    selected = sa.select(*resource.columns.values()).where(resource.table.c.id == row_id)
    return to_message(message, transaction.execute(selected).mappings().one())
