"""`generate_content`: a task becomes a draft."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.errors import FailedPrecondition, Fault, InvalidArgument, NotFound, StepTakenOver, UnusableAnswer
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Answer, JobKind
from services.ai.offline.provider import OfflineProvider
from services.writer.usecases.generate_content import NAME, GenerateContent
from tests.integration.writer import given
from tests.integration.writer.given import article, row, rows, work


@pytest.fixture
def function(database: Database) -> GenerateContent:
    return GenerateContent(database)


class TestSelect:
    def test_queued_tasks_are_offered_oldest_first_with_their_words(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        first = given.task(database, tenant, target_word_count=401)
        given.task(database, tenant)
        given.task(database, tenant, disabled=True)
        for status in ("running", "completed", "failed"):
            given.task(database, tenant, status=status)
        found = function.select(tenant, [], 1, {})
        assert [(i.subject_id, i.expected_quantity, i.limit_quantity) for i in found.items] == [(first, 401, 602)]
        assert found.total == 2

    def test_a_failed_task_is_offered_again_when_it_is_named(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        failed = given.task(database, tenant, status="failed")
        done = given.task(database, tenant, status="completed")
        found = function.select(tenant, [failed, done, new_id()], 10, {})
        assert [item.subject_id for item in found.items] == [failed]


class TestPrepare:
    def test_the_call_carries_the_task_the_site_and_the_limit(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        task_id = given.task(database, tenant, prompt_override="Write in rhyme.")
        job = function.prepare(work(tenant, task_id))
        assert (job.kind, job.template, job.limit_quantity) == (JobKind.TEXT, NAME, 600)
        assert job.prompt_override == "Write in rhyme."
        assert job.variables["site"] == {"name": "Coffee Corner", "domain": "coffee.example"}
        assert (job.variables["industry"], job.variables["sector"]) == ("Food & drink", "Sector 1")
        assert (job.variables["word_count"], job.variables["language"]) == (400, "en")
        assert job.variables["outline"] == [{"heading": "Heat", "points": ["temperature"]}]
        assert row(database, tenant, "task", task_id)["status"] == "running"
        json.dumps(job.variables)

    def test_what_cannot_be_written_is_refused(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        with pytest.raises(NotFound):
            function.prepare(work(tenant, new_id()))
        with pytest.raises(FailedPrecondition, match="disabled"):
            function.prepare(work(tenant, given.task(database, tenant, disabled=True)))
        with pytest.raises(FailedPrecondition, match="written already"):
            function.prepare(work(tenant, given.task(database, tenant, status="completed")))


class TestApply:
    def test_a_draft_is_stored_with_all_that_belongs_to_it(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        idea_id = new_id()
        task_id = given.task(database, tenant, content_idea_id=idea_id, content_structure="cluster_hub")
        step = work(tenant, task_id)
        function.prepare(step)
        applied = function.apply(step, article())
        (content,) = rows(database, tenant, "content")
        task = row(database, tenant, "task", task_id)
        assert applied.made[0].id == str(content["id"])
        assert applied.actual_quantity == content["word_count"] > 50
        assert (content["status"], content["source"], content["slug"]) == ("draft", "igny8", "how-to-brew-coffee")
        assert (content["provider"], content["model"]) == ("openai", "model-1")
        assert content["secondary_keywords"] == ["coffee grind size"]
        assert (task["status"], task["step_id"]) == ("completed", step.step_id)
        (place,) = rows(database, tenant, "content_cluster_mapping")
        assert (place["cluster_id"], place["role"], place["source"]) == (task["cluster_id"], "hub", "blueprint")
        assert {(t["kind"], t["slug"]) for t in rows(database, tenant, "taxonomy_term")} == {
            ("category", "brewing"),
            ("tag", "heat"),
            ("tag", "grind"),
        }
        assert len(rows(database, tenant, "content_taxonomy_term", content_id=content["id"])) == 3
        (origin,) = rows(database, tenant, "provenance")
        assert (origin["artefact_id"], origin["step_id"], origin["run_id"]) == (
            content["id"],
            step.step_id,
            step.run_id,
        )
        assert (origin["template_version"], origin["output_tokens"]) == ("digest", 900)
        (fact,) = rows(database, tenant, "outbox")
        assert fact["kind"] == "writer.content_created"
        assert fact["sector_id"] == task["sector_id"]
        assert fact["payload"] == {
            "content_id": str(content["id"]),
            "content_idea_id": str(idea_id),
            "cluster_id": str(task["cluster_id"]),
            "title": "How to brew coffee",
            "primary_keyword": "brew coffee",
        }

    def test_the_same_step_again_answers_the_same_and_stores_nothing(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        step = work(tenant, given.task(database, tenant))
        first = function.apply(step, article())
        again = function.apply(step, article(title="Something else"))
        assert (again.actual_quantity, again.made) == (first.actual_quantity, first.made)
        assert [c["title"] for c in rows(database, tenant, "content")] == ["How to brew coffee"]
        assert len(rows(database, tenant, "outbox")) == 1

    @pytest.mark.parametrize("same_step", [True, False])
    def test_two_at_once_write_the_task_once(
        self, function: GenerateContent, database: Database, tenant: Tenant, same_step: bool
    ) -> None:
        task_id = given.task(database, tenant)
        step, ready = work(tenant, task_id), Barrier(2)

        def apply(n: int) -> str:
            mine = step if same_step else work(tenant, task_id)
            ready.wait(timeout=5)
            try:
                return function.apply(mine, article(title=f"Coffee {n}")).made[0].id
            except FailedPrecondition as refused:
                return refused.reason

        with ThreadPoolExecutor(2) as pool:
            answers = set(pool.map(apply, range(2)))
        (content,) = rows(database, tenant, "content")
        assert answers == ({str(content["id"])} if same_step else {str(content["id"]), "WRONG_STATE"})

    def test_articles_of_one_title_at_once_get_slugs_of_their_own(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        steps = [work(tenant, given.task(database, tenant)) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda step: function.apply(step, article()), steps))
        slugs = sorted(content["slug"] for content in rows(database, tenant, "content"))
        assert slugs == ["how-to-brew-coffee", *[f"how-to-brew-coffee-{n}" for n in range(2, 7)]]
        assert len(rows(database, tenant, "taxonomy_term")) == 3

    def test_a_title_that_many_articles_have_is_numbered_on(self, database: Database, tenant: Tenant) -> None:
        slugs = [row(database, tenant, "content", given.draft(database, tenant))["slug"] for _ in range(27)]
        assert slugs[-2:] == ["how-to-brew-coffee-26", "how-to-brew-coffee-27"]

    def test_another_sites_slugs_and_terms_are_its_own(self, database: Database, tenant: Tenant) -> None:
        other = Tenant(tenant.account_id, given.another_site())
        slugs = [row(database, who, "content", given.draft(database, who))["slug"] for who in (tenant, other)]
        assert slugs == ["how-to-brew-coffee"] * 2

    def test_words_beyond_the_limit_are_kept_and_not_counted(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        step = work(tenant, given.task(database, tenant, target_word_count=60))
        applied = function.apply(step, article())
        (content,) = rows(database, tenant, "content")
        assert content["word_count"] > 90
        assert applied.actual_quantity == 90

    @pytest.mark.parametrize(
        "attack",
        [
            "<script>alert(1)</script>",
            '<p onclick="alert(1)">x</p>',
            '<img src=x onerror="alert(1)">',
            '<a href="javascript:alert(1)">x</a>',
            '<a href="https://casino.example/">win</a>',
            '<img src="https://tracker.example/pixel.png">',
            "<iframe src=//evil.example></iframe>",
            "<svg><script>alert(1)</script></svg>",
            "<style>body{display:none}</style>",
            "\x00\ud800",
        ],
    )
    def test_hostile_html_is_stored_harmless(
        self, function: GenerateContent, database: Database, tenant: Tenant, attack: str
    ) -> None:
        function.apply(work(tenant, given.task(database, tenant)), article(html=given.BODY + attack))
        (content,) = rows(database, tenant, "content")
        html = content["html"].lower()
        for live in ("<script", "onerror", "onclick", "javascript:", "<iframe", "<svg", "<style", "<img", "<a "):
            assert live not in html
        assert "<h2>heat</h2>" in html

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            (Answer(text="not json"), "not JSON"),
            (Answer(text="[]"), "not a JSON object"),
            (article(html="<p>Too short.</p>"), "needs at least 50"),
            (article(html="<script>" + "word " * 100 + "</script>"), "needs at least 50"),
            (article(title="  "), "no title"),
            (article(html=None), "'html'"),
            (article(tags="one, two"), "'tags'"),
            (article(html="<p>" + "x" * 1_000_001 + "</p>"), "Split the content"),
        ],
    )
    def test_an_unusable_answer_stores_nothing_and_the_next_one_is_taken(
        self, function: GenerateContent, database: Database, tenant: Tenant, answer: Answer, says: str
    ) -> None:
        step = work(tenant, given.task(database, tenant))
        function.prepare(step)
        with pytest.raises(UnusableAnswer, match=says) as failed:
            function.apply(step, answer)
        assert failed.value.reason == "UNUSABLE_ANSWER"
        for table in ("content", "taxonomy_term", "provenance", "outbox"):
            assert rows(database, tenant, table) == []
        assert [step["result"] for step in rows(database, tenant, "applied_step")] == [None]
        assert function.apply(step, article()).actual_quantity > 50

    def test_without_an_answer_it_says_what_is_missing(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        with pytest.raises(InvalidArgument, match="answer"):
            function.apply(work(tenant, given.task(database, tenant)), None)

    @pytest.mark.parametrize("structure", ["article", "cluster_hub", "product_page", "listicle"])
    def test_the_offline_providers_answer_to_the_prepared_call_is_stored(
        self, function: GenerateContent, database: Database, tenant: Tenant, structure: str
    ) -> None:
        step = work(tenant, given.task(database, tenant, content_structure=structure))
        job = function.prepare(step)
        text = OfflineProvider().complete(job.template, job.variables)
        applied = function.apply(step, Answer(text=text))
        assert 0 < applied.actual_quantity <= job.limit_quantity


class TestAbandon:
    @pytest.mark.parametrize(("failed", "status", "error"), [(True, "failed", "No model."), (False, "queued", "")])
    def test_the_task_says_what_became_of_it(
        self, function: GenerateContent, database: Database, tenant: Tenant, failed: bool, status: str, error: str
    ) -> None:
        step = work(tenant, given.task(database, tenant))
        function.prepare(step)
        for _ in range(2):
            function.abandon(step, "No model.", failed=failed)
        task = row(database, tenant, "task", step.subject_id)
        assert (task["status"], task["error"]) == (status, error)

    def test_what_is_written_stays_written(self, function: GenerateContent, database: Database, tenant: Tenant) -> None:
        step = work(tenant, given.task(database, tenant))
        function.apply(step, article())
        function.abandon(step, "Late.", failed=True)
        assert row(database, tenant, "task", step.subject_id)["status"] == "completed"

    def test_a_step_that_was_given_up_late_leaves_the_next_one_alone(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        task_id: UUID = given.task(database, tenant)
        early, late = work(tenant, task_id), work(tenant, task_id)
        function.prepare(early)
        function.prepare(late)
        function.abandon(early, "Lost.", failed=True)
        assert row(database, tenant, "task", task_id)["status"] == "running"


class TestTakenOver:
    @pytest.mark.parametrize("failed", [True, False])
    def test_a_worker_that_is_late_changes_nothing(
        self, function: GenerateContent, database: Database, tenant: Tenant, failed: bool
    ) -> None:
        late = work(tenant, given.task(database, tenant))
        function.prepare(late)
        function.abandon(replace(late, fence=1), "", failed=False)  # by its successor, for the run was cancelled
        calls = (
            lambda: function.prepare(late),
            lambda: function.apply(late, article()),
            lambda: function.abandon(late, "Lost.", failed=failed),
        )
        for call in calls:
            with pytest.raises(StepTakenOver, match="another worker"):
                call()
        assert row(database, tenant, "task", late.subject_id)["status"] == "queued"
        assert rows(database, tenant, "content") == []

    def test_it_hears_what_its_successor_stored(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        late = work(tenant, given.task(database, tenant))
        stored = function.apply(replace(late, fence=1), article())
        assert function.apply(late, article(title="Another")).made == stored.made


class TestTenancy:
    def test_another_tenant_prepares_and_applies_nothing(
        self, function: GenerateContent, database: Database, tenant: Tenant
    ) -> None:
        task_id = given.task(database, tenant)
        for stranger in (Tenant(new_id(), tenant.site), Tenant(tenant.account_id, given.another_site())):
            assert function.select(stranger, [task_id], 10, {}).total == 0
            for act in (function.prepare, lambda step: function.apply(step, article())):
                with pytest.raises(Fault, match="There is no task"):
                    act(work(stranger, task_id))
