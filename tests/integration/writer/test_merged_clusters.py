"""What the writer has of clusters follows when the planner puts them together."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis import outbox
from chassis.clock import SystemClock
from chassis.database import Database
from chassis.errors import Fault
from chassis.ids import new_id
from chassis.outbox import Fact
from chassis.tenancy import Tenant
from services.writer.usecases.inbox import HANDLERS
from tests.integration.writer import given

OLD, OTHER, HOME = new_id(), new_id(), new_id()


def merged(tenant: Tenant, **payload: Any) -> Fact:
    values = {"cluster_id": str(HOME), "merged_cluster_ids": [str(OLD), str(OTHER)]} | payload
    now = SystemClock().now()
    return Fact(new_id(), "planner.clusters_merged", tenant.account_id, tenant.site_id, None, values, now)


def clusters_of(database: Database, tenant: Tenant, table: str) -> list[UUID]:
    return [row["cluster_id"] for row in given.rows(database, tenant, table)]


def test_tasks_contents_and_their_places_follow(database: Database, tenant: Tenant) -> None:
    given.draft(database, tenant, given.task(database, tenant, cluster_id=OLD))
    assert outbox.take_in(database, tenant, merged(tenant), HANDLERS)
    for table in ("task", "content", "content_cluster_mapping"):
        assert clusters_of(database, tenant, table) == [HOME], table


def test_a_content_that_is_in_both_is_there_once(database: Database, tenant: Tenant) -> None:
    given.draft(database, tenant, given.task(database, tenant, cluster_id=OLD))
    place = (
        "INSERT INTO content_cluster_mapping (account_id, site_id, sector_id, id, content_id, cluster_id, role, source)"
    )
    again = (
        " SELECT account_id, site_id, sector_id, :id, content_id, :cluster, role, source FROM content_cluster_mapping"
    )
    with database.transaction(tenant) as transaction:
        for cluster_id in (OTHER, HOME):
            statement = sa.text(f"{place}{again} WHERE cluster_id = :old")
            transaction.execute(statement, {"id": new_id(), "cluster": cluster_id, "old": OLD})
    assert outbox.take_in(database, tenant, merged(tenant), HANDLERS)
    assert clusters_of(database, tenant, "content_cluster_mapping") == [HOME]


def test_other_clusters_and_other_tenants_are_left_alone(database: Database, tenant: Tenant) -> None:
    there = new_id()
    given.draft(database, tenant, given.task(database, tenant, cluster_id=there))
    stranger = Tenant(new_id(), given.another_site())
    given.draft(database, stranger, given.task(database, stranger, cluster_id=OLD))
    assert outbox.take_in(database, tenant, merged(tenant), HANDLERS)
    assert clusters_of(database, tenant, "content") == [there]
    assert clusters_of(database, stranger, "content") == [OLD]


@pytest.mark.parametrize("payload", [{"cluster_id": "x"}, {"merged_cluster_ids": []}, {"merged_cluster_ids": ["x"]}])
def test_a_fact_without_clusters_is_refused(database: Database, tenant: Tenant, payload: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="ids of clusters"):
        outbox.take_in(database, tenant, merged(tenant, **payload), HANDLERS)
