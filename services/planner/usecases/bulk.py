"""Changing, deleting and bringing back many keywords at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.database import Database
from chassis.errors import InvalidArgument
from chassis.tenancy import Tenant
from services.planner.repository import bulk, limits
from services.planner.repository.bulk import DELETED, Chosen, Conditions, StillDeleted

IDS_MAX = 1_000


@dataclass(frozen=True)
class Changed:
    """How many keywords were changed; which named ones are not there, and which somebody else has changed."""

    count: int
    missing: Sequence[UUID] = ()
    conflicting: Sequence[UUID] = ()


@dataclass(frozen=True)
class Undeleted:
    """How many keywords came back; which named ones are not there, and which stay deleted as their text is taken."""

    count: int
    missing: Sequence[UUID]
    refused: StillDeleted


def choose(keyword_ids: Sequence[UUID], etags: Sequence[str], where: Conditions, *, is_filtered: bool) -> Chosen:
    """Return which keywords a request means: those it names, or those its filter or search finds.

    Args:
        keyword_ids: those it names.
        etags: as many, or none.
        where: what holds of the rows, by filter and search.
        is_filtered: whether there is a filter or a search.

    Raises:
        InvalidArgument: it says neither or both, names too many, or has another number of etags.
    """
    check_choice("keyword_ids", keyword_ids, is_filtered=is_filtered)
    if etags and len(etags) != len(keyword_ids):
        raise InvalidArgument.field("etags", "must be empty, or have as many as keyword_ids")
    return Chosen(where, dict(zip(keyword_ids, etags or [""] * len(keyword_ids), strict=True)))


def check_choice(field: str, ids: Sequence[UUID], *, is_filtered: bool) -> None:
    """Check that a request says which rows it means in one way: by their ids, or by a filter or a search.

    Raises:
        InvalidArgument: it says neither or both, or names too many.
    """
    if is_filtered == bool(ids):
        said = "and not a filter or a search too" if is_filtered else "or give a filter or a search"
        raise InvalidArgument.field(field, f"name up to {IDS_MAX:,} keywords, {said}")
    if len(ids) > IDS_MAX:
        raise InvalidArgument.field(field, f"has {len(ids):,} ids; at most {IDS_MAX:,} are taken")


def update_keywords(database: Database, tenant: Tenant, chosen: Chosen, values: Mapping[str, Any]) -> Changed:
    """Give live keywords these column values."""
    with database.transaction(tenant) as transaction:
        count, done = bulk.change(transaction, chosen, values)
        named = chosen.revisions
        if len(done) == len(named):
            return Changed(count)
        there = bulk.existing(transaction, named, deleted_too=False)
        return Changed(count, [i for i in named if i not in there], [i for i in named if i in there - done])


def delete_keywords(database: Database, tenant: Tenant, chosen: Chosen) -> Changed:
    """Hide live keywords."""
    return update_keywords(database, tenant, chosen, DELETED)


def undelete_keywords(database: Database, tenant: Tenant, chosen: Chosen) -> Undeleted:
    """Bring deleted keywords back: those whose text is free, all of them or none.

    Raises:
        PlanLimit: the plan has no room for them.
    """
    with database.transaction(tenant) as transaction:
        limit = limits.locked(transaction)
        count = bulk.undelete(transaction, chosen)
        limit.require(count)  # what was brought back goes with the transaction
        there = bulk.existing(transaction, chosen.revisions, deleted_too=True)
        missing = [keyword_id for keyword_id in chosen.revisions if keyword_id not in there]
        return Undeleted(count, missing, bulk.still_deleted(transaction, chosen))
