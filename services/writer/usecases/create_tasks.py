"""`create_tasks`: every new idea of the planner becomes a task, once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from chassis.database import Database, Transaction
from chassis.errors import FailedPrecondition
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Made, Selection, WithoutModel, Work, applied, apply_once
from services.writer.clients import Planner
from services.writer.domain.ideas import Idea
from services.writer.domain.quantities import word_target
from services.writer.repository import tasks
from services.writer.usecases.tasks import announce

NAME = "create_tasks"


class CreateTasks(WithoutModel):
    """Makes the tasks of ideas.

    Args:
        database: the writer's.
        planner: where the ideas are.
    """

    def __init__(self, database: Database, planner: Planner) -> None:
        super().__init__(database, NAME)
        self._planner = planner

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:  # noqa: ARG002 - no option bears on it
        """Return new ideas without a task, most important first.

        The planner learns of a task by an event, a moment later: until then the idea still looks new there. The total
        leaves out those that were met; it may count a few others that are on their way.
        """
        found: list[Idea] = []
        total = 0
        for page in self._planner.new_ideas(tenant, subject_ids):
            with self._database.transaction(tenant) as transaction:
                taken = tasks.of_ideas(transaction, [idea.id for idea in page.ideas])
            found += [idea for idea in page.ideas if idea.id not in taken]
            total += page.new_total - len(taken)
            if len(found) >= limit and not subject_ids:
                break
        items = [Item(idea.id, "content_idea", idea.title, 1, 1) for idea in found[: max(limit, 0)]]
        return Selection(items, max(total, len(found)))

    def apply(self, work: Work, answer: Answer | None) -> Applied:  # noqa: ARG002 - needs no model
        """Make the idea's task; one that is there already is returned.

        Raises:
            NotFound: the site has no such idea.
            FailedPrecondition: the idea is disabled, waits for a person or would compete with another page of the site,
                or its sector is no longer the site's.
            Unavailable: the planner cannot be reached.
        """
        with self._database.transaction(work.tenant) as transaction:
            stored = applied(transaction, work)
        if stored is not None:
            return stored
        idea = self._planner.idea(work.tenant, work.subject_id)
        _check(idea, work.tenant)
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(transaction, NAME, work, lambda: _store(transaction, work.tenant, idea))


def _check(idea: Idea, tenant: Tenant) -> None:
    if idea.disabled:
        raise FailedPrecondition(f"The idea {idea.id} is disabled; enable it to have it written.")
    if idea.needs_review:
        raise FailedPrecondition(f"The idea {idea.id} waits for a person to look at it; clear its needs_review.")
    if idea.verdict != "write":
        why = idea.overlap_reason or "a person has decided so."
        raise FailedPrecondition(f"The idea {idea.id} is not to be written: {why} Overrule it to have it written.")
    if tenant.sector(idea.sector_id) is None:
        raise FailedPrecondition(f"The sector of the idea {idea.id} is not one of the site's.")


def _store(transaction: Transaction, tenant: Tenant, idea: Idea) -> Applied:
    row = _task(tenant, idea)
    task_id = tasks.add(transaction, row)
    if task_id is None:
        existing = tasks.of_ideas(transaction, [idea.id])[idea.id]
        return Applied(0, [Made("task", str(existing))], ["the idea had a task already"])
    announce(transaction, row)
    return Applied(1, [Made("task", str(task_id))])


def _task(tenant: Tenant, idea: Idea) -> dict[str, Any]:
    return {
        "account_id": tenant.account_id,
        "site_id": tenant.site_id,
        "sector_id": idea.sector_id,
        "id": new_id(),
        "cluster_id": idea.cluster_id,
        "content_idea_id": idea.id,
        "title": idea.title,
        "content_type": idea.content_type or "post",
        "content_structure": idea.content_structure or "article",
        "primary_keyword": idea.primary_keyword,
        "keywords": list(idea.keywords),
        "target_word_count": word_target(idea.word_count),
        "audience": idea.audience,
        "tone": idea.tone,
        "brief": _brief(idea),
        "outline": list(idea.outline),
        "language": idea.language,
    }


def _brief(idea: Idea) -> str:
    """Return the idea's brief with what its reader should do at the end: a task has no field of its own for that."""
    action = f"At the end the reader should: {idea.call_to_action}" if idea.call_to_action else ""
    return "\n\n".join(part for part in (idea.brief, action) if part)
