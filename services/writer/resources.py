"""The writer's resources: what can be filtered, ordered, searched and changed."""

import re
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from igny8.writer.v1 import writer_pb2

from chassis.errors import InvalidArgument
from chassis.resource import Resource, from_message
from services.writer import models
from services.writer.domain.quantities import WORDS_LEAST, WORDS_MOST
from services.writer.repository import terms

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_LIST_MOST = 200
Rule = Callable[[Any], str | None]


def _at_most(most: int, *, empty: bool = True) -> Rule:
    def rule(text: str) -> str | None:
        if not empty and not text.strip():
            return "must not be empty"
        return None if len(text) <= most else f"must have at most {most} characters"

    return rule


def _list_at_most(most: int) -> Rule:
    def rule(values: Any) -> str | None:
        if len(values) > _LIST_MOST or any(isinstance(v, str) and len(v) > most for v in values):
            return f"must have at most {_LIST_MOST} entries of at most {most} characters"
        return None

    return rule


def _chosen(number: int) -> str | None:
    return None if number else "must be one of its values"


def _slug(text: str) -> str | None:
    fits = len(text) <= 200 and _SLUG.fullmatch(text)  # noqa: PLR2004 - what WordPress stores
    return None if fits else "must be lower-case letters, digits and single hyphens, at most 200: espresso-grinders"


def _words(number: int) -> str | None:
    return None if WORDS_LEAST <= number <= WORDS_MOST else f"must be from {WORDS_LEAST} to {WORDS_MOST}"


def _language(text: str) -> str | None:
    return None if not text or _LANGUAGE.fullmatch(text) else "must be a BCP 47 tag: en, pt-BR"


_PAGE_RULES: dict[str, Rule] = {
    "title": _at_most(300, empty=False),
    "content_type": _chosen,
    "content_structure": _chosen,
    "primary_keyword": _at_most(300),
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
        "target_word_count": _words,
        "audience": _at_most(500),
        "tone": _at_most(500),
        "brief": _at_most(5000),
        "outline": _list_at_most(1000),
        "language": _language,
        "prompt_override": _at_most(20_000),
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
        "excerpt": _at_most(5000),
        "meta_title": _at_most(300),
        "meta_description": _at_most(500),
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
    rules={"prompt": _at_most(2000, empty=False), "alt_text": _at_most(300)},
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


def changes(resource: Resource, given: Message, paths: list[str]) -> dict[str, Any]:
    """Return the columns that an update names, checked; those that are set when it names none.

    For what is updated by a use case of its own, with the same rules as the standard Update.

    Raises:
        InvalidArgument: a field cannot be changed, or not to this.
    """
    fields = paths or [name for name in resource.updates if getattr(given, name)]
    if not fields:
        raise InvalidArgument.field("update_mask", f"names no field; {', '.join(resource.updates)} can be changed")
    for name in fields:
        if name not in resource.updates:
            options = ", ".join(resource.updates)
            raise InvalidArgument.field(f"{resource.singular}.{name}", f"cannot be changed; only {options} can")
    check(resource, given, fields)
    return from_message(given, fields)


def check(resource: Resource, given: Message, fields: list[str]) -> None:
    """Check values against a resource's rules.

    Raises:
        InvalidArgument: naming the first that is wrong.
    """
    for name in fields:
        problem = resource.rules[name](getattr(given, name)) if name in resource.rules else None
        if problem:
            raise InvalidArgument.field(f"{resource.singular}.{name}", problem)
