"""The writer beside the real planner: what it asks for is offered, and what it tells is taken in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_service_pb2_grpc

from chassis import outbox
from chassis.client import Remote
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import FolderStore
from chassis.outbox import Fact
from chassis.passport import Issuer, Trust, Verifier, generate_key
from chassis.server import Offer, Server
from chassis.tenancy import Tenant
from chassis.testing.postgres import TemplateDatabases
from services.planner.models import Base as PlannerBase
from services.planner.servicer import PlannerServicer
from services.planner.usecases import facts
from services.planner.usecases.imports import ImportKeywords
from services.planner.usecases.library import Library
from services.writer.clients import Planner
from services.writer.usecases.create_tasks import CreateTasks
from services.writer.usecases.generate_content import GenerateContent
from tests.integration.writer.given import article, rows, work


@pytest.fixture(scope="module")
def planners(databases: TemplateDatabases) -> Iterator[Database]:
    with databases.fresh("planner") as urls:
        made = Database(urls.app)
        yield made
        made.close()


@pytest.fixture(scope="module")
def planner(planners: Database) -> Iterator[Planner]:
    private, public = generate_key()
    nowhere = FolderStore(Path("no-uploads-here"))
    offer = Offer(
        "igny8.planner.v1.PlannerService",
        planner_service_pb2_grpc.add_PlannerServiceServicer_to_server,
        PlannerServicer(planners, ImportKeywords(planners, nowhere), Library(planners, nowhere)),
    )
    server = Server(
        "127.0.0.1:0", [offer], Verifier("planner", {"writer": Trust(public, frozenset({"read"}))}), threads=2
    )
    server.start()
    remote = Remote("planner", f"127.0.0.1:{server.port}", Issuer("writer", private))
    yield Planner(remote)
    remote.close()
    server.stop(grace_s=0.2)


class TestIdeasBecomeTasks:
    def test_important_ideas_come_first_and_those_that_wait_do_not_come(
        self, database: Database, planner: Planner, planners: Database, tenant: Tenant
    ) -> None:
        plain, important = an_idea(planners, tenant), an_idea(planners, tenant, priority=5)
        for values in ({"disabled": True}, {"needs_review": True}, {"status": "completed"}):
            an_idea(planners, tenant, **values)
        function = CreateTasks(database, planner)
        found = function.select(tenant, [], 10, {})
        assert ([item.subject_id for item in found.items], found.total) == ([important, plain], 2)
        assert [item.subject_id for item in function.select(tenant, [plain, new_id()], 10, {}).items] == [plain]

    def test_the_planner_hears_of_the_task_and_of_its_content(
        self, database: Database, planner: Planner, planners: Database, tenant: Tenant
    ) -> None:
        idea_id = an_idea(planners, tenant, outline=[{"heading": "Heat", "points": ["why"]}])
        task_id = UUID(CreateTasks(database, planner).apply(work(tenant, idea_id), None).made[0].id)
        assert rows(database, tenant, "task")[0]["outline"] == [{"heading": "Heat", "points": ["why"]}]
        deliver(database, planners, tenant)
        assert status_of(planners, tenant, idea_id) == "queued"
        GenerateContent(database).apply(work(tenant, task_id), article())
        deliver(database, planners, tenant)
        assert status_of(planners, tenant, idea_id) == "completed"

    def test_a_cluster_is_found_on_its_own_site_only(
        self, planner: Planner, planners: Database, tenant: Tenant
    ) -> None:
        cluster_id = a_cluster(planners, tenant)
        found = planner.cluster(tenant, cluster_id)
        assert found is not None
        assert tenant.sector(found.sector_id) is not None
        assert planner.cluster(Tenant(new_id(), tenant.site), cluster_id) is None


def a_cluster(planners: Database, tenant: Tenant) -> UUID:
    return _insert(planners, tenant, "cluster", name=f"cluster {new_id()}")


def an_idea(planners: Database, tenant: Tenant, **values: Any) -> UUID:
    cluster_id = a_cluster(planners, tenant)
    return _insert(planners, tenant, "content_idea", **({"cluster_id": cluster_id, "title": "An idea"} | values))


def _insert(planners: Database, tenant: Tenant, table: str, **values: Any) -> UUID:
    assert tenant.site is not None
    place = {"account_id": tenant.account_id, "site_id": tenant.site_id, "sector_id": tenant.site.sectors[0].id}
    row_id = new_id()
    with planners.transaction(tenant) as transaction:
        transaction.execute(sa.insert(PlannerBase.metadata.tables[table]).values(**place, id=row_id, **values))
    return row_id


def status_of(planners: Database, tenant: Tenant, idea_id: UUID) -> str:
    idea = PlannerBase.metadata.tables["content_idea"]
    with planners.transaction(tenant) as transaction:
        return str(transaction.execute(sa.select(idea.c.status).where(idea.c.id == idea_id)).scalar_one())


def deliver(writers: Database, planners: Database, tenant: Tenant) -> None:
    """Carry every fact of the writer to the planner, as the orchestrator does: possibly again."""
    for row in rows(writers, tenant, "outbox"):
        fact = Fact(**{name: row[name] for name in Fact.__dataclass_fields__})
        outbox.take_in(planners, tenant, fact, facts.HANDLERS)
