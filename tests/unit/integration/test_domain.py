"""The rules of integration: addresses, credentials, what is shown, and who may send."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.html import CHARS_MAX, HtmlTooLong
from services.integration import domain
from services.integration.domain import Connection, Content, Picture
from services.integration.errors import AddressRefused, CredentialsMissing
from tests.unit.chassis.xss_corpus import PLACES, Live, standing_in

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WORDPRESS = Connection(UUID(int=1), "wordpress", "https://coffee.example", {}, None)
PICTURE = Picture("p1", "featured", 0, "images/p1.png", "image/png", "A sock")
CONTENT = Content(
    UUID(int=2), UUID(int=3), "Socks", "socks", "<p>Warm.</p>", NOON, categories=("Wool",), pictures=(PICTURE,)
)


class TestCheckAddress:
    @pytest.mark.parametrize(
        ("url", "stored"),
        [
            ("https://coffee.example", "https://coffee.example"),
            ("https://coffee.example/blog/", "https://coffee.example/blog"),
            ("https://käse.example", "https://käse.example"),
            ("https://8.8.8.8", "https://8.8.8.8"),
        ],
    )
    def test_a_public_website_is_taken(self, url: str, stored: str) -> None:
        assert domain.check_address("wordpress", url, allow_loopback=False) == stored

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "coffee.example",
            "ftp://coffee.example",
            "http://coffee.example",
            "https://u:p@coffee.example",
            "https://127.0.0.1",
            "https://169.254.169.254/latest",
            "https://100.64.1.1",
            "https://[::1]",
            "https://[64:ff9b::7f00:1]",
            "https://0x7f.1",
            "https://8.8.8.8:22",
            "https://coffee.example#top",
            "https://coffee.example\\@10.0.0.1",
        ],
    )
    def test_anything_else_is_refused_by_its_field(self, url: str) -> None:
        with pytest.raises(AddressRefused) as refused:
            domain.check_address("wordpress", url, allow_loopback=False)
        assert [v.field for v in refused.value.violations] == ["site_integration.base_url"]

    def test_development_opens_this_machine_and_nothing_else(self) -> None:
        taken = domain.check_address("wordpress", "http://127.0.0.1:8081/", allow_loopback=True)
        assert taken == "http://127.0.0.1:8081"
        with pytest.raises(AddressRefused):
            domain.check_address("wordpress", "http://10.0.0.1", allow_loopback=True)

    @pytest.mark.parametrize(
        ("other", "same"),
        [
            ("https://coffee.example/blog", True),
            ("https://COFFEE.example:443", True),
            ("http://coffee.example", False),
            ("https://coffee.example:8443", False),
            ("https://www.coffee.example", False),
        ],
    )
    def test_one_place_is_one_scheme_host_and_port(self, other: str, same: bool) -> None:
        assert domain.same_place("https://coffee.example", other) is same


class TestCheckCredentials:
    def test_white_space_of_a_copied_password_is_dropped_at_its_ends(self) -> None:
        given_ = {"username": " editor", "application_password": "abcd efgh "}
        taken = domain.check_credentials("wordpress", given_)
        assert taken == {"username": "editor", "application_password": "abcd efgh"}

    @pytest.mark.parametrize(
        ("platform", "credentials"),
        [
            ("wordpress", {}),
            ("wordpress", {"username": "editor"}),
            ("wordpress", {"username": "", "application_password": "x"}),
            ("wordpress", {"username": "a:b", "application_password": "x"}),
            ("wordpress", {"username": "a", "application_password": "x\r\nHost: evil"}),
            ("wordpress", {"username": "a", "application_password": ["x"]}),
            ("custom", {"secret": "x" * 9000}),
            ("sites", {"token": "x"}),
        ],
    )
    def test_what_is_missing_is_told_and_what_was_given_is_not(
        self, platform: str, credentials: dict[str, object]
    ) -> None:
        with pytest.raises(CredentialsMissing) as refused:
            domain.check_credentials(platform, credentials)
        assert "evil" not in refused.value.message
        assert [v.field for v in refused.value.violations] == ["site_integration.credentials_json"]


class TestDigest:
    @pytest.mark.parametrize(
        "changed",
        [
            replace(CONTENT, title="Stockings"),
            replace(CONTENT, html="<p>Cool.</p>"),
            replace(CONTENT, tags=("wool",)),
            replace(CONTENT, pictures=()),
            replace(CONTENT, pictures=(replace(PICTURE, object_key="images/p2.png"),)),
            replace(CONTENT, pictures=(replace(PICTURE, alt_text="Another"),)),
        ],
    )
    def test_whatever_a_reader_sees_changes_it(self, changed: Content) -> None:
        assert changed.digest(WORDPRESS) != CONTENT.digest(WORDPRESS)

    def test_a_later_time_alone_does_not(self) -> None:
        later = replace(CONTENT, update_time=NOON + timedelta(days=1))
        assert later.digest(WORDPRESS) == CONTENT.digest(WORDPRESS)

    def test_another_address_does(self) -> None:
        assert CONTENT.digest(replace(WORDPRESS, base_url="https://new.example")) != CONTENT.digest(WORDPRESS)


class TestDecide:
    @pytest.mark.parametrize(
        ("status", "stored", "lease_left_s", "verdict"),
        [
            ("pending", "", 0, "send"),
            ("published", "d", 0, "settled"),
            ("published_with_warnings", "d", 0, "settled"),
            ("published", "old", 0, "send"),
            ("failed", "d", 0, "send"),
            ("publishing", "", 12.5, "busy"),
            ("publishing", "", -3, "send"),
        ],
    )
    def test_who_may_send(self, status: str, stored: str, lease_left_s: float, verdict: str) -> None:
        assert domain.decide(status, stored, "d", lease_left_s) == verdict


class TestCleanHtml:
    def test_an_article_stays_as_it_is(self) -> None:
        image = "igny8-image:0197a1b2-0000-7000-8000-000000000000"
        html = (
            '<h2>A &amp; B</h2><p>x <a href="https://a.example/?a=1&amp;b=2" rel="noopener noreferrer">l</a></p>'
            f'<figure><img src="{image}" alt="x &quot;y&quot;"><figcaption>c</figcaption></figure>'
        )
        assert domain.clean_html(html) == html

    @pytest.mark.parametrize(
        ("html", "cleaned"),
        [
            ("<p>a<script>alert(1)</script></p>", "<p>a</p>"),
            ('<p onclick="x()" style="x" class="y" title="z">a</p>', "<p>a</p>"),
            ('<a href="javascript:alert(1)">a</a>', '<a rel="noopener noreferrer">a</a>'),
            ('<a href="data:text/html,x">a</a>', '<a rel="noopener noreferrer">a</a>'),
            ('<img src="data:image/svg+xml,x" alt="a">', '<img alt="a">'),
            ('<img src="//evil.example/x.png" alt="a">', '<img alt="a">'),
            ('<img src="x" onerror="alert(1)">', "<img>"),
            ("<iframe src='https://a.example'></iframe><p>b</p>", "<p>b</p>"),
            ("<!-- igny8:0 --><p>b</p>", "<p>b</p>"),
            ("<svg><text>x</text></svg>b", "b"),
            ("<h1>a</h1>", "a"),
        ],
    )
    def test_what_is_not_of_an_article_goes(self, html: str, cleaned: str) -> None:
        assert domain.clean_html(html) == cleaned

    @pytest.mark.parametrize("place", PLACES)
    def test_nothing_live_leaves(self, place: str) -> None:
        cleaned = {html: Live(domain.clean_html(html)).found for html in standing_in(place)}
        assert {html: found for html, found in cleaned.items() if found} == {}

    def test_an_article_of_the_writers_full_length_leaves_with_its_pictures(self) -> None:
        figure = '<figure><img src="igny8-image:0197a1b2-0000-7000-8000-000000000000" alt="a"></figure>'
        html = "x" * CHARS_MAX + 20 * figure
        assert domain.clean_html(html) == html
        with pytest.raises(HtmlTooLong, match="1,000,001"):
            domain.clean_html("x" * 1_000_001)

    @given(st.text(alphabet=st.sampled_from("<>/=\"' abipmgsrchefonl:javtd&;#x"), max_size=200))
    def test_whatever_comes_nothing_live_is_left(self, html: str) -> None:
        cleaned = domain.clean_html(html).lower()
        assert "<script" not in cleaned
        assert 'href="javascript' not in cleaned
        assert "<iframe" not in cleaned
