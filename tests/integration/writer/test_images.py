"""`generate_image_prompts` and `generate_image`: a content gets its pictures."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chassis.database import Database
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, UnusableAnswer
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Answer, ImageSpec, JobKind
from services.ai.offline.provider import OfflineProvider
from services.writer.usecases.generate_image import GenerateImage
from services.writer.usecases.generate_image_prompts import GenerateImagePrompts
from tests.integration.writer import given
from tests.integration.writer.given import PICTURE, descriptions, row, rows, work


@pytest.fixture
def prompts(database: Database) -> GenerateImagePrompts:
    return GenerateImagePrompts(database)


@pytest.fixture
def pictures(database: Database) -> GenerateImage:
    return GenerateImage(database)


class TestSelectPrompts:
    def test_contents_without_pictures_are_offered(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        draft, approved, published, illustrated = (given.draft(database, tenant) for _ in range(4))
        given.set_status(database, tenant, approved, "approved")
        given.set_status(database, tenant, published, "published")
        given.pictures(database, tenant, illustrated)
        found = prompts.select(tenant, [], 10, {"images_per_article": 4})
        assert [(i.subject_id, i.expected_quantity, i.limit_quantity) for i in found.items] == [
            (draft, 4, 4),
            (approved, 4, 4),
        ]
        assert found.total == 2
        assert prompts.select(tenant, [approved], 10, {}).total == 1

    def test_pictures_that_a_person_deleted_do_not_come_back(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        for image_id in given.pictures(database, tenant, given.draft(database, tenant)):
            given.remove(database, tenant, "image", image_id)
        assert prompts.select(tenant, [], 10, {}).total == 0

    def test_a_run_without_pictures_says_so(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        given.draft(database, tenant)
        found = prompts.select(tenant, [], 10, {"images_per_article": 0})
        assert (found.total, "images_per_article is 0" in found.skip_reason) == (0, True)

    @pytest.mark.parametrize("count", [-1, 11, "3", 2.5, True, None])
    def test_a_wrong_number_of_pictures_is_named(
        self, prompts: GenerateImagePrompts, tenant: Tenant, count: object
    ) -> None:
        with pytest.raises(InvalidArgument) as failed:
            prompts.select(tenant, [], 10, {"images_per_article": count})
        assert [v.field for v in failed.value.violations] == ["options.images_per_article"]


class TestApplyPrompts:
    def test_the_call_carries_what_the_article_is_about(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        job = prompts.prepare(work(tenant, given.draft(database, tenant), images_per_article=3, image_style="ink"))
        assert (job.template, job.limit_quantity) == ("generate_image_prompts", 3)
        assert job.variables["headings"] == ["Heat", "Grind", "Time"]
        assert (job.variables["in_article"], job.variables["style"]) == (2, "ink")

    def test_pictures_wait_in_their_places(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        step = work(tenant, given.draft(database, tenant), images_per_article=3)
        applied = prompts.apply(step, descriptions(inside=5))
        stored = rows(database, tenant, "image")
        assert applied.actual_quantity == len(applied.made) == 3
        assert [(i["kind"], i["position"], i["status"]) for i in stored] == [
            ("featured", 0, "pending"),
            ("in_article", 0, "pending"),
            ("in_article", 1, "pending"),
        ]
        assert prompts.apply(step, descriptions()).actual_quantity == 3
        assert len(rows(database, tenant, "image")) == 3

    def test_fewer_pictures_than_wanted_are_counted_as_they_are(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        step = work(tenant, given.draft(database, tenant), images_per_article=5)
        applied = prompts.apply(step, descriptions(inside=1))
        assert (applied.actual_quantity, list(applied.notes)) == (2, ["2 of 5 pictures were described"])

    def test_two_steps_at_once_describe_once(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        content_id = given.draft(database, tenant)

        def apply(_: int) -> str:
            try:
                return str(prompts.apply(work(tenant, content_id), descriptions()).actual_quantity)
            except FailedPrecondition as refused:
                return refused.reason

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(apply, range(2))) == ["3", "WRONG_STATE"]
        assert len(rows(database, tenant, "image")) == 3

    @pytest.mark.parametrize(
        "answer",
        [
            {"prompts": []},
            {"prompts": [{"type": "in_article", "position": 0, "prompt": "x", "alt_text": ""}]},
            {"prompts": [{"type": "featured", "position": 0, "prompt": "  ", "alt_text": ""}]},
            {"prompts": ["a cup"]},
            {"prompts": {"featured": "a cup"}},
            {},
        ],
    )
    def test_an_unusable_answer_stores_nothing(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant, answer: dict[str, Any]
    ) -> None:
        step = work(tenant, given.draft(database, tenant))
        with pytest.raises(UnusableAnswer):
            prompts.apply(step, Answer(text=json.dumps(answer)))
        assert rows(database, tenant, "image") == []

    def test_the_offline_providers_answer_to_the_prepared_call_is_stored(
        self, prompts: GenerateImagePrompts, database: Database, tenant: Tenant
    ) -> None:
        step = work(tenant, given.draft(database, tenant), images_per_article=3)
        job = prompts.prepare(step)
        text = OfflineProvider().complete(job.template, job.variables)
        assert prompts.apply(step, Answer(text=text)).actual_quantity == 3


class TestGenerateImage:
    def test_pictures_that_wait_are_offered_and_prepared_in_their_sizes(
        self, pictures: GenerateImage, database: Database, tenant: Tenant
    ) -> None:
        featured, inside, _ = given.pictures(database, tenant, given.draft(database, tenant))
        found = pictures.select(tenant, [], 2, {})
        assert ([item.subject_id for item in found.items], found.total) == ([featured, inside], 3)
        assert found.items[0].label == "featured picture of How to brew coffee"
        jobs = [pictures.prepare(work(tenant, image_id)) for image_id in (featured, inside)]
        assert [job.kind for job in jobs] == [JobKind.IMAGE] * 2
        assert jobs[0].image == ImageSpec("A cup", 1200, 630, "How to brew coffee")
        assert jobs[1].image == ImageSpec("Beans 0", 1024, 576, "Beans, view 0")

    def test_a_picture_is_made_once(self, pictures: GenerateImage, database: Database, tenant: Tenant) -> None:
        image_id = given.pictures(database, tenant, given.draft(database, tenant))[0]
        step = work(tenant, image_id)
        assert pictures.apply(step, PICTURE).actual_quantity == 1
        assert pictures.apply(step, replace(PICTURE, object_key="images/two.png")).actual_quantity == 1
        with pytest.raises(FailedPrecondition, match="made already"):
            pictures.apply(work(tenant, image_id), PICTURE)
        image = row(database, tenant, "image", image_id)
        assert (image["status"], image["object_key"], image["provider"]) == ("generated", "images/one.png", "openai")
        assert (image["width"], image["height"], image["mime_type"]) == (1200, 630, "image/png")

    @pytest.mark.parametrize("change", [{"object_key": ""}, {"mime_type": "text/html"}, {"width": 0}])
    def test_an_answer_without_a_picture_stores_nothing(
        self, pictures: GenerateImage, database: Database, tenant: Tenant, change: dict[str, Any]
    ) -> None:
        image_id = given.pictures(database, tenant, given.draft(database, tenant))[0]
        with pytest.raises(UnusableAnswer):
            pictures.apply(work(tenant, image_id), replace(PICTURE, **change))
        assert row(database, tenant, "image", image_id)["status"] == "pending"

    def test_a_picture_that_failed_says_why_and_can_be_named_again(
        self, pictures: GenerateImage, database: Database, tenant: Tenant
    ) -> None:
        image_id = given.pictures(database, tenant, given.draft(database, tenant), inside=0)[0]
        step = work(tenant, image_id)
        pictures.abandon(step, "Cancelled.", failed=False)
        assert pictures.select(tenant, [], 10, {}).total == 1
        pictures.abandon(step, "The provider refused the prompt.", failed=True)
        image = row(database, tenant, "image", image_id)
        assert (image["status"], image["error"]) == ("failed", "The provider refused the prompt.")
        assert pictures.select(tenant, [], 10, {}).total == 0
        assert pictures.select(tenant, [image_id], 10, {}).total == 1
        pictures.prepare(work(tenant, image_id))
        assert row(database, tenant, "image", image_id)["status"] == "pending"

    def test_what_is_made_stays_made(self, pictures: GenerateImage, database: Database, tenant: Tenant) -> None:
        image_id = given.pictures(database, tenant, given.draft(database, tenant))[0]
        step = work(tenant, image_id)
        pictures.apply(step, PICTURE)
        pictures.abandon(step, "Late.", failed=True)
        assert row(database, tenant, "image", image_id)["status"] == "generated"

    def test_another_tenants_picture_is_not_there(
        self, pictures: GenerateImage, database: Database, tenant: Tenant
    ) -> None:
        image_id = given.pictures(database, tenant, given.draft(database, tenant))[0]
        stranger = Tenant(new_id(), tenant.site)
        assert pictures.select(stranger, [image_id], 10, {}).total == 0
        with pytest.raises(NotFound):
            pictures.apply(work(stranger, image_id), PICTURE)
