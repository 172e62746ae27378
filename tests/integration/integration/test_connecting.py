"""Connecting a site to destinations over gRPC: what is stored, what is refused, what is never read back."""

import json

import pytest
from igny8.common.v1 import events_pb2, events_service_pb2, events_service_pb2_grpc
from igny8.integration.v1 import integration_pb2

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from tests.integration.integration.house import House

WORDPRESS, SHOPIFY = integration_pb2.PLATFORM_WORDPRESS, integration_pb2.PLATFORM_SHOPIFY
SITES, CUSTOM = integration_pb2.PLATFORM_SITES, integration_pb2.PLATFORM_CUSTOM
LOGIN = '{"username": "editor", "application_password": "abcd efgh"}'


def wordpress(integration: House) -> integration_pb2.SiteIntegration:
    return integration.connect(WORDPRESS, "https://coffee.example/", LOGIN)


class TestCreate:
    def test_what_was_asked_for_is_connected_without_its_credentials(self, integration: House) -> None:
        made = integration.connect(WORDPRESS, "https://coffee.example/", LOGIN, config='{"author": 7}')
        assert (made.base_url, made.platform, made.active) == ("https://coffee.example", WORDPRESS, True)
        assert json.loads(made.config_json) == {"author": 7}
        assert made.has_credentials
        assert made.sync_status == integration_pb2.SiteIntegration.SYNC_STATUS_NEVER
        for shown in (made, integration.by_id("Get", made.id), *integration.listed()):
            assert shown.credentials_json == ""
            assert shown.id == made.id

    def test_the_built_in_sites_need_nothing(self, integration: House) -> None:
        made = integration.connect_sites()
        assert (made.base_url, made.has_credentials) == ("", False)

    @pytest.mark.parametrize(
        ("platform", "url", "credentials", "reason", "field"),
        [
            (WORDPRESS, "", LOGIN, "ADDRESS_REFUSED", "base_url"),
            (WORDPRESS, "ftp://coffee.example", LOGIN, "ADDRESS_REFUSED", "base_url"),
            (WORDPRESS, "https://user:pw@coffee.example", LOGIN, "ADDRESS_REFUSED", "base_url"),
            (WORDPRESS, "https://10.0.0.1", LOGIN, "ADDRESS_REFUSED", "base_url"),
            (WORDPRESS, "https://[::ffff:127.0.0.1]", LOGIN, "ADDRESS_REFUSED", "base_url"),
            (WORDPRESS, "https://coffee.example/?p=1", LOGIN, "ADDRESS_REFUSED", "base_url"),
            (SITES, "https://coffee.example", "", "ADDRESS_REFUSED", "base_url"),
            (WORDPRESS, "https://coffee.example", "", "CREDENTIALS_MISSING", "credentials_json"),
            (WORDPRESS, "https://coffee.example", '{"username": "a"}', "CREDENTIALS_MISSING", "credentials_json"),
            (WORDPRESS, "https://coffee.example", '{"username": 7}', "CREDENTIALS_MISSING", "credentials_json"),
            (WORDPRESS, "https://coffee.example", "[1]", "INVALID_ARGUMENT", "credentials_json"),
            (WORDPRESS, "https://coffee.example", "not JSON", "INVALID_ARGUMENT", "credentials_json"),
            (SITES, "", LOGIN, "CREDENTIALS_MISSING", "credentials_json"),
            (0, "https://coffee.example", LOGIN, "INVALID_ARGUMENT", "platform"),
        ],
    )
    def test_a_wrong_field_is_named_and_nothing_is_stored(
        self, integration: House, platform: int, url: str, credentials: str, reason: str, field: str
    ) -> None:
        with pytest.raises(Fault) as failed:
            integration.connect(platform, url, credentials)
        assert failed.value.code is Kind.INVALID_ARGUMENT
        assert failed.value.reason == reason
        assert [v.field for v in failed.value.violations] == [f"site_integration.{field}"]
        assert integration.listed() == []

    def test_a_site_has_one_of_each_platform_and_may_connect_again_after_disconnecting(
        self, integration: House
    ) -> None:
        first = wordpress(integration)
        with pytest.raises(Fault) as failed:
            wordpress(integration)
        assert failed.value.code is Kind.ALREADY_EXISTS
        integration.by_id("Delete", first.id)
        assert wordpress(integration).id != first.id

    def test_the_same_request_twice_connects_once(self, integration: House) -> None:
        request_id = str(new_id())
        first = integration.connect(WORDPRESS, "https://coffee.example", LOGIN, request_id)
        assert integration.connect(WORDPRESS, "https://coffee.example", LOGIN, request_id) == first
        with pytest.raises(Fault) as failed:
            integration.connect(WORDPRESS, "https://tea.example", LOGIN, request_id)
        assert failed.value.reason == "REQUEST_ID_REUSED"


