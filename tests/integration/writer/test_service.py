"""The writer over gRPC: what people change, what destinations read, and that nobody sees another's rows."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from igny8.common.v1 import content_pb2, functions_pb2, functions_service_pb2, functions_service_pb2_grpc
from igny8.writer.v1 import writer_pb2, writer_service_pb2, writer_service_pb2_grpc

from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.errors import Fault
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.service import Caller, Running, a_passport, a_site, serving
from services.writer.__main__ import offers
from services.writer.clients import Planner
from services.writer.models import Base
from tests.integration.writer import given
from tests.integration.writer.given import row, rows
from tests.integration.writer.planner import FakePlanner

Stub = writer_service_pb2_grpc.WriterServiceStub


@pytest.fixture(scope="module")
def service(urls: ServiceUrls, database: Database, planner_client: Planner) -> Iterator[Running]:
    sweep = Database(urls.sweep)
    with serving("writer", offers(database, sweep, planner_client)) as running:
        yield running
    sweep.close()


@pytest.fixture
def caller(service: Running, tenant: Tenant) -> Caller:
    return service.caller(a_passport(account_id=tenant.account_id, site=tenant.site))


@pytest.fixture
def stub(service: Running) -> Stub:
    made: Stub = Stub(service.channel)
    return made


def update(caller: Caller, stub: Stub, content_id: UUID, **changes: Any) -> writer_pb2.Content:
    content = writer_pb2.Content(id=str(content_id), site_id=_site(caller), **changes)
    answer: writer_pb2.Content = caller.call(
        stub.UpdateContent, writer_service_pb2.UpdateContentRequest(content=content)
    )
    return answer


class TestCreateTask:
    def test_a_person_makes_a_task_in_its_clusters_sector(
        self, caller: Caller, stub: Stub, planner: FakePlanner, tenant: Tenant
    ) -> None:
        cluster = planner.add_cluster(tenant)
        request = writer_service_pb2.CreateTaskRequest(
            site_id=_site(caller),
            task=writer_pb2.Task(cluster_id=cluster.id, title="Grinders", keywords=["burr grinder"]),
            request_id="once",
        )
        made = caller.call(stub.CreateTask, request)
        assert (made.sector_id, made.status) == (cluster.sector_id, writer_pb2.Task.STATUS_QUEUED)
        assert (list(made.keywords), made.target_word_count) == (["burr grinder"], 1000)
        assert caller.call(stub.CreateTask, request).id == made.id
        listed = caller.call(stub.ListTasks, writer_service_pb2.ListTasksRequest(site_id=_site(caller)))
        assert [task.id for task in listed.tasks] == [made.id]

    @pytest.mark.parametrize(
        ("changes", "field", "reason"),
        [
            ({"cluster_id": str(new_id())}, "task.cluster_id", "UNKNOWN_CLUSTER"),
            ({"cluster_id": ""}, "task.cluster_id", "INVALID_ARGUMENT"),
            ({"title": " "}, "task.title", "INVALID_ARGUMENT"),
            ({"target_word_count": -5}, "task.target_word_count", "INVALID_ARGUMENT"),
            ({"language": "English, please"}, "task.language", "INVALID_ARGUMENT"),
            ({"sector_id": str(new_id())}, "task.sector_id", "INVALID_ARGUMENT"),
            ({"taxonomy_term_id": str(new_id())}, "task.taxonomy_term_id", "INVALID_ARGUMENT"),
        ],
    )
    def test_a_wrong_field_is_named(
        self,
        caller: Caller,
        stub: Stub,
        planner: FakePlanner,
        tenant: Tenant,
        changes: dict[str, Any],
        field: str,
        reason: str,
    ) -> None:
        values = {"cluster_id": planner.add_cluster(tenant).id, "title": "Grinders"} | changes
        request = writer_service_pb2.CreateTaskRequest(site_id=_site(caller), task=writer_pb2.Task(**values))
        with pytest.raises(Fault) as failed:
            caller.call(stub.CreateTask, request)
        assert (failed.value.reason, [v.field for v in failed.value.violations]) == (reason, [field])


class TestUpdateTask:
    def test_lists_and_outlines_are_changed(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant
    ) -> None:
        task = writer_pb2.Task(
            id=str(given.task(database, tenant)),
            site_id=_site(caller),
            keywords=["a", "b"],
            outline=[content_pb2.OutlineSection(heading="One", points=["x"])],
        )
        got = caller.call(stub.UpdateTask, writer_service_pb2.UpdateTaskRequest(task=task))
        assert (list(got.keywords), got.outline[0].heading, got.title) == (["a", "b"], "One", "How to brew coffee")


class TestUpdateContent:
    def test_html_is_cleaned_and_counted_and_what_was_is_kept(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant
    ) -> None:
        content_id = given.draft(database, tenant)
        before = row(database, tenant, "content", content_id)
        got = update(caller, stub, content_id, html="<p>Only three words</p><script>alert(1)</script>")
        assert (got.html, got.word_count, got.etag) == ("<p>Only three words</p>", 3, "2")
        assert list(got.categories) == ["Brewing"]
        assert list(got.tags) == ["Heat", "Grind"]
        update(caller, stub, content_id, excerpt="Short.")
        update(caller, stub, content_id, title="A new title")
        kept = rows(database, tenant, "content_revision", content_id=content_id)
        assert [(k["number"], k["title"], k["html"]) for k in kept] == [
            (1, before["title"], before["html"]),
            (3, before["title"], got.html),
        ]
        assert kept[0]["replaced_by"] == f"user:{caller.passport.actor_id}"

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"slug": "No Slug"}, "INVALID_ARGUMENT"),
            ({"title": "x", "etag": "99"}, "ETAG_MISMATCH"),
            ({}, "INVALID_ARGUMENT"),
            ({"html": "x" * 1_000_001}, "INVALID_ARGUMENT"),
            ({"slug": "taken"}, "ALREADY_EXISTS"),
        ],
    )
    def test_what_cannot_be_is_refused_and_nothing_is_changed(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant, changes: dict[str, Any], reason: str
    ) -> None:
        update(caller, stub, given.draft(database, tenant), slug="taken")
        content_id = given.draft(database, tenant)
        before = row(database, tenant, "content", content_id)
        with pytest.raises(Fault) as failed:
            update(caller, stub, content_id, **changes)
        assert failed.value.reason == reason
        assert row(database, tenant, "content", content_id) == before

    def test_the_status_is_never_set(self, caller: Caller, stub: Stub, database: Database, tenant: Tenant) -> None:
        content = writer_pb2.Content(id=str(given.draft(database, tenant)), status=writer_pb2.Content.STATUS_APPROVED)
        request = writer_service_pb2.UpdateContentRequest(content=content, update_mask=FieldMask(paths=["status"]))
        with pytest.raises(Fault, match=r"content\.status: cannot be changed"):
            caller.call(stub.UpdateContent, request)


class TestVerbs:
    @pytest.mark.parametrize(
        ("status", "verb", "after"),
        [
            ("draft", "Submit", "review"),
            ("draft", "Approve", "approved"),
            ("draft", "Reject", None),
            ("review", "Submit", None),
            ("review", "Approve", "approved"),
            ("review", "Reject", "draft"),
            ("approved", "Submit", None),
            ("approved", "Approve", None),
            ("approved", "Reject", "draft"),
            ("published", "Submit", None),
            ("published", "Approve", None),
            ("published", "Reject", None),
        ],
    )
    def test_a_verb_leads_on_or_says_what_is_possible(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant, status: str, verb: str, after: str | None
    ) -> None:
        content_id = given.draft(database, tenant)
        given.set_status(database, tenant, content_id, status)
        request = getattr(writer_service_pb2, f"{verb}ContentRequest")(
            site_id=_site(caller), content_id=str(content_id)
        )
        method = getattr(stub, f"{verb}Content")
        if after is None:
            with pytest.raises(Fault, match=f"in the state {status}") as failed:
                caller.call(method, request)
            assert failed.value.reason == "WRONG_STATE"
        else:
            caller.call(method, request)
        assert row(database, tenant, "content", content_id)["status"] == (after or status)


class TestGetPublishable:
    @pytest.mark.parametrize("status", ["draft", "review"])
    def test_what_is_not_approved_is_refused(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant, status: str
    ) -> None:
        content_id = given.draft(database, tenant)
        given.set_status(database, tenant, content_id, status)
        with pytest.raises(Fault, match=f"in the state {status}") as failed:
            self._get(caller, stub, content_id)
        assert failed.value.reason == "NOT_APPROVED"

    @pytest.mark.parametrize("status", ["approved", "published"])
    def test_pictures_that_are_made_stand_in_the_text_and_others_leave_no_hole(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant, status: str
    ) -> None:
        content_id = given.draft(database, tenant)
        featured, first, second, third = given.pictures(database, tenant, content_id, inside=3)
        for image_id in (featured, first, third):
            given.made_picture(database, tenant, image_id)
        given.set_status(database, tenant, content_id, status)
        got = self._get(caller, stub, content_id)
        assert [image.id for image in got.images] == [str(featured), str(first), str(third)]
        html = got.content.html
        assert html.count("<figure>") == 2
        assert html.index(f"igny8-image:{first}") < html.index(f"igny8-image:{third}")
        assert str(second) not in html
        assert f"igny8-image:{first}" not in row(database, tenant, "content", content_id)["html"]

    @staticmethod
    def _get(caller: Caller, stub: Stub, content_id: UUID) -> writer_pb2.Publishable:
        request = writer_service_pb2.GetPublishableRequest(site_id=_site(caller), content_id=str(content_id))
        answer: writer_pb2.Publishable = caller.call(stub.GetPublishable, request)
        return answer


class TestLists:
    def test_terms_count_their_contents(self, caller: Caller, stub: Stub, database: Database, tenant: Tenant) -> None:
        first, _ = given.draft(database, tenant), given.draft(database, tenant, tags=["Heat"])
        request = writer_service_pb2.ListTaxonomyTermsRequest(
            site_id=_site(caller), filter='kind = "tag"', order_by="name"
        )
        found = caller.call(stub.ListTaxonomyTerms, request).taxonomy_terms
        assert [(term.name, term.content_count) for term in found] == [("Grind", 1), ("Heat", 2)]
        deletion = writer_service_pb2.DeleteContentRequest(site_id=_site(caller), content_id=str(first))
        caller.call(stub.DeleteContent, deletion)
        found = caller.call(stub.ListTaxonomyTerms, request).taxonomy_terms
        assert [(term.name, term.content_count) for term in found] == [("Grind", 0), ("Heat", 1)]

    def test_images_and_mappings_are_listed(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant
    ) -> None:
        content_id = given.draft(database, tenant)
        given.pictures(database, tenant, content_id)
        query = f'content_id = "{content_id}"'
        images = writer_service_pb2.ListImagesRequest(site_id=_site(caller), filter=query, order_by="kind, position")
        assert len(caller.call(stub.ListImages, images).images) == 3
        mappings = writer_service_pb2.ListContentClusterMappingsRequest(site_id=_site(caller), filter=query)
        assert len(caller.call(stub.ListContentClusterMappings, mappings).content_cluster_mappings) == 1


class TestUndelete:
    def test_a_content_comes_back_unless_its_slug_is_taken(
        self, caller: Caller, stub: Stub, database: Database, tenant: Tenant
    ) -> None:
        key = {"site_id": _site(caller), "content_id": str(given.draft(database, tenant))}
        caller.call(stub.DeleteContent, writer_service_pb2.DeleteContentRequest(**key))
        given.draft(database, tenant)
        with pytest.raises(Fault, match="has this slug") as failed:
            caller.call(stub.UndeleteContent, writer_service_pb2.UndeleteContentRequest(**key))
        assert failed.value.reason == "ALREADY_EXISTS"
        for other in rows(database, tenant, "content", delete_time=None):
            given.remove(database, tenant, "content", other["id"])
        back = caller.call(stub.UndeleteContent, writer_service_pb2.UndeleteContentRequest(**key))
        assert (back.id, back.HasField("delete_time")) == (key["content_id"], False)

    def test_a_deleted_task_is_not_written_and_its_idea_makes_no_other(
        self, caller: Caller, stub: Stub, tenant: Tenant, planner: FakePlanner, service: Running
    ) -> None:
        idea = planner.add_idea(tenant, "Once")
        functions = functions_service_pb2_grpc.FunctionsServiceStub(service.channel)
        request = functions_service_pb2.ApplyWorkRequest(
            function="create_tasks", subject_id=idea.id, step_id=str(new_id()), run_id=str(new_id())
        )
        made = caller.call(functions.ApplyWork, request).made[0]
        deletion = writer_service_pb2.DeleteTaskRequest(site_id=_site(caller), task_id=made.id)
        caller.call(stub.DeleteTask, deletion)
        for function in ("create_tasks", "generate_content"):
            selection = functions_service_pb2.SelectWorkRequest(function=function, limit=5)
            assert caller.call(functions.SelectWork, selection).total == 0


class TestFunctions:
    def test_a_task_is_written_over_the_wire(
        self, service: Running, caller: Caller, database: Database, tenant: Tenant
    ) -> None:
        functions = functions_service_pb2_grpc.FunctionsServiceStub(service.channel)
        task_id = given.task(database, tenant)
        selected = caller.call(
            functions.SelectWork,
            functions_service_pb2.SelectWorkRequest(function="generate_content", limit=5, options_json="{}"),
        )
        assert [(item.subject_id, item.limit_quantity) for item in selected.items] == [(str(task_id), 600)]
        step: dict[str, Any] = {
            "step_id": str(new_id()),
            "function": "generate_content",
            "subject_id": str(task_id),
        }
        job = caller.call(functions.PrepareWork, functions_service_pb2.PrepareWorkRequest(**step)).job
        assert (job.template, job.limit_quantity) == ("generate_content", 600)
        answer = functions_pb2.AiAnswer(
            text=given.article().text, provenance=functions_pb2.Provenance(provider="offline")
        )
        request = functions_service_pb2.ApplyWorkRequest(**step, run_id=str(new_id()), answer=answer)
        applied = caller.call(functions.ApplyWork, request)
        assert applied == caller.call(functions.ApplyWork, request)
        assert [made.kind for made in applied.made] == ["content"]


class TestTenancy:
    def test_no_table_shows_a_row_to_anybody_else(self, database: Database, tenant: Tenant) -> None:
        given.pictures(database, tenant, given.draft(database, tenant))
        filled = {"task", "content", "image", "taxonomy_term", "content_taxonomy_term", "provenance"}
        strangers = [Tenant(new_id(), tenant.site), Tenant(tenant.account_id, a_site())]
        for table in filled | {"content_cluster_mapping", "applied_step"}:
            assert rows(database, tenant, table), table
            for stranger in strangers:
                assert rows(database, stranger, table) == [], table

    def test_every_table_forces_row_level_security(self, database: Database) -> None:
        with database.untenanted() as connection:
            forced = connection.exec_driver_sql(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity AND relforcerowsecurity"
            )
            assert {name for (name,) in forced} >= set(Base.metadata.tables)

    def test_another_tenants_content_answers_as_a_missing_one(
        self, service: Running, stub: Stub, database: Database, tenant: Tenant
    ) -> None:
        content_id = given.draft(database, tenant)
        stranger = service.caller()
        for verb in ("Get", "Delete", "Submit", "Approve", "Reject"):
            request = getattr(writer_service_pb2, f"{verb}ContentRequest")(
                site_id=_site(stranger), content_id=str(content_id)
            )
            with pytest.raises(Fault, match="There is no content") as failed:
                stranger.call(getattr(stub, f"{verb}Content"), request)
            assert failed.value.reason == "NOT_FOUND"


def _site(caller: Caller) -> str:
    assert caller.passport.site is not None
    return str(caller.passport.site.id)
