"""What other services tell the planner. Each fact is taken in once; what it names may be gone, then it says nothing."""

from collections.abc import Mapping

from chassis.database import Transaction
from chassis.errors import InvalidArgument
from chassis.ids import parse_id
from chassis.outbox import Fact, Handler
from services.planner.overlap import subject
from services.planner.repository import clusters, ideas, limits, overlap
from services.planner.usecases.overlap import compare_again


def task_created(transaction: Transaction, fact: Fact) -> None:
    """The writer has a task for an idea: {content_idea_id}."""
    idea_id = parse_id(_text(fact, "content_idea_id"))
    if idea_id:
        ideas.queue(transaction, idea_id)


def content_created(transaction: Transaction, fact: Fact) -> None:
    """The writer has written something: {content_id, content_idea_id, cluster_id, title, primary_keyword}.

    Idea and cluster may be empty. Ideas for the same search learn of it.
    """
    content_id = parse_id(_text(fact, "content_id"))
    idea_id, cluster_id = parse_id(_text(fact, "content_idea_id")), parse_id(_text(fact, "cluster_id"))
    about = subject(_text(fact, "primary_keyword") or _text(fact, "title"))
    if content_id and idea_id:
        ideas.finish(transaction, idea_id, content_id)
    elif content_id and fact.site_id:
        overlap.remember_page(transaction, fact.site_id, content_id, _text(fact, "title"), about)
    if fact.site_id:
        compare_again(transaction, fact.site_id, about)
    if content_id and cluster_id:
        clusters.map_content(transaction, cluster_id, content_id)


def content_published(transaction: Transaction, fact: Fact) -> None:
    """What was written is on a site: {content_id, content_idea_id, url}; the idea may be empty.

    It may be heard of before `writer.content_created`, so it says whatever that says of the idea.
    """
    content_id, idea_id = parse_id(_text(fact, "content_id")), parse_id(_text(fact, "content_idea_id"))
    if content_id and idea_id:
        ideas.finish(transaction, idea_id, content_id, url=_text(fact, "url"))
    elif content_id:
        overlap.place_page(transaction, content_id, _text(fact, "url"))


def plan_changed(transaction: Transaction, fact: Fact) -> None:
    """The account has another plan: {plan, max_keywords}.

    Raises:
        InvalidArgument: max_keywords is no count.
    """
    most = fact.payload.get("max_keywords")
    if type(most) is not int or most < 0:
        raise InvalidArgument.field("event.payload.max_keywords", "must be a whole number from 0 on")
    limits.put(transaction, fact.account_id, _text(fact, "plan"), most)


HANDLERS: Mapping[str, Handler] = {
    "writer.task_created": task_created,
    "writer.content_created": content_created,
    "writer.content_published": content_published,
    "billing.plan_changed": plan_changed,
}
"""What the planner wants to know, by kind."""


def _text(fact: Fact, name: str) -> str:
    value = fact.payload.get(name)
    return value if isinstance(value, str) else ""
