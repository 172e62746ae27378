"""Identity's pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity import domain


class TestHostName:
    @pytest.mark.parametrize(
        ("text", "stored"),
        [
            ("coffee.example", "coffee.example"),
            (" HTTPS://WWW.Coffee.example/ ", "www.coffee.example"),
            ("coffee.example.", "coffee.example"),
            ("kölner-kaffee.example", "xn--klner-kaffee-4ib.example"),
        ],
    )
    def test_is_stored_in_one_form(self, text: str, stored: str) -> None:
        assert domain.host_name(text) == stored

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "a..b",
            "-a.example",
            "a_b.example",
            "coffee.example/blog",
            "coffee.example:8080",
            "user@coffee.example",
            "a b.example",
            "x" * 64 + ".example",
            ".".join(["abcdefgh"] * 30),
        ],
    )
    def test_anything_else_is_none(self, text: str) -> None:
        assert domain.host_name(text) is None

    @given(st.text(max_size=80))
    def test_never_fails_and_is_stable(self, text: str) -> None:
        name = domain.host_name(text)
        assert name is None or domain.host_name(name) == name


class TestEmailAddress:
    def test_is_stored_in_one_form(self) -> None:
        assert domain.email_address(" Ada.Lovelace+x@Example.COM ") == "ada.lovelace+x@example.com"

    @pytest.mark.parametrize("text", ["", "ada", "@example.com", "ada@", "ada@localhost", "a b@a.example", "a@b@c.de"])
    def test_anything_else_is_none(self, text: str) -> None:
        assert domain.email_address(text) is None


class TestPassword:
    @pytest.mark.parametrize("password", ["correct horse battery", "ünïcödé-ünïcödé", "x1y2" * 50])
    def test_length_is_what_counts(self, password: str) -> None:
        assert domain.problem_with_password(password) is None

    @pytest.mark.parametrize("password", ["", "short", "a" * 30, "abab" * 10, "x1y2" * 51])
    def test_short_long_and_monotonous_ones_are_refused(self, password: str) -> None:
        assert domain.problem_with_password(password)


class TestSecrets:
    def test_a_credential_says_its_kind_and_is_stored_as_a_digest(self) -> None:
        secret = domain.new_secret("site")
        assert domain.kind_of(secret.text) == "site"
        assert secret.text.startswith(secret.prefix + "_")
        assert domain.digest_of(secret.text) == secret.digest
        assert len(secret.digest) == 32

    @pytest.mark.parametrize("text", ["", "igny8", "igny8_site_x_y", "a.b.c", "igny8_site_0000000g_" + "0" * 64])
    def test_what_we_did_not_make_has_no_kind(self, text: str) -> None:
        assert domain.kind_of(text) == ""


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (domain.problem_with_time_zone, "Asia/Karachi", "Mars/Olympus"),
        (domain.problem_with_country, "PK", "Pakistan"),
        (domain.problem_with_language, "pt-BR", "english"),
        (domain.problem_with_name, "Café", "  "),
        (domain.problem_with_email, "ada@example.com", "ada"),
    ],
)
def test_a_rule_accepts_and_explains(check: object, right: str, wrong: str) -> None:
    assert check(right) is None  # type: ignore[operator]  # a rule of the module
    assert check(wrong)  # type: ignore[operator]  # the same


def test_every_role_has_scopes_and_a_viewer_only_reads() -> None:
    assert domain.SCOPES_OF_ROLE["viewer"] == {"read"}
    assert all(scopes <= set(domain.KEY_SCOPES) for scopes in domain.SCOPES_OF_ROLE.values())
