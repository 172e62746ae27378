"""The writer's environment."""

import pytest

from chassis import service
from chassis.config import ConfigurationError, Environment
from chassis.passport import generate_key
from services.writer import config
from services.writer.__main__ import build

WHOLE = {
    "WRITER_LISTEN": "127.0.0.1:0",
    "WRITER_DATABASE_URL": "postgresql+psycopg://app@db/writer",
    "WRITER_SWEEP_URL": "postgresql+psycopg://sweep@db/writer",
    "PLANNER_ADDRESS": "planner:7000",
    "PASSPORT_KEY": generate_key()[0],
}


class TestRead:
    def test_a_whole_environment_is_read(self) -> None:
        read = config.read(Environment(WHOLE))
        assert (read.planner_address, read.issuer.name, read.service.name) == ("planner:7000", "writer", "writer")

    def test_everything_that_is_missing_is_named(self) -> None:
        with pytest.raises(ConfigurationError) as failed:
            config.read(Environment({}))
        for name in WHOLE:
            assert name in str(failed.value)

    def test_a_key_that_is_none_is_named_and_not_shown(self) -> None:
        with pytest.raises(ConfigurationError, match="PASSPORT_KEY") as failed:
            config.read(Environment(WHOLE | {"PASSPORT_KEY": "c2VjcmV0"}))
        assert "c2VjcmV0" not in str(failed.value)


class TestMain:
    @pytest.mark.parametrize("arguments", [[], ["start"], ["serve", "now"], ["serve"], ["migrate"]])
    def test_a_wrong_command_or_environment_exits_with_2_and_one_line(
        self, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in (*WHOLE, "WRITER_OWNER_URL"):
            monkeypatch.delenv(name, raising=False)
        assert service.main(config.NAME, build, arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
