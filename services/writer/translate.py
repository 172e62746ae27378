"""Rows to messages and back, beyond what the resources do by themselves."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from igny8.writer.v1 import writer_pb2

from chassis.resource import from_message, to_message
from services.writer.domain.quantities import word_target
from services.writer.usecases.contents import Publishable

Row = Mapping[str, Any] | sa.RowMapping
_NEW_TASK = (
    "content_idea_id",
    "taxonomy_term_id",
    "title",
    "content_type",
    "content_structure",
    "primary_keyword",
    "audience",
    "tone",
    "brief",
    "outline",
    "language",
    "prompt_override",
    "disabled",
)


def task(row: Row) -> writer_pb2.Task:
    """Return a task as its message."""
    return to_message(writer_pb2.Task, row)


def content(row: Row) -> writer_pb2.Content:
    """Return a content as its message."""
    return to_message(writer_pb2.Content, row)


def publishable(found: Publishable) -> writer_pb2.Publishable:
    """Return a content with its pictures as its message."""
    pictures = [to_message(writer_pb2.Image, row) for row in found.images]
    return writer_pb2.Publishable(content=content(found.content), images=pictures)


def new_task(task: writer_pb2.Task) -> dict[str, Any]:
    """Return the columns of a task that a person makes; what it leaves open gets its default."""
    values = from_message(task, _NEW_TASK)
    values["content_type"] = values["content_type"] or "post"
    values["content_structure"] = values["content_structure"] or "article"
    values["keywords"] = list(task.keywords)
    values["target_word_count"] = word_target(task.target_word_count)
    return values
