"""The overlap guard: no idea becomes a page that competes with one that the site has or plans, unless a person says so.

It looks before anything is spent on a page: when ideas are stored, when one is changed, and when a page is written
meanwhile. Only what is to be written becomes a task (`writer.create_tasks`).
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Row

from chassis.database import Transaction
from chassis.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound
from services.planner.domain import Verdict
from services.planner.ideas import Idea
from services.planner.overlap import Overlap, judge, subject
from services.planner.repository import overlap as stored

_REASON_CHARS_MAX = 1_000


def judge_new(
    transaction: Transaction, ideas: Sequence[Idea], keyword_ids: Mapping[str, UUID]
) -> list[tuple[str, Overlap]]:
    """Return the subject of each new idea and how it stands to what there is; those before it count as planned.

    Args:
        transaction: of the site.
        ideas: to be stored.
        keyword_ids: of the keywords that they cover, by text.
    """
    subjects = [subject(idea.keywords[0]) for idea in ideas]
    covers = [[keyword_ids[text] for text in idea.keywords] for idea in ideas]
    wanted = {each for listed in covers for each in listed}
    pages = [page for _, page in stored.like(transaction, transaction.tenant.site_id, set(subjects), wanted)]
    return [(about, judge(about, covered, pages)) for about, covered in zip(subjects, covers, strict=True)]


def compare_again(transaction: Transaction, site_id: UUID, about: str) -> None:
    """Compare the open ideas of a subject anew, because a page of it was written."""
    for idea in stored.open_ideas(transaction, site_id, about) if about else ():
        _compare(transaction, idea)


def idea_changed(transaction: Transaction, idea_id: UUID, values: Mapping[str, Any]) -> None:
    """Say anew what an idea is about after a person has changed what it aims at, and compare it again."""
    if not {"primary_keyword", "title"} & values.keys():
        return
    idea = stored.locked(transaction, idea_id)
    if idea is None:  # deleted at this moment
        return
    about = subject(idea.primary_keyword or idea.title)
    stored.write(transaction, idea_id, {"subject": about})
    for each in stored.open_ideas(transaction, idea.site_id, about):
        if each.id == idea_id:  # the others were there first
            _compare(transaction, each)


def overrule(
    transaction: Transaction, idea_id: UUID, verdict: str | None, reason: str, *, by: str, etag: str = ""
) -> None:
    """Decide what should become of an idea, against what comparing it has said; it is kept who did, and why.

    Raises:
        InvalidArgument: there is no such verdict, or no reason.
        NotFound: the site has no such idea.
        FailedPrecondition: something was made of it already.
        Aborted: somebody else has changed it since.
    """
    if verdict not in set(Verdict):
        raise InvalidArgument.field("verdict", f"must be one of {', '.join(Verdict)}")
    if not 1 <= len(reason.strip()) <= _REASON_CHARS_MAX:
        raise InvalidArgument.field("reason", f"must say why, in 1 to {_REASON_CHARS_MAX:,} characters")
    idea = stored.locked(transaction, idea_id)
    if idea is None:
        raise NotFound.row("content_idea", idea_id)
    if etag and etag != str(idea.revision):
        raise Aborted("The content idea was changed by somebody else; read it again and repeat the change.")
    if idea.status != "new":
        raise FailedPrecondition(f"The idea {idea.title!r} is {idea.status}: it has its task already.")
    decided = {"verdict": verdict, "overruled_by": by, "overrule_reason": reason.strip()}
    stored.write(transaction, idea_id, decided | {"overrule_time": sa.func.now()})


def _compare(transaction: Transaction, idea: Row[Any]) -> None:
    found = stored.like(transaction, idea.site_id, [idea.subject], idea.covered)
    others = [page for row_id, page in found if row_id != idea.id]
    stored.write(transaction, idea.id, stored.columns(judge(idea.subject, idea.covered, others)))
