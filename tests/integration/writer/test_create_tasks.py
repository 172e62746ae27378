"""`create_tasks`: one idea makes one task."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from chassis.client import Remote
from chassis.database import Database
from chassis.errors import FailedPrecondition, NotFound, Unavailable
from chassis.ids import new_id
from chassis.passport import Issuer, generate_key
from chassis.tenancy import Tenant
from chassis.testing.service import a_site
from services.writer.clients import Planner
from services.writer.usecases.create_tasks import CreateTasks
from tests.integration.writer.given import rows, work
from tests.integration.writer.planner import FakePlanner


@pytest.fixture
def function(database: Database, planner_client: Planner) -> CreateTasks:
    return CreateTasks(database, planner_client)


class TestSelect:
    def test_new_ideas_of_the_site_are_offered(
        self, function: CreateTasks, planner: FakePlanner, tenant: Tenant
    ) -> None:
        for title in ("one", "two", "three"):
            planner.add_idea(tenant, title)
        planner.add_idea(tenant, "off", disabled=True)
        planner.add_idea(tenant, "unsure", needs_review=True)
        planner.add_idea(tenant, "old", status=3)
        found = function.select(tenant, [], 2, {})
        assert [(i.label, i.subject_kind, i.expected_quantity, i.limit_quantity) for i in found.items] == [
            ("one", "content_idea", 1, 1),
            ("two", "content_idea", 1, 1),
        ]
        assert found.total == 3

    def test_ideas_beyond_one_page_are_counted_and_reached(
        self, function: CreateTasks, planner: FakePlanner, tenant: Tenant
    ) -> None:
        for n in range(230):
            planner.add_idea(tenant, f"idea {n}")
        before = planner.lists
        assert function.select(tenant, [], 0, {}).total == 230
        assert planner.lists == before + 1
        assert len(function.select(tenant, [], 1000, {}).items) == 230

    def test_only_named_ideas_are_offered_when_some_are_named(
        self, function: CreateTasks, planner: FakePlanner, tenant: Tenant
    ) -> None:
        ideas = [UUID(planner.add_idea(tenant, f"idea {n}").id) for n in range(70)]
        found = function.select(tenant, [*ideas[5:50], new_id()], 100, {})
        assert [item.subject_id for item in found.items] == ideas[5:50]
        assert found.total == 45

    def test_an_idea_with_a_task_is_not_offered_though_the_planner_has_not_heard_of_it(
        self, function: CreateTasks, planner: FakePlanner, tenant: Tenant
    ) -> None:
        first, second = planner.add_idea(tenant, "first"), planner.add_idea(tenant, "second")
        function.apply(work(tenant, UUID(first.id)), None)
        found = function.select(tenant, [], 10, {})
        assert ([str(item.subject_id) for item in found.items], found.total) == ([second.id], 1)

    def test_a_planner_that_is_down_is_said_to_be(self, database: Database, tenant: Tenant) -> None:
        remote = Remote("planner", "127.0.0.1:1", Issuer("writer", generate_key()[0]))
        with pytest.raises(Unavailable, match="The planner cannot be reached"):
            CreateTasks(database, Planner(remote)).select(tenant, [], 10, {})
        remote.close()


class TestApply:
    def test_the_task_has_what_the_idea_says(
        self, function: CreateTasks, planner: FakePlanner, database: Database, tenant: Tenant
    ) -> None:
        idea = planner.add_idea(
            tenant,
            "Espresso at home",
            content_type=1,
            content_structure=2,
            primary_keyword="espresso",
            keywords=["espresso", "portafilter"],
            audience="beginners",
            tone="warm",
            brief="Teach it.",
            call_to_action="Order beans.",
            outline=[{"heading": "Heat", "points": ["93 degrees"]}],
            language="en",
            estimated_word_count=1200,
        )
        applied = function.apply(work(tenant, UUID(idea.id)), None)
        (task,) = rows(database, tenant, "task")
        assert applied.actual_quantity == 1
        assert [(made.kind, made.id) for made in applied.made] == [("task", str(task["id"]))]
        assert (str(task["content_idea_id"]), str(task["cluster_id"])) == (idea.id, idea.cluster_id)
        assert (task["content_structure"], task["target_word_count"], task["status"]) == ("guide", 1200, "queued")
        assert task["brief"] == "Teach it.\n\nAt the end the reader should: Order beans."
        assert task["outline"] == [{"heading": "Heat", "points": ["93 degrees"]}]
        (fact,) = rows(database, tenant, "outbox")
        assert (fact["kind"], fact["payload"]["content_idea_id"]) == ("writer.task_created", idea.id)

    def test_the_same_step_again_changes_nothing_even_when_the_idea_is_gone(
        self, function: CreateTasks, planner: FakePlanner, database: Database, tenant: Tenant
    ) -> None:
        step = work(tenant, UUID(planner.add_idea(tenant, "gone").id))
        first = function.apply(step, None)
        planner.ideas[tenant.site_id].clear()
        assert function.apply(step, None).made == first.made
        assert len(rows(database, tenant, "task")) == 1

    def test_many_steps_at_once_make_one_task(
        self, function: CreateTasks, planner: FakePlanner, database: Database, tenant: Tenant
    ) -> None:
        idea_id = UUID(planner.add_idea(tenant, "contested").id)
        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(lambda _: function.apply(work(tenant, idea_id), None), range(6)))
        assert sum(result.actual_quantity for result in results) == 1
        assert len({result.made[0].id for result in results}) == 1
        assert len(rows(database, tenant, "task")) == len(rows(database, tenant, "outbox")) == 1

    def test_another_sites_idea_answers_as_a_missing_one(
        self, function: CreateTasks, planner: FakePlanner, tenant: Tenant
    ) -> None:
        idea_id = UUID(planner.add_idea(tenant, "theirs").id)
        with pytest.raises(NotFound):
            function.apply(work(Tenant(new_id(), a_site()), idea_id), None)

    @pytest.mark.parametrize("flag", ["disabled", "needs_review"])
    def test_an_idea_that_is_taken_out_is_refused(
        self, function: CreateTasks, planner: FakePlanner, tenant: Tenant, flag: str
    ) -> None:
        idea = planner.add_idea(tenant, "off", **{flag: True})
        with pytest.raises(FailedPrecondition, match=flag):
            function.apply(work(tenant, UUID(idea.id)), None)

    def test_an_idea_of_a_sector_that_the_site_has_no_more_is_refused(
        self, function: CreateTasks, planner: FakePlanner, tenant: Tenant
    ) -> None:
        idea = planner.add_idea(tenant, "lost", sector_id=str(new_id()))
        with pytest.raises(FailedPrecondition, match="sector"):
            function.apply(work(tenant, UUID(idea.id)), None)