class TestUpdate:
    def test_only_what_is_named_changes(self, integration: House) -> None:
        made = wordpress(integration)
        changed = integration.update(made, "active", "config_json", active=False, config_json='{"a": 1}', etag="1")
        assert (changed.active, changed.config_json, changed.etag) == (False, '{"a": 1}', "2")
        assert (changed.base_url, changed.has_credentials) == ("https://coffee.example", True)

    def test_an_old_etag_is_refused(self, integration: House) -> None:
        made = wordpress(integration)
        integration.update(made, base_url="https://coffee.example/blog")
        with pytest.raises(Fault) as failed:
            integration.update(made, base_url="https://coffee.example/news", etag=made.etag)
        assert failed.value.reason == "ETAG_MISMATCH"

    def test_a_stored_password_does_not_follow_to_another_server(self, integration: House) -> None:
        made = wordpress(integration)
        with pytest.raises(Fault) as failed:
            integration.update(made, base_url="https://thief.example")
        assert failed.value.reason == "CREDENTIALS_MISSING"
        moved = integration.update(made, base_url="https://new.example", credentials_json=LOGIN)
        assert moved.base_url == "https://new.example"

    @pytest.mark.parametrize(
        ("paths", "values", "field"),
        [
            (["platform"], {"platform": SHOPIFY}, "site_integration.platform"),
            ([], {}, "update_mask"),
            (["config_json"], {"config_json": "[]"}, "site_integration.config_json"),
            (["credentials_json"], {"credentials_json": "{}"}, "site_integration.credentials_json"),
        ],
    )
    def test_what_cannot_be_changed_is_named(
        self, integration: House, paths: list[str], values: dict[str, object], field: str
    ) -> None:
        made = wordpress(integration)
        with pytest.raises(Fault) as failed:
            integration.update(made, *paths, **values)
        assert [v.field for v in failed.value.violations] == [field]
        assert integration.by_id("Get", made.id) == made


class TestDelete:
    def test_the_credentials_are_gone_and_the_row_is_hidden(self, integration: House) -> None:
        made = wordpress(integration)
        gone = integration.by_id("Delete", made.id)
        assert (gone.has_credentials, gone.active) == (False, False)
        assert integration.listed() == []
        assert [row["credentials"] for row in integration.rows("site_integration")] == [None]
        with pytest.raises(Fault) as failed:
            integration.by_id("Delete", made.id)
        assert failed.value.code is Kind.NOT_FOUND

    def test_a_deleted_site_loses_its_destinations(self, integration: House) -> None:
        wordpress(integration)
        other = integration.at_another_site()
        kept = wordpress(other)
        event = events_pb2.Event(
            id=str(new_id()),
            kind="identity.site_deleted",
            account_id=str(integration.caller.passport.account_id),
            site_id=integration.site_id,
            payload_json="{}",
        )
        stub = events_service_pb2_grpc.InboxServiceStub(integration.running.channel)
        request = events_service_pb2.DeliverEventRequest(event=event)
        integration.caller.at(None).call(stub.DeliverEvent, request)
        assert integration.listed() == []
        assert [found.id for found in other.listed()] == [kept.id]
        forgotten = {str(row["site_id"]): row["credentials"] is None for row in integration.rows("site_integration")}
        assert forgotten == {integration.site_id: True, other.site_id: False}


class TestTry:
    def test_a_destination_that_is_well(self, integration: House) -> None:
        made = integration.connect_sites()
        answer = integration.by_id("Test", made.id)
        assert answer.ok
        after = integration.by_id("Get", made.id)
        assert after.sync_status == integration_pb2.SiteIntegration.SYNC_STATUS_SUCCEEDED
        assert after.etag == made.etag
        assert after.HasField("last_sync_time")
        assert [(e.event_type, e.success, e.site_integration_id) for e in integration.events()] == [
            ("test", True, made.id)
        ]

    def test_a_website_that_is_down_is_named(self, integration: House) -> None:
        made = integration.connect(WORDPRESS, "http://127.0.0.1:9", LOGIN)
        answer = integration.by_id("Test", made.id)
        assert not answer.ok
        assert (answer.checks[-1].name, answer.checks[-1].ok) == ("rest_api", False)
        assert "whether the site is up" in answer.checks[-1].hint
        after = integration.by_id("Get", made.id)
        assert after.sync_status == integration_pb2.SiteIntegration.SYNC_STATUS_FAILED
        assert "whether the site is up" in after.last_error
        assert [(e.success, "whether the site is up" in e.error) for e in integration.events()] == [(False, True)]

    @pytest.mark.parametrize("platform", [SHOPIFY, CUSTOM])
    def test_a_platform_that_is_not_offered_yet_says_what_to_do(self, integration: House, platform: int) -> None:
        made = integration.connect(platform, "https://shop.example", '{"access_token": "shpat_1"}')
        answer = integration.by_id("Test", made.id)
        assert not answer.ok
        assert answer.checks[0].detail == "platform_unsupported"
        assert "connect WordPress" in answer.checks[0].hint


class TestTenants:
    @pytest.mark.parametrize("method", ["Get", "Delete", "Test"])
    @pytest.mark.parametrize("whose", ["another account", "another site of the account"])
    def test_somebody_elses_destination_answers_as_a_missing_one(
        self, integration: House, method: str, whose: str
    ) -> None:
        made = wordpress(integration)
        other = integration.as_stranger() if whose == "another account" else integration.at_another_site()
        missing = str(new_id())
        said = []
        for asked in (made.id, missing):
            with pytest.raises(Fault) as failed:
                other.by_id(method, asked)
            said.append((failed.value.code, failed.value.reason, failed.value.message.replace(asked, "ID")))
        assert said[0] == said[1]
        assert said[0][0] is Kind.NOT_FOUND
        assert other.listed() == []
        assert other.events() == []
        assert integration.by_id("Get", made.id) == made

    def test_an_update_from_elsewhere_changes_nothing(self, integration: House) -> None:
        made = wordpress(integration)
        with pytest.raises(Fault) as failed:
            integration.at_another_site().update(made, base_url="https://coffee.example/x")
        assert failed.value.code is Kind.NOT_FOUND
        assert integration.by_id("Get", made.id) == made
