"""Logs: one JSON object a line, and no secret in it."""

import json
import logging

import pytest

from chassis import call
from chassis.logging import JsonLines, redact
from services.identity.domain import new_secret


class TestRedact:
    @pytest.mark.parametrize(
        "text",
        [
            "authorization: Bearer canary.canary.canary",
            "{'password': 'canary'}",
            'password="canary"',
            "api_key=canary",
            "apikey: canary",
            "used igny8_site_canary",
        ],
    )
    def test_what_looks_like_a_secret_is_left_out(self, text: str) -> None:
        assert "canary" not in redact(text)

    @pytest.mark.parametrize("kind", ["account", "site", "operator", "refresh"])
    def test_no_credential_of_ours_is_shown(self, kind: str) -> None:
        secret = new_secret(kind).text
        assert secret.rsplit("_", 1)[1] not in redact(f"refused {secret}, try again")

    def test_anything_else_stays(self) -> None:
        assert redact("3 keywords of site 0197 were mapped") == "3 keywords of site 0197 were mapped"


class TestJsonLines:
    def test_a_record_is_one_line_with_its_request(self) -> None:
        record = logging.LogRecord("x", logging.WARNING, "f", 1, "a\n%s", ("Bearer canary",), None)
        with call.serving(None, "req-1"):
            line = JsonLines("planner").format(record)
        assert "\n" not in line
        read = json.loads(line)
        assert (read["service"], read["level"], read["request_id"]) == ("planner", "warning", "req-1")
        assert "canary" not in line

    def test_an_exception_is_shown_without_its_secrets(self) -> None:
        try:
            raise ValueError("password=canary")
        except ValueError as error:
            info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), info)
        line = JsonLines("planner").format(record)
        assert "ValueError" in line
        assert "canary" not in line
