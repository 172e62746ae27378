"""`generate_content`: a model writes a task's article; it is counted in words."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound
from chassis.html import slugify
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Job, JobKind, Made, Selection, Work, admit, apply_once
from services.writer.domain import answers, quantities
from services.writer.domain.terms import cluster_role
from services.writer.repository import contents, tasks, terms

NAME = "generate_content"
_WRITTEN = "The task {} is written already; delete its content and make a new task to have it written again."


class GenerateContent:
    """Writes tasks.

    Args:
        database: the writer's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:  # noqa: ARG002 - no option bears on it
        """Return queued tasks, oldest first; of those that are named also the ones that failed.

        Expected are as many words as the task asks for; at most half as many again are counted.
        """
        with self._database.transaction(tenant) as transaction:
            rows, total = tasks.ready(transaction, subject_ids, limit)
        return Selection([_item(row) for row in rows], total)

    def prepare(self, work: Work) -> Job:
        """Return the call that writes the article, and mark the task as running.

        Raises:
            NotFound: there is no such task.
            FailedPrecondition: it is written or disabled.
            StepTakenOver: a later worker of the step was here.
        """
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, NAME, work)
            row = _task(transaction, work.subject_id)
            if row.disabled:
                raise FailedPrecondition(f"The task {row.id} is disabled; enable it to have it written.")
            tasks.change(transaction, row.id, {"status": "running", "step_id": work.step_id, "error": ""})
        return Job(
            kind=JobKind.TEXT,
            template=NAME,
            variables=_variables(work.tenant, row),
            limit_quantity=quantities.word_limit(row.target_word_count),
            answer_schema=answers.ARTICLE_SCHEMA,
            max_output_tokens=quantities.content_tokens(row.target_word_count),
            prompt_override=row.prompt_override,
        )

    def apply(self, work: Work, answer: Answer | None) -> Applied:
        """Store the article as a draft with its terms, its place among the clusters and its origin.

        Raises:
            UnusableAnswer: nothing was stored.
            NotFound: there is no such task.
            FailedPrecondition: another step has written it.
        """
        if answer is None:
            raise InvalidArgument.field("answer", "is what this step stores; send it")
        with self._database.transaction(work.tenant) as transaction:
            return apply_once(transaction, NAME, work, lambda: _store(transaction, work, answer))

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:
        """Mark the task as failed with the error, or put it back into the queue; one that is written stays so."""
        values = {"status": "failed", "error": error} if failed else {"status": "queued", "step_id": None}
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, NAME, work)
            tasks.let_go(transaction, work.subject_id, work.step_id, values)


def _item(row: sa.Row[Any]) -> Item:
    target = row.target_word_count
    return Item(row.id, "task", row.title, target, quantities.word_limit(target))


def _task(transaction: Transaction, task_id: UUID) -> sa.Row[Any]:
    row = tasks.get(transaction, task_id, lock=True)
    if row is None:
        raise NotFound.row("task", task_id)
    if row.status == "completed":
        raise FailedPrecondition(_WRITTEN.format(task_id))
    return row


def _variables(tenant: Tenant, task: sa.Row[Any]) -> dict[str, Any]:
    site, sector = tenant.site, tenant.sector(task.sector_id)
    return {
        "site": {"name": site.name if site else "", "domain": site.domain if site else ""},
        "industry": site.industry if site else "",
        "sector": sector.name if sector else "",
        "title": task.title,
        "content_type": task.content_type,
        "content_structure": task.content_structure,
        "primary_keyword": task.primary_keyword or (task.keywords[0] if task.keywords else task.title),
        "keywords": task.keywords,
        "audience": task.audience,
        "tone": task.tone,
        "brief": task.brief,
        "outline": task.outline,
        "word_count": task.target_word_count,
        "language": task.language or (site.language if site else "en"),
    }


def _store(transaction: Transaction, work: Work, answer: Answer) -> Applied:
    task = _task(transaction, work.subject_id)
    article = answers.article(answer.text)
    content = _content(task, article, answer)
    if not contents.add(transaction, content, slugify(article.title)):
        raise FailedPrecondition(_WRITTEN.format(task.id))
    terms.link(transaction, content, {"category": article.categories, "tag": article.tags})
    contents.map_to_cluster(transaction, content, cluster_role(task.content_structure))
    contents.note_origin(transaction, work, NAME, task.sector_id, ("content", content["id"]), answer.provenance)
    tasks.change(transaction, task.id, {"status": "completed", "step_id": work.step_id, "error": ""})
    _announce(transaction, task, content)
    counted = min(article.word_count, quantities.word_limit(task.target_word_count))
    return Applied(counted, [Made("content", str(content["id"]))], article.notes)


def _content(task: sa.Row[Any], article: answers.Article, answer: Answer) -> dict[str, Any]:
    primary = task.primary_keyword or article.focus_keyword
    return {
        "account_id": task.account_id,
        "site_id": task.site_id,
        "sector_id": task.sector_id,
        "id": new_id(),
        "task_id": task.id,
        "cluster_id": task.cluster_id,
        "title": article.title,
        "html": article.html,
        "word_count": article.word_count,
        "excerpt": article.excerpt,
        "meta_title": article.meta_title,
        "meta_description": article.meta_description,
        "primary_keyword": primary,
        "secondary_keywords": [keyword for keyword in task.keywords if keyword != primary],
        "content_type": task.content_type,
        "content_structure": task.content_structure,
        "status": "draft",
        "source": "igny8",
        "provider": answer.provenance.provider,
        "model": answer.provenance.model,
    }


def _announce(transaction: Transaction, task: sa.Row[Any], content: Mapping[str, Any]) -> None:
    """Tell it: `writer.content_created` {content_id, content_idea_id, cluster_id, title, primary_keyword}.

    No idea is an empty text.
    """
    payload = {
        "content_id": str(content["id"]),
        "content_idea_id": str(task.content_idea_id or ""),
        "cluster_id": str(task.cluster_id),
        "title": content["title"],
        "primary_keyword": content["primary_keyword"],
    }
    transaction.emit("writer.content_created", payload, sector_id=task.sector_id)
