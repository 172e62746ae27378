"""A run's contents published by the integration service to a real WordPress: over gRPC, with its database, once."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from igny8.integration.v1 import integration_pb2

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.outbound import OutboundClient
from chassis.tenancy import Tenant
from chassis.testing.postgres import TemplateDatabases
from services.integration.adapters.base import PublishableContent, PublishImage
from services.integration.domain import Connection
from services.integration.usecases import publications
from services.integration.usecases.publications import Claim
from tests.e2e.wordpress import WordPressSite
from tests.e2e.wordpress.articles import stored
from tests.e2e.wordpress.proxy import Proxy, Rule, exactly, request
from tests.integration.integration.house import House, house

pytestmark = pytest.mark.wordpress


@pytest.fixture(scope="module")
def running_house(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with databases.fresh("integration") as urls, house(urls, tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture
def integration(running_house: House) -> House:
    """Integration, called by a new account for a new site."""
    return replace(running_house, caller=running_house.running.caller())


@pytest.fixture
def connected(integration: House, wordpress: WordPressSite, proxy: Proxy) -> House:
    """The same, connected to the WordPress through a proxy that can lose answers."""
    integration.connect_wordpress(proxy.url, wordpress.user, wordpress.application_password)
    return integration


def held(wordpress: WordPressSite, integration: House, content_id: UUID) -> dict[str, Any]:
    """What WordPress, asked in PHP, holds of a content of the writer."""
    found = integration.writer.held[str(content_id)]
    content = found.content
    images = tuple(
        PublishImage(image.id, "featured" if n == 0 else "in_article", n, "x.png", image.mime_type, "", bytes)
        for n, image in enumerate(found.images)
    )
    asked = PublishableContent(
        content_id=content.id,
        title=content.title,
        slug=content.slug,
        html=content.html,
        categories=tuple(content.categories),
        tags=tuple(content.tags),
        images=images,
    )
    return stored(wordpress, asked)


class TestRun:
    def test_every_approved_content_arrives_whole(self, connected: House, wordpress: WordPressSite) -> None:
        ids = [connected.write("Wool & cotton socks"), connected.write("Socks for hikers")]
        for item in connected.select().items:
            connected.apply(UUID(item.subject_id))
        assert connected.select().total == 0
        for content_id in ids:
            found = connected.writer.held[str(content_id)]
            (publication,) = connected.publications(filter=f'content_id = "{content_id}"')
            assert publication.status == integration_pb2.Publication.STATUS_PUBLISHED
            assert list(publication.warnings) == []
            assert publication.external_url.endswith(f"/{found.content.slug}/")
            there = held(wordpress, connected, content_id)
            assert (there["posts"], there["media"], there["terms"]) == (1, 2, 2)
            assert (there["status"], there["slug"]) == ("publish", found.content.slug)
            assert (there["title"], there["excerpt"]) == (found.content.title, found.content.excerpt)
            assert there["categories"] == list(found.content.categories)
            assert there["tags"] == list(found.content.tags)
            assert (there["thumbnail"], there["alt"]) == (f"igny8-{found.images[0].id}", "A grey sock")
            assert f"igny8-{found.images[1].id}.png" in there["content"]

    def test_a_reader_sees_the_article(self, connected: House, wordpress: WordPressSite) -> None:
        content_id = connected.write()
        connected.apply(content_id)
        slug = connected.writer.held[str(content_id)].content.slug
        page = OutboundClient(allow_loopback=True).request("GET", f"{wordpress.url}/{slug}/")
        assert page.status == 200
        assert b"Warm &amp; soft." in page.body

    def test_again_under_another_step_is_no_second_post_and_no_call(
        self, connected: House, wordpress: WordPressSite, proxy: Proxy
    ) -> None:
        content_id = connected.write()
        first = connected.apply(content_id)
        calls = len(proxy.seen)
        assert list(connected.apply(content_id, new_id()).made) == list(first.made)
        assert len(proxy.seen) == calls
        assert held(wordpress, connected, content_id)["posts"] == 1

    def test_a_change_is_written_into_the_same_post(self, connected: House, wordpress: WordPressSite) -> None:
        content_id = connected.write()
        connected.apply(content_id)
        (before,) = connected.publications()
        connected.writer.held[str(content_id)].content.title = "Another title"
        connected.apply(content_id)
        (after,) = connected.publications()
        assert (after.id, after.external_id, after.external_url) == (before.id, before.external_id, before.external_url)
        there = held(wordpress, connected, content_id)
        assert (there["posts"], there["title"]) == (1, "Another title")


class TestLostAnswers:
    @pytest.mark.parametrize(
        "lost",
        [
            exactly("POST", "/wp/v2/posts"),
            request("POST", "/media?"),
            request("POST", "/wp/v2/posts/"),
            request("GET", "/wp/v2/posts/"),
        ],
        ids=["draft", "upload", "publishing update", "read-back"],
    )
    def test_the_same_step_finds_what_was_made(
        self, connected: House, wordpress: WordPressSite, proxy: Proxy, lost: Rule
    ) -> None:
        content_id, step_id = connected.write(), new_id()
        proxy.lose(lost)
        with pytest.raises(Fault) as failed:
            connected.apply(content_id, step_id)
        assert proxy.lost == 1
        assert (failed.value.code, failed.value.reason) == (Kind.UNAVAILABLE, "DESTINATION_UNAVAILABLE")
        (publication,) = connected.publications()
        assert publication.status == integration_pb2.Publication.STATUS_PUBLISHING
        connected.apply(content_id, step_id)
        (publication,) = connected.publications()
        assert (publication.status, publication.error) == (integration_pb2.Publication.STATUS_PUBLISHED, "")
        there = held(wordpress, connected, content_id)
        assert (there["posts"], there["media"], there["terms"]) == (1, 2, 2)
        assert [event.success for event in connected.events()] == [True, False]

    def test_a_worker_that_died_after_publishing_leaves_nothing_double(
        self, connected: House, wordpress: WordPressSite
    ) -> None:
        content_id = connected.write()
        tenant = Tenant.of(connected.caller.passport)
        (row,) = connected.rows("site_integration")
        target = Connection(row["id"], row["platform"], row["base_url"], row["config"], row["credentials"])
        content = connected.publish.writer.publishable(tenant, content_id)
        dead = publications.claim(connected.database, tenant, content, target, lease_s=0.5)
        assert isinstance(dead, Claim)
        connected.destinations.open(tenant, target).publish(
            PublishableContent(str(content.id), content.title, content.slug, "<p>Half</p>")
        )
        time.sleep(0.6)
        connected.apply(content_id)
        there = held(wordpress, connected, content_id)
        assert there["posts"] == 1
        assert "Warm" in there["content"]


class TestCredentials:
    def test_wrong_ones_are_named_and_right_ones_mend_it(
        self, integration: House, wordpress: WordPressSite, proxy: Proxy
    ) -> None:
        made = integration.connect_wordpress(proxy.url, wordpress.user, "wrong wrong wrong")
        answer = integration.by_id("Test", made.id)
        assert (answer.ok, answer.checks[-1].name) == (False, "credentials")
        assert "application password" in answer.checks[-1].hint
        content_id = integration.write()
        with pytest.raises(Fault) as failed:
            integration.apply(content_id)
        assert (failed.value.code, failed.value.reason) == (Kind.FAILED_PRECONDITION, "CREDENTIALS_REFUSED")
        assert "application password" in failed.value.message
        assert integration.publications()[0].status == integration_pb2.Publication.STATUS_FAILED
        login = f'{{"username": "{wordpress.user}", "application_password": "{wordpress.application_password}"}}'
        integration.update(made, credentials_json=login)
        answer = integration.by_id("Test", made.id)
        assert answer.ok
        names = ["rest_api", "application_passwords", "credentials", "permissions"]
        assert [check.name for check in answer.checks] == names
        integration.apply(content_id)
        assert held(wordpress, integration, content_id)["posts"] == 1
