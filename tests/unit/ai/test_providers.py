"""The parts of a provider that need no server: pictures, waiting times, cleaned words."""

import io
from base64 import b64encode
from datetime import timedelta
from email.utils import format_datetime

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chassis.errors import Fault
from chassis.testing.clock import FakeClock
from services.ai.config import Endpoint
from services.ai.errors import ProviderRateLimited, ProviderRefused
from services.ai.providers import pictures
from services.ai.providers.faults import Faults
from services.ai.providers.openai_compatible import limit_name
from services.ai.providers.pictures import PictureUnreadable, fitted

ENDPOINT = Endpoint("m", "https://user:pass-canary@models.example:8443/v1?key=query-canary", "sk-canary", "AI_IMAGE_")


def encoded(width: int, height: int, kind: str = "PNG", mode: str = "RGB") -> str:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind)
    return b64encode(out.getvalue()).decode()


def failed_with(status: int, body: object = None, **headers: str) -> Fault:
    """What becomes of an answer with this status."""
    request = httpx2.Request("POST", "https://models.example/v1")
    response = httpx2.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()}, request=request)
    client = openai.OpenAI(base_url="https://models.example/v1", api_key="-")
    try:
        with pytest.raises(Fault) as failed, Faults(ENDPOINT, FakeClock()).translated():
            raise client._make_status_error("it failed", body=body, response=response)
    finally:
        client.close()
    return failed.value


class TestFitted:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    @pytest.mark.parametrize(("width", "height"), [(64, 64), (300, 20), (20, 300), (1, 1)])
    def test_is_a_png_of_the_size(self, kind: str, width: int, height: int) -> None:
        with Image.open(io.BytesIO(fitted(encoded(width, height, kind), 120, 80))) as picture:
            assert (picture.format, picture.size, picture.mode) == ("PNG", (120, 80), "RGB")

    def test_takes_a_picture_with_transparency(self) -> None:
        assert fitted(encoded(20, 20, mode="RGBA"), 64, 64)

    @pytest.mark.parametrize("text", ["", "*", "AAAA", encoded(50, 50)[:-60], encoded(8, 8, "GIF")])
    def test_refuses_what_is_no_whole_picture(self, text: str) -> None:
        with pytest.raises(PictureUnreadable):
            fitted(text, 64, 64)

    def test_refuses_a_trap_for_memory_before_reading_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pictures, "PIXELS_MAX", 99)
        with pytest.raises(PictureUnreadable, match="10 x 10 pixels"):
            fitted(encoded(10, 10), 64, 64)

    @given(st.binary(max_size=200), st.binary(max_size=60))
    def test_never_fails_otherwise(self, anything: bytes, tail: bytes) -> None:
        for data in (anything, b"\x89PNG\r\n\x1a\n" + tail, b"\xff\xd8\xff" + tail):
            with pytest.raises(PictureUnreadable):
                fitted(b64encode(data).decode(), 64, 64)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "wait_s"),
        [
            ("0", 0),
            ("1.5", 1.5),
            ("-3", 0),
            ("301", 300),
            ("inf", 5),
            ("nan", 5),
            ("", 5),
            ("soon", 5),
            (format_datetime(FakeClock().now() + timedelta(seconds=90), usegmt=True), 90),
            (format_datetime(FakeClock().now() - timedelta(days=1), usegmt=True), 0),
        ],
    )
    def test_is_a_number_of_seconds_or_a_date_within_bounds(self, header: str, wait_s: float) -> None:
        fault = failed_with(429, retry_after=header)
        assert isinstance(fault, ProviderRateLimited)
        assert fault.retry_after_s == wait_s


class TestRefusals:
    def test_name_the_setting_of_the_kind(self) -> None:
        assert failed_with(403).message.endswith("Check AI_IMAGE_API_KEY.")
        assert failed_with(404).message.endswith("Check AI_IMAGE_BASE_URL and AI_IMAGE_MODEL.")

    @pytest.mark.parametrize("secret", ["sk-canary", "pass-canary", "query-canary", "models.example:8443"])
    def test_hide_what_the_server_says_of_us(self, secret: str) -> None:
        fault = failed_with(400, {"message": f"You sent {secret} to me.\0\nNo."})
        assert isinstance(fault, ProviderRefused)
        assert secret not in fault.message
        assert "[hidden] to me. No. Check" in fault.message

    def test_are_short(self) -> None:
        assert len(failed_with(400, {"message": "x" * 100_000}).message) < 500

    @pytest.mark.parametrize("body", [None, "prose", ["list"], {"message": None}, {"message": {"deep": 1}}])
    def test_read_any_body(self, body: object) -> None:
        assert failed_with(400, body).message.startswith("The provider refused the call with 400: ")


class TestLimitName:
    @pytest.mark.parametrize(
        ("base_url", "name"),
        [
            ("https://api.openai.com/v1", "max_completion_tokens"),
            ("https://eu.api.openai.com/v1", "max_completion_tokens"),
            ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
            ("https://notopenai.com/v1", "max_tokens"),
            ("http://127.0.0.1:8081/v1", "max_tokens"),
        ],
    )
    def test_is_the_newer_one_where_the_older_is_refused(self, base_url: str, name: str) -> None:
        assert limit_name(base_url) == name
