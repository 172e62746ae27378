"""The function `publish_content`: what is selected, what is sent where, and what is written down about it."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from igny8.integration.v1 import integration_pb2
from igny8.writer.v1 import writer_pb2

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from services.integration import domain
from services.integration.adapters.base import (
    AddressNotAllowed,
    ContentRefused,
    CredentialsRefused,
    DestinationBusy,
    DestinationUnreachable,
    PermissionMissing,
    PublishableContent,
    Published,
)
from tests.integration.integration.house import SITES_URL, House
from tests.integration.integration.servicer import PUBLISHED

Status = integration_pb2.Publication
LOGIN = '{"username": "editor", "application_password": "abcd efgh"}'


def connect_wordpress(integration: House) -> integration_pb2.SiteIntegration:
    return integration.connect(integration_pb2.PLATFORM_WORDPRESS, "https://blog.example", LOGIN)


def failing(error: Exception) -> Callable[[PublishableContent], Published]:
    def script(_: PublishableContent) -> Published:
        raise error

    return script


def refused(integration: House, content_id: UUID, step_id: UUID | None = None) -> Fault:
    with pytest.raises(Fault) as failed:
        integration.apply(content_id, step_id)
    return failed.value


class TestSelect:
    def test_without_a_destination_it_says_so(self, integration: House) -> None:
        integration.write()
        found = integration.select()
        assert (list(found.items), found.total) == ([], 0)
        assert found.skip_reason == "no destination is connected; connect one under Integrations"

    def test_a_destination_that_is_switched_off_is_none(self, integration: House) -> None:
        integration.write()
        integration.update(integration.connect_sites(), "active")
        assert integration.select().skip_reason.startswith("no destination")

    def test_a_run_that_does_not_publish_by_itself_says_so(self, integration: House) -> None:
        integration.connect_sites()
        content_id = integration.write()
        assert "switched off" in integration.select(options='{"auto_publish": false}').skip_reason
        named = integration.select(content_id, options='{"auto_publish": false}')
        assert [item.subject_id for item in named.items] == [str(content_id)]

    def test_approved_contents_come_oldest_first_and_are_counted_beyond_the_limit(self, integration: House) -> None:
        integration.connect_sites()
        ids = [str(integration.write(f"Article {n}")) for n in range(4)]
        integration.write(status=writer_pb2.Content.STATUS_REVIEW)
        integration.at_another_site().write()
        found = integration.select(limit=2)
        assert [(i.subject_id, i.label, i.subject_kind) for i in found.items] == [
            (ids[0], "Article 0", "content"),
            (ids[1], "Article 1", "content"),
        ]
        assert (found.total, found.skip_reason) == (4, "")
        assert (integration.select(limit=0).total, list(integration.select(limit=0).items)) == (4, [])
        assert set(integration.writer.asked) == {frozenset({"read"})}

    def test_more_than_a_page_is_read_to_its_end(self, integration: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.integration.clients.PAGE_SIZE", 2)
        integration.connect_sites()
        for _ in range(5):
            integration.write()
        assert (integration.select().total, len(integration.select(limit=3).items)) == (5, 3)

    def test_what_is_everywhere_already_is_left_out_and_a_new_destination_brings_it_back(
        self, integration: House
    ) -> None:
        integration.connect_sites()
        first, second = integration.write(), integration.write()
        integration.apply(first)
        assert [item.subject_id for item in integration.select().items] == [str(second)]
        connect_wordpress(integration)
        assert integration.select().total == 2

    def test_many_named_contents_are_asked_for_in_pieces(self, integration: House) -> None:
        integration.connect_sites()
        ids = [integration.write(f"Article {n}") for n in range(45)]
        found = integration.select(*ids)
        assert ([UUID(item.subject_id) for item in found.items], found.total) == (ids, 45)

    def test_what_failed_at_one_of_several_comes_back_although_it_is_published(self, integration: House) -> None:
        integration.connect_sites()
        connect_wordpress(integration)
        played = integration.played("wordpress", failing(ContentRefused("No.")))
        content_id = integration.write()
        refused(integration, content_id)
        integration.writer.held[str(content_id)].content.status = PUBLISHED
        assert [item.subject_id for item in integration.select().items] == [str(content_id)]
        played.script = None
        integration.apply(content_id)
        assert integration.select().total == 0


class TestApply:
    def test_a_content_becomes_a_page_with_its_pictures(self, integration: House) -> None:
        connected = integration.connect_sites()
        content_id = integration.write()
        done = integration.apply(content_id)
        (publication,) = integration.publications()
        assert [(m.kind, m.id) for m in done.made] == [("publication", publication.id)]
        assert (done.actual_quantity, list(done.notes)) == (1, [])
        assert publication.status == Status.STATUS_PUBLISHED
        assert (publication.content_id, publication.site_integration_id) == (str(content_id), connected.id)
        assert publication.platform == integration_pb2.PLATFORM_SITES
        assert publication.HasField("publish_time")
        slug = integration.writer.held[str(content_id)].content.slug
        assert publication.external_url.startswith(f"{SITES_URL}/coffee-corner")
        assert publication.external_url.endswith(f"/{slug}/")
        page = (integration.sites_root / integration.site_id / "current" / slug / "index.html").read_text()
        assert "Warm &amp; soft." in page
        assert "igny8-image" not in page
        pictures = list((integration.sites_root / integration.site_id / "current" / "images").iterdir())
        assert len(pictures) == 2
        assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)

    def test_the_fact_leaves_with_the_publication(self, integration: House) -> None:
        integration.connect_sites()
        content_id = integration.write()
        integration.apply(content_id)
        facts = [row for row in integration.rows("outbox") if row["payload"]["content_id"] == str(content_id)]
        (publication,) = integration.publications()
        assert [(f["kind"], f["payload"]) for f in facts] == [
            (
                "integration.content_published",
                {
                    "content_id": str(content_id),
                    "url": publication.external_url,
                    "external_id": publication.external_id,
                    "platform": "sites",
                },
            )
        ]
        assert str(facts[0]["site_id"]) == integration.site_id
        assert str(facts[0]["sector_id"]) == publication.sector_id

    def test_the_feed_and_the_destination_say_how_it_went(self, integration: House) -> None:
        connected = integration.connect_sites()
        content_id = integration.write()
        integration.apply(content_id)
        (event,) = integration.events(filter='event_type = "publish"')
        assert (event.action, event.success, event.content_id) == ("create", True, str(content_id))
        assert json.loads(event.details_json)["url"] == integration.publications()[0].external_url
        after = integration.by_id("Get", connected.id)
        assert after.sync_status == integration_pb2.SiteIntegration.SYNC_STATUS_SUCCEEDED
        (deployed,) = integration.rows("deployment_record")
        assert (deployed["version"], deployed["status"]) == (1, "deployed")

    def test_the_same_step_twice_and_another_step_send_nothing_again(self, integration: House) -> None:
        connect_wordpress(integration)
        played = integration.played("wordpress")
        content_id, step_id = integration.write(), new_id()
        first = integration.apply(content_id, step_id)
        assert integration.apply(content_id, step_id) == first
        assert list(integration.apply(content_id).made) == list(first.made)
        assert len(played.calls) == 1
        assert len(integration.events()) == 1

    def test_a_changed_content_is_sent_again_and_what_was_there_is_remembered(self, integration: House) -> None:
        connect_wordpress(integration)
        played = integration.played("wordpress")
        content_id = integration.write()
        integration.apply(content_id)
        (before,) = integration.publications()
        integration.writer.held[str(content_id)].content.status = PUBLISHED
        integration.apply(content_id)
        assert len(played.calls) == 1  # a status is no change that a reader would see
        integration.writer.held[str(content_id)].content.title = "Another title"
        integration.apply(content_id)
        assert [call.title for call in played.calls] == ["Wool & cotton socks", "Another title"]
        assert played.calls[0].publish_time == played.calls[1].publish_time
        assert [event.action for event in integration.events()] == ["update", "create"]
        (row,) = integration.rows("publication")
        assert row["before_image"]["external_url"] == before.external_url
        assert str(row["id"]) == before.id

    def test_what_must_not_be_shown_is_not_sent(self, integration: House) -> None:
        connect_wordpress(integration)
        played = integration.played("wordpress")
        html = '<p onclick="x()">Safe</p><script>alert(1)</script><a href="javascript:x">l</a>'
        integration.apply(integration.write(html=html))
        assert played.calls[0].html == '<p>Safe</p><a rel="noopener noreferrer">l</a>'

    def test_what_the_destination_dropped_is_told(self, integration: House) -> None:
        connect_wordpress(integration)
        dropped = Published("7", "https://blog.example/x/", "published_with_warnings", ("tags: one was dropped",))
        integration.played("wordpress", lambda _: dropped)
        done = integration.apply(integration.write())
        assert list(done.notes) == ["wordpress (https://blog.example): tags: one was dropped"]
        (publication,) = integration.publications()
        assert publication.status == Status.STATUS_PUBLISHED_WITH_WARNINGS
        assert list(publication.warnings) == ["tags: one was dropped"]


class TestRefusals:
    def test_nothing_connected(self, integration: House) -> None:
        failed = refused(integration, integration.write())
        assert (failed.code, failed.reason) == (Kind.FAILED_PRECONDITION, "NO_DESTINATION")

    def test_the_writers_own_refusals_pass(self, integration: House) -> None:
        integration.connect_sites()
        draft = integration.write(status=writer_pb2.Content.STATUS_DRAFT)
        assert refused(integration, draft).reason == "NOT_APPROVED"
        assert refused(integration, new_id()).code is Kind.NOT_FOUND
        assert refused(integration, integration.at_another_site().write()).code is Kind.NOT_FOUND
        assert integration.publications() == []

    def test_a_text_longer_than_any_article_is_settled_as_refused(self, integration: House) -> None:
        integration.connect_sites()
        failed = refused(integration, integration.write(html="x" * (domain.HTML_CHARS_MAX + 1)))
        assert (failed.code, failed.reason) == (Kind.FAILED_PRECONDITION, "DESTINATION_REFUSED")
        assert "1,000,001 characters" in failed.message
        (publication,) = integration.publications()
        assert publication.status == Status.STATUS_FAILED

    def test_a_sector_that_is_gone(self, integration: House) -> None:
        integration.connect_sites()
        failed = refused(integration, integration.write(sector_id=str(new_id())))
        assert failed.code is Kind.FAILED_PRECONDITION
        assert "sector" in failed.message

    @pytest.mark.parametrize("platform", [integration_pb2.PLATFORM_SHOPIFY, integration_pb2.PLATFORM_CUSTOM])
    def test_a_platform_that_is_not_offered_yet_says_what_to_do(self, integration: House, platform: int) -> None:
        integration.connect(platform, "https://shop.example", '{"access_token": "x"}')
        failed = refused(integration, integration.write())
        assert (failed.code, failed.reason) == (Kind.FAILED_PRECONDITION, "PLATFORM_UNSUPPORTED")
        assert "connect WordPress or the built-in sites" in failed.message

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (CredentialsRefused("Make a new application password."), "CREDENTIALS_REFUSED"),
            (AddressNotAllowed("10.0.0.1 is not public."), "ADDRESS_REFUSED"),
            (ContentRefused("WordPress refused the content."), "DESTINATION_REFUSED"),
            (PermissionMissing("Give it the role Editor."), "DESTINATION_REFUSED"),
        ],
    )
    def test_what_a_person_must_mend_is_named(self, integration: House, error: Exception, reason: str) -> None:
        connected = connect_wordpress(integration)
        integration.played("wordpress", failing(error))
        failed = refused(integration, integration.write())
        assert (failed.code, failed.reason) == (Kind.FAILED_PRECONDITION, reason)
        assert failed.message == f"wordpress (https://blog.example): {error}"
        assert failed.metadata["site_integration_id"] == connected.id
        (publication,) = integration.publications()
        assert (publication.status, publication.error) == (Status.STATUS_FAILED, str(error))
        (event,) = integration.events()
        assert (event.success, event.error) == (False, str(error))
        assert integration.by_id("Get", connected.id).last_error == str(error)

    def test_a_picture_whose_file_is_gone(self, integration: House) -> None:
        integration.connect_sites()
        content_id = integration.write()
        integration.objects.delete(integration.writer.held[str(content_id)].images[0].object_key)
        failed = refused(integration, content_id)
        assert failed.reason == "DESTINATION_REFUSED"
        assert "have the picture made again" in failed.message

    def test_a_fault_of_ours_is_internal_and_holds_nothing(self, integration: House) -> None:
        connect_wordpress(integration)
        played = integration.played("wordpress", failing(ZeroDivisionError("secret detail")))
        content_id = integration.write()
        failed = refused(integration, content_id)
        assert failed.code is Kind.INTERNAL
        assert "secret detail" not in failed.message
        played.script = None
        assert len(integration.apply(content_id).made) == 1


class TestSeveralDestinations:
    def test_one_that_is_away_does_not_keep_the_others_waiting(self, integration: House) -> None:
        integration.connect_sites()
        connect_wordpress(integration)
        played = integration.played("wordpress", failing(DestinationBusy("Come back later.", 17.0)))
        content_id, step_id = integration.write(), new_id()
        failed = refused(integration, content_id, step_id)
        assert (failed.code, failed.reason, failed.retry_after_s) == (Kind.UNAVAILABLE, "DESTINATION_UNAVAILABLE", 17.0)
        by_platform = {p.platform: p.status for p in integration.publications()}
        assert by_platform == {
            integration_pb2.PLATFORM_SITES: Status.STATUS_PUBLISHED,
            integration_pb2.PLATFORM_WORDPRESS: Status.STATUS_PUBLISHING,
        }
        played.script = None
        done = integration.apply(content_id, step_id)
        assert len(done.made) == 2
        assert len(integration.events(filter="success = true")) == 2
        assert len(integration.events(filter="success = false")) == 1

    def test_one_that_refuses_does_not_stop_the_others(self, integration: House) -> None:
        connect_wordpress(integration)
        integration.connect_sites()
        integration.played("wordpress", failing(ContentRefused("No.")))
        assert refused(integration, integration.write()).reason == "DESTINATION_REFUSED"
        assert {p.platform: p.status for p in integration.publications()} == {
            integration_pb2.PLATFORM_WORDPRESS: Status.STATUS_FAILED,
            integration_pb2.PLATFORM_SITES: Status.STATUS_PUBLISHED,
        }

    def test_one_that_stays_silent_is_given_up(self, integration: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(domain, "TRIES_MAX", 3)
        connect_wordpress(integration)
        played = integration.played("wordpress", failing(DestinationUnreachable("No connection.")))
        content_id = integration.write()
        kinds = [refused(integration, content_id).code for _ in range(3)]
        assert kinds == [Kind.UNAVAILABLE, Kind.UNAVAILABLE, Kind.FAILED_PRECONDITION]
        assert integration.publications()[0].status == Status.STATUS_FAILED
        assert refused(integration, content_id).code is Kind.UNAVAILABLE  # a person's new try begins anew
        played.script = None
        assert len(integration.apply(content_id).made) == 1


class TestAbandon:
    def test_what_was_being_sent_is_failed_and_what_is_there_stays(self, integration: House) -> None:
        connect_wordpress(integration)
        integration.connect_sites()
        integration.played("wordpress", failing(DestinationUnreachable("No connection.")))
        content_id = integration.write()
        refused(integration, content_id)
        integration.abandon(content_id, "the run was cancelled")
        found: dict[Any, Any] = {p.platform: (p.status, p.error) for p in integration.publications()}
        assert found == {
            integration_pb2.PLATFORM_WORDPRESS: (Status.STATUS_FAILED, "the run was cancelled"),
            integration_pb2.PLATFORM_SITES: (Status.STATUS_PUBLISHED, ""),
        }


class TestTenants:
    def test_nobody_else_sees_publications_and_feed(self, integration: House) -> None:
        integration.connect_sites()
        integration.apply(integration.write())
        for other in (integration.as_stranger(), integration.at_another_site()):
            assert (other.publications(), other.events(), other.listed()) == ([], [], [])
