"""What the WordPress adapter says when a real WordPress, or what stands before it, does not take a call."""

import uuid

import pytest

from chassis.outbound import OutboundClient
from services.integration.adapters.base import (
    AddressNotAllowed,
    CredentialsRefused,
    Destination,
    DestinationBroken,
    DestinationBusy,
    DestinationError,
    DestinationMisconfigured,
    PermissionMissing,
    PublishImage,
    TransientDestinationError,
    UploadRefused,
)
from services.integration.adapters.wordpress import WordPress, WordPressConnection
from tests.e2e.wordpress import WordPressSite
from tests.e2e.wordpress.articles import OUTBOUND, adapter, article, stored, user_of_role
from tests.e2e.wordpress.fixture import start_or_explain
from tests.e2e.wordpress.proxy import Canned, Proxy, request

pytestmark = pytest.mark.wordpress


class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "error", "retry_after_s"),
        [
            (Canned(429, b"{}", (("Retry-After", "17"),)), DestinationBusy, 17.0),
            (Canned(503, b"maintenance", (("Retry-After", "soon"),)), DestinationBusy, None),
            (Canned(500, b"<h1>Fatal error</h1>"), DestinationBroken, None),
            (Canned(502, b""), DestinationBroken, None),
            (Canned(200, b"<html>captcha</html>"), DestinationBroken, None),
            (Canned(200, b'{"id": 1}'), DestinationBroken, None),
            (Canned(200, b'[{"id": "x"}]'), DestinationBroken, None),
        ],
    )
    def test_what_may_pass_is_transient(
        self,
        wordpress: WordPressSite,
        proxy: Proxy,
        answer: Canned,
        error: type[TransientDestinationError],
        retry_after_s: float | None,
    ) -> None:
        proxy.refuse(request("GET", "/posts?"), answer)
        with pytest.raises(error) as caught:
            adapter(wordpress, proxy.url).publish(article())
        assert caught.value.retry_after_s == retry_after_s

    @pytest.mark.parametrize(
        ("answer", "error", "says"),
        [
            (Canned(301, b"", (("Location", "https://www.example.com/"),)), DestinationMisconfigured, "www.example"),
            (Canned(403, b"<h1>Wordfence</h1>"), DestinationMisconfigured, "firewall"),
            (Canned(404, b"<h1>Not Found</h1>"), DestinationMisconfigured, "REST API"),
            (Canned(401, b""), CredentialsRefused, "Authorization header"),
        ],
    )
    def test_what_a_person_must_mend_is_permanent_and_says_so(
        self, wordpress: WordPressSite, proxy: Proxy, answer: Canned, error: type[DestinationError], says: str
    ) -> None:
        proxy.refuse(request("GET"), answer)
        with pytest.raises(error, match=says):
            adapter(wordpress, proxy.url).publish(article())

    def test_a_file_wordpress_refuses_is_permanent_although_it_answers_500(self, destination: Destination) -> None:
        program = PublishImage(uuid.uuid4().hex, "featured", 0, "x.exe", "application/x-msdownload", "", lambda: b"MZ")
        with pytest.raises(UploadRefused, match="rest_upload_sideload_error"):
            destination.publish(article(images=(program,)))

    def test_a_wrong_password(self, wordpress: WordPressSite) -> None:
        with pytest.raises(CredentialsRefused):
            adapter(wordpress, password="wrong wrong wrong").publish(article())

    def test_a_user_who_may_not_even_write(self, wordpress: WordPressSite) -> None:
        name, password = user_of_role(wordpress, "subscriber")
        with pytest.raises(PermissionMissing):
            adapter(wordpress, user=name, password=password).publish(article())

    def test_a_web_server_that_removes_the_credentials(self, wordpress: WordPressSite, proxy: Proxy) -> None:
        proxy.remove("Authorization")
        with pytest.raises(CredentialsRefused, match="removes the Authorization header"):
            adapter(wordpress, proxy.url).publish(article())

    def test_a_private_address_is_not_called(self, wordpress: WordPressSite) -> None:
        closed = OutboundClient()
        connection = WordPressConnection(wordpress.url.replace("http", "https"), "a", "b")
        with pytest.raises(AddressNotAllowed):
            WordPress(closed, connection).publish(article())

    def test_the_password_never_crosses_the_internet_in_the_clear(self) -> None:
        with pytest.raises(DestinationMisconfigured, match="https"):
            WordPress(OutboundClient(), WordPressConnection("http://1.1.1.1", "a", "b")).publish(article())
        assert "b" * 8 not in repr(WordPressConnection("http://1.1.1.1", "a", "b" * 8))


