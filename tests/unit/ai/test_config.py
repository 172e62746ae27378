"""What the ai service makes of its environment."""

import re
from pathlib import Path

import pytest

from chassis.config import ConfigurationError, Environment
from chassis.service import ServiceConfig
from services.ai import config
from services.ai.config import OPENAI_URL, AiConfig, Endpoint

BASE = {
    "AI_LISTEN": "127.0.0.1:0",
    "AI_DATABASE_URL": "postgresql+psycopg://app@localhost/ai",
    "AI_SWEEP_URL": "postgresql+psycopg://sweep@localhost/ai",
    "OBJECTS_URL": "file:///tmp/objects",
}
OWN, OTHER = "http://127.0.0.1:8081/v1", "http://127.0.0.1:8082/v1"


def read(**settings: str) -> AiConfig:
    return AiConfig.read(Environment(BASE | settings))


class TestNothingSet:
    def test_is_all_offline(self) -> None:
        made = read()
        assert (made.text, made.image, made.embedding) == (None, None, None)
        assert made.timeout_s == 150

    def test_names_every_variable_that_is_missing(self) -> None:
        with pytest.raises(ConfigurationError) as failed:
            AiConfig.read(Environment({}))
        assert all(name in str(failed.value) for name in BASE)


class TestEndpoints:
    def test_one_server_serves_all_three(self) -> None:
        names = {"AI_MODEL": "t", "AI_IMAGE_MODEL": "i", "AI_EMBEDDING_MODEL": "e"}
        made = read(AI_BASE_URL=OWN, AI_API_KEY="sk-1", **names)
        assert made.text == Endpoint("t", OWN, "sk-1", "AI_")
        assert made.image == Endpoint("i", OWN, "sk-1", "AI_IMAGE_")
        assert made.embedding == Endpoint("e", OWN, "sk-1", "AI_EMBEDDING_")

    def test_a_model_alone_is_openais_and_needs_a_key(self) -> None:
        assert read(AI_MODEL="t", AI_API_KEY="sk-1").text == Endpoint("t", OPENAI_URL, "sk-1")
        with pytest.raises(ConfigurationError, match="AI_API_KEY is not set"):
            read(AI_MODEL="t")

    def test_a_server_of_ones_own_may_need_no_key(self) -> None:
        assert read(AI_MODEL="t", AI_BASE_URL=OWN).text == Endpoint("t", OWN, "-")

    def test_one_kind_may_have_a_server_while_the_others_are_offline(self) -> None:
        made = read(AI_IMAGE_MODEL="i", AI_BASE_URL=OWN)
        assert made.image == Endpoint("i", OWN, "-", "AI_IMAGE_")
        assert made.text is None

    def test_a_key_goes_to_no_other_server(self) -> None:
        made = read(AI_MODEL="t", AI_BASE_URL=OWN, AI_API_KEY="sk-1", AI_IMAGE_MODEL="i", AI_IMAGE_BASE_URL=OTHER)
        assert made.image == Endpoint("i", OTHER, "-", "AI_IMAGE_")

    def test_blanks_around_a_pasted_key_are_nothing(self) -> None:
        assert read(AI_MODEL="t", AI_API_KEY=" sk-1\n").text == Endpoint("t", OPENAI_URL, "sk-1")

    @pytest.mark.parametrize(("settings", "lease_s"), [({}, 59), ({"AI_CALL_LEASE_S": "14"}, 14)])
    def test_a_call_is_taken_over_later_than_its_provider_may_answer(
        self, settings: dict[str, str], lease_s: int
    ) -> None:
        assert read(AI_TIMEOUT_S="9", **settings).call_lease_s == lease_s

    def test_secrets_are_not_shown(self) -> None:
        shown = repr(read(AI_MODEL="t", AI_BASE_URL="http://u:pass-canary@host/v1", AI_API_KEY="sk-canary"))
        assert "canary" not in shown


class TestMistakes:
    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"AI_BASE_URL": OWN}, "AI_MODEL is not set"),
            ({"AI_API_KEY": "sk-1"}, "AI_MODEL is not set"),
            ({"AI_IMAGE_BASE_URL": OWN}, "AI_IMAGE_MODEL is not set"),
            ({"AI_EMBEDDING_API_KEY": "sk-1"}, "AI_EMBEDDING_MODEL is not set"),
            ({"AI_MODEL": "t", "AI_BASE_URL": "127.0.0.1:8081"}, "AI_BASE_URL must begin with http"),
            ({"AI_MODEL": "t", "AI_BASE_URL": "file:///etc/passwd"}, "AI_BASE_URL must begin with http"),
            ({"AI_MODEL": "t", "AI_API_KEY": "sk-1 sk-2"}, "AI_API_KEY holds characters"),
            ({"AI_MODEL": "t", "AI_API_KEY": "„sk-1“"}, "AI_API_KEY holds characters"),
            ({"AI_TIMEOUT_S": "171"}, "AI_TIMEOUT_S must be a whole number from 1 to 170"),
            ({"AI_TIMEOUT_S": "9", "AI_CALL_LEASE_S": "13"}, "AI_CALL_LEASE_S must be a whole number from 14 to 3600"),
        ],
    )
    def test_are_named_without_their_value(self, settings: dict[str, str], says: str) -> None:
        with pytest.raises(ConfigurationError, match=says) as failed:
            read(**settings)
        assert "sk-1" not in str(failed.value)


class Watched(Environment):
    """Remembers which variables were read."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def text(self, name: str, default: str | None = None) -> str:
        self.read.add(name)
        return super().text(name, default)

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        self.read.add(name)
        return super().integer(name, default, least=least, most=most)


class TestTheTable:
    def test_names_every_variable_that_is_read_and_no_other(self) -> None:
        own, common = (Watched(BASE | {"AI_MODEL": "t", "AI_BASE_URL": OWN}) for _ in range(2))
        AiConfig.read(own)
        ServiceConfig.read("ai", common)
        told = set(re.findall(r"^\| ([A-Z_]+) ", Path(config.__file__).read_text("utf-8"), re.MULTILINE))
        assert own.read - common.read == told
