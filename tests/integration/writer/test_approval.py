"""`approve_content`, and the fact that a content was published."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from chassis import outbox
from chassis.database import Database
from chassis.errors import InvalidArgument
from chassis.ids import new_id
from chassis.outbox import Fact
from chassis.tenancy import Tenant
from services.writer.errors import ImagesPending
from services.writer.usecases.approve_content import ApproveContent
from services.writer.usecases.inbox import HANDLERS
from tests.integration.writer import given
from tests.integration.writer.given import row, work

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def function(database: Database) -> ApproveContent:
    return ApproveContent(database)


class TestApprove:
    def test_a_run_that_may_approves_drafts_and_what_is_in_review(
        self, function: ApproveContent, database: Database, tenant: Tenant
    ) -> None:
        draft, review, approved = (given.draft(database, tenant) for _ in range(3))
        given.set_status(database, tenant, review, "review")
        given.set_status(database, tenant, approved, "approved")
        found = function.select(tenant, [], 10, {"auto_approve": True})
        assert [item.subject_id for item in found.items] == [draft, review]
        for content_id in (draft, review):
            function.apply(work(tenant, content_id, auto_approve=True), None)
            assert row(database, tenant, "content", content_id)["status"] == "approved"
        assert function.select(tenant, [], 10, {"auto_approve": True}).total == 0

    def test_a_run_that_may_not_hands_drafts_over_to_review(
        self, function: ApproveContent, database: Database, tenant: Tenant
    ) -> None:
        draft = given.draft(database, tenant)
        assert function.select(tenant, [], 10, {}).total == 1
        step = work(tenant, draft)
        assert function.apply(step, None).actual_quantity == 1
        assert function.apply(step, None).actual_quantity == 1
        assert row(database, tenant, "content", draft)["status"] == "review"
        found = function.select(tenant, [], 10, {"auto_approve": False})
        assert (found.total, found.skip_reason) == (0, "1 contents wait for review")

    def test_content_whose_pictures_are_still_made_waits(
        self, function: ApproveContent, database: Database, tenant: Tenant
    ) -> None:
        draft = given.draft(database, tenant)
        (featured,) = given.pictures(database, tenant, draft, inside=0)
        found = function.select(tenant, [], 10, {"auto_approve": True})
        assert (found.total, found.skip_reason) == (0, "1 contents wait for their pictures")
        step = work(tenant, draft, auto_approve=True)
        with pytest.raises(ImagesPending, match="1 of the pictures"):
            function.apply(step, None)
        given.made_picture(database, tenant, featured)
        assert function.apply(step, None).actual_quantity == 1

    def test_what_a_person_did_meanwhile_is_left_as_it_is(
        self, function: ApproveContent, database: Database, tenant: Tenant
    ) -> None:
        content_id = given.draft(database, tenant)
        given.set_status(database, tenant, content_id, "published")
        applied = function.apply(work(tenant, content_id, auto_approve=True), None)
        assert (applied.actual_quantity, row(database, tenant, "content", content_id)["status"]) == (0, "published")

    def test_a_wrong_option_is_named(self, function: ApproveContent, tenant: Tenant) -> None:
        with pytest.raises(InvalidArgument, match=r"options\.auto_approve"):
            function.select(tenant, [], 10, {"auto_approve": "yes"})


class TestPublished:
    def test_it_is_published_with_its_address(self, database: Database, tenant: Tenant) -> None:
        content_id = given.draft(database, tenant)
        fact = published(tenant, content_id)
        assert outbox.take_in(database, tenant, fact, HANDLERS)
        assert not outbox.take_in(database, tenant, fact, HANDLERS)
        content = row(database, tenant, "content", content_id)
        assert (content["status"], content["external_url"]) == ("published", "https://coffee.example/a")
        assert (content["external_platform"], content["external_id"]) == ("wordpress", "17")

    @pytest.mark.parametrize("idea_id", [None, new_id()])
    def test_it_is_told_with_the_idea_that_it_was_written_for(
        self, database: Database, tenant: Tenant, idea_id: UUID | None
    ) -> None:
        content_id = given.draft(database, tenant, given.task(database, tenant, content_idea_id=idea_id))
        assert outbox.take_in(database, tenant, published(tenant, content_id), HANDLERS)
        told = [fact["payload"] for fact in given.rows(database, tenant, "outbox", kind="writer.content_published")]
        idea = {"content_id": str(content_id), "content_idea_id": str(idea_id or "")}
        assert told == [idea | {"url": "https://coffee.example/a"}]

    def test_of_two_publications_the_later_one_is_shown_in_any_order(self, database: Database, tenant: Tenant) -> None:
        content_id = given.draft(database, tenant)
        newer = published(tenant, content_id, url="https://coffee.example/new", after_s=60)
        older = published(tenant, content_id, url="https://coffee.example/old")
        for fact in (newer, older):
            assert outbox.take_in(database, tenant, fact, HANDLERS)
        assert row(database, tenant, "content", content_id)["external_url"] == "https://coffee.example/new"

    def test_a_content_that_is_gone_is_no_reason_to_hear_of_it_again(self, database: Database, tenant: Tenant) -> None:
        assert outbox.take_in(database, tenant, published(tenant, new_id()), HANDLERS)

    def test_another_tenants_content_is_not_touched(self, database: Database, tenant: Tenant) -> None:
        content_id = given.draft(database, tenant)
        stranger = Tenant(new_id(), given.another_site())
        assert outbox.take_in(database, stranger, published(stranger, content_id), HANDLERS)
        assert row(database, tenant, "content", content_id)["status"] == "draft"


def published(tenant: Tenant, content_id: UUID, *, url: str = "https://coffee.example/a", after_s: int = 0) -> Fact:
    payload = {"content_id": str(content_id), "url": url, "external_id": "17", "platform": "wordpress"}
    when = NOON + timedelta(seconds=after_s)
    return Fact(new_id(), "integration.content_published", tenant.account_id, tenant.site_id, None, payload, when)