class TestConnectionTest:
    def outcome(self, destination: Destination) -> tuple[bool, str, str]:
        report = destination.test_connection()
        last = report.checks[-1]
        assert all(check.ok for check in report.checks[:-1])
        return report.ok, last.name, last.detail + last.hint

    def test_all_is_well(self, destination: Destination) -> None:
        report = destination.test_connection()
        assert report.ok
        names = ["rest_api", "application_passwords", "credentials", "permissions"]
        assert [check.name for check in report.checks] == names

    def test_a_wrong_password(self, wordpress: WordPressSite) -> None:
        ok, name, said = self.outcome(adapter(wordpress, password="wrong"))
        assert (ok, name) == (False, "credentials")
        assert "application password" in said

    def test_a_user_who_may_not_publish(self, wordpress: WordPressSite) -> None:
        user, password = user_of_role(wordpress, "contributor")
        ok, name, said = self.outcome(adapter(wordpress, user=user, password=password))
        assert (ok, name) == (False, "permissions")
        assert "publish_posts, upload_files" in said

    def test_an_author_is_told_about_categories(self, wordpress: WordPressSite) -> None:
        user, password = user_of_role(wordpress, "author")
        ok, name, said = self.outcome(adapter(wordpress, user=user, password=password))
        assert (ok, name) == (True, "permissions")
        assert "categories" in said

    def test_application_passwords_switched_off_are_told_from_a_wrong_password(self) -> None:
        with start_or_explain(environment="production") as site:
            ok, name, said = self.outcome(adapter(site))
        assert (ok, name) == (False, "application_passwords")
        assert "HTTPS" in said

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            (Canned(200, b"<html></html>"), "maintenance"),
            (Canned(200, b'{"namespaces": []}'), "not WordPress"),
            (Canned(403, b"<h1>Blocked</h1>"), "firewall"),
            (Canned(301, b"", (("Location", "https://www.example.com/wp-json/"),)), "www.example.com"),
            (Canned(404, b"nothing"), "no WordPress REST API"),
        ],
    )
    def test_what_stands_before_the_api_is_named(
        self, wordpress: WordPressSite, proxy: Proxy, answer: Canned, says: str
    ) -> None:
        proxy.refuse(request("GET"), answer)
        ok, name, said = self.outcome(adapter(wordpress, proxy.url))
        assert (ok, name) == (False, "rest_api")
        assert says in said

    def test_a_site_that_is_down(self) -> None:
        connection = WordPressConnection("http://127.0.0.1:9", "a", "b")
        ok, name, said = self.outcome(WordPress(OUTBOUND, connection))
        assert (ok, name) == (False, "rest_api")
        assert "whether the site is up" in said


class TestPlaces:
    def test_plain_permalinks(self, wordpress: WordPressSite, proxy: Proxy) -> None:
        proxy.refuse(lambda _, path: "/wp-json" in path, Canned(404, b"<h1>Not Found</h1>"))
        destination = adapter(wordpress, proxy.url + "/")
        assert destination.test_connection().ok
        content = article()
        assert destination.publish(content).status == "published"
        assert destination.publish(content).status == "published"
        assert stored(wordpress, content)["posts"] == 1

    def test_a_site_in_a_subfolder(self) -> None:
        with start_or_explain(subfolder="blog") as site:
            destination = adapter(site)
            assert destination.test_connection().ok
            content = article()
            assert destination.publish(content).url == f"{site.url}/{content.slug}/"
            assert stored(site, content)["media"] == 2
