"""Tasks that people make."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.errors import AlreadyExists, InvalidArgument
from chassis.ids import new_id
from chassis.tenancy import Tenant
from services.writer.clients import Planner
from services.writer.domain.ideas import Cluster
from services.writer.errors import UnknownCluster
from services.writer.repository import tasks, terms


def find_cluster(planner: Planner, tenant: Tenant, cluster_id: UUID) -> Cluster:
    """Return the cluster that a person names for a task; one read, before the transaction.

    Raises:
        UnknownCluster: the site has no such cluster.
        Unavailable: the planner cannot be reached.
    """
    cluster = planner.cluster(tenant, cluster_id)
    if cluster is None or tenant.sector(cluster.sector_id) is None:
        raise UnknownCluster(cluster_id)
    return cluster


def create_task(transaction: Transaction, cluster: Cluster, values: Mapping[str, Any]) -> sa.RowMapping:
    """Add a task to the cluster's sector and return its row.

    Args:
        transaction: of one site.
        cluster: as the planner knows it.
        values: the task's own columns.

    Raises:
        InvalidArgument: the site has no such term.
        AlreadyExists: the idea has a task.
    """
    term_id = values.get("taxonomy_term_id")
    if term_id is not None and not terms.exists(transaction, term_id):
        raise InvalidArgument.field("task.taxonomy_term_id", "is not one of the site's terms")
    row = {
        **values,
        "account_id": transaction.tenant.account_id,
        "site_id": transaction.tenant.site_id,
        "sector_id": cluster.sector_id,
        "cluster_id": cluster.id,
        "id": new_id(),
    }
    task_id = tasks.add(transaction, row)
    if task_id is None:
        raise AlreadyExists(f"The idea {values['content_idea_id']} has a task already; an idea makes one task.")
    announce(transaction, row)
    return tasks.shown(transaction, task_id)


def announce(transaction: Transaction, task: Mapping[str, Any]) -> None:
    """Tell that an idea has a task now: `writer.task_created` {task_id, content_idea_id}."""
    if task.get("content_idea_id") is not None:
        payload = {"task_id": str(task["id"]), "content_idea_id": str(task["content_idea_id"])}
        transaction.emit("writer.task_created", payload, sector_id=task["sector_id"])
