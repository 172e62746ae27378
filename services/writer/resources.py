"""The writer's resources: what can be filtered, ordered, searched and changed."""

import re
from typing import Any

from igny8.writer.v1 import writer_pb2

from chassis.resource import Resource
from chassis.resource.rules import Rule, at_most, between, chosen, language
from services.writer import models
from services.writer.domain.quantities import WORDS_LEAST, WORDS_MOST
from services.writer.repository import terms

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LIST_MOST = 200


def _list_at_most(most: int) -> Rule:
    def rule(values: Any) -> str | None:
        if len(values) > _LIST_MOST or any(isinstance(v, str) and len(v) > most for v in values):
            return f"must have at most {_LIST_MOST} entries of at most {most} characters"
        return None

    return rule


def _slug(text: str) -> str | None:
    fits = len(text) <= 200 and _SLUG.fullmatch(text)  # noqa: PLR2004 - what WordPress stores
    return None if fits else "must be lower-case letters, digits and single hyphens, at most 200: espresso-grinders"


_PAGE_RULES: dict[str, Rule] = {
    "title": at_most(300, empty=False),
    "content_type": chosen,
    "content_structure": chosen,
    "primary_keyword": at_most(300),
}

TASK = Resource(
    message=writer_pb2.Task,
    table=models.Task,
    plural="tasks",
    filters=(
        "status",
        "sector_id",
        "cluster_id",
        "content_idea_id",
        "content_type",
        "content_structure",
        "disabled",
        "update_time",
    ),
    orders=("status", "title", "target_word_count", "update_time"),
    search=("title", "primary_keyword"),
    updates=(
        "title",
        "content_type",
        "content_structure",
        "primary_keyword",
        "keywords",
        "target_word_count",
        "audience",
        "tone",
        "brief",
        "outline",
        "language",
        "prompt_override",
        "disabled",
    ),
    rules={
        **_PAGE_RULES,
        "keywords": _list_at_most(300),
        "target_word_count": between(WORDS_LEAST, WORDS_MOST),
        "audience": at_most(500),
        "tone": at_most(500),
        "brief": at_most(5000),
        "outline": _list_at_most(1000),
        "language": language,
        "prompt_override": at_most(20_000),
    },
)

CONTENT = Resource(
    message=writer_pb2.Content,
    table=models.Content,
    plural="contents",
    filters=(
        "status",
        "source",
        "sector_id",
        "cluster_id",
        "task_id",
        "slug",
        "content_type",
        "content_structure",
        "word_count",
        "provider",
        "update_time",
    ),
    orders=("status", "title", "word_count", "update_time"),
    search=("title", "primary_keyword"),
    updates=(
        "title",
        "slug",
        "html",
        "excerpt",
        "meta_title",
        "meta_description",
        "primary_keyword",
        "secondary_keywords",
        "content_type",
        "content_structure",
    ),
    rules={
        **_PAGE_RULES,
        "slug": _slug,
        "excerpt": at_most(5000),
        "meta_title": at_most(300),
        "meta_description": at_most(500),
        "secondary_keywords": _list_at_most(300),
    },
    computed={"categories": terms.names_of("category"), "tags": terms.names_of("tag")},
    unique={
        "content_slug_key": "A content of the site has this slug; change one of the two.",
        "content_task_key": "The task of this content has another one; delete that first.",
    },
)

IMAGE = Resource(
    message=writer_pb2.Image,
    table=models.Image,
    plural="images",
    filters=("content_id", "kind", "position", "status", "sector_id", "provider"),
    orders=("content_id", "kind", "position", "status"),
    search=("prompt", "alt_text"),
    updates=("prompt", "alt_text"),
    rules={"prompt": at_most(2000, empty=False), "alt_text": at_most(300)},
    unique={"image_place_key": "Another image of the content stands in this place; delete it first."},
)

TERM = Resource(
    message=writer_pb2.TaxonomyTerm,
    table=models.TaxonomyTerm,
    plural="taxonomy_terms",
    noun="term",
    filters=("kind", "slug", "name", "sector_id"),
    orders=("name", "slug", "kind"),
    search=("name",),
    computed={"content_count": terms.content_count()},
)

MAPPING = Resource(
    message=writer_pb2.ContentClusterMapping,
    table=models.ContentClusterMapping,
    plural="content_cluster_mappings",
    filters=("content_id", "cluster_id", "role", "source", "sector_id"),
    search=(),
)
