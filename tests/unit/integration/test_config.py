"""What integration reads from its environment, and what it says when that is wrong."""

import runpy
import sys
from pathlib import Path

import pytest

from chassis.config import ConfigurationError, Environment
from chassis.secrets import generate_key
from services.integration.config import IntegrationConfig, SitesConfig

GOOD = {
    "INTEGRATION_LISTEN": "127.0.0.1:0",
    "INTEGRATION_DATABASE_URL": "postgresql+psycopg://app@/integration",
    "INTEGRATION_SWEEP_URL": "postgresql+psycopg://sweep@/integration",
    "PASSPORT_KEY": "a-private-key",
    "WRITER_ADDRESS": "127.0.0.1:7002",
    "SECRETS_KEYS": f'{{"k": "{generate_key()}"}}',
    "OBJECTS_URL": "file:///tmp/objects",
    "SITES_ROOT": "/tmp/sites",  # noqa: S108 - nothing is written there
    "SITES_BASE_URL": "https://sites.example/",
}


class TestIntegrationConfig:
    def test_everything_is_read(self) -> None:
        config = IntegrationConfig.read(Environment(GOOD))
        assert (config.sites_base_url, config.allow_loopback) == ("https://sites.example", False)
        assert config.publication_lease_s == 60
        assert config.sites_root == Path(GOOD["SITES_ROOT"])
        assert "a-private-key" not in repr(config)

    def test_everything_that_is_missing_is_named_at_once(self) -> None:
        with pytest.raises(ConfigurationError) as wrong:
            IntegrationConfig.read(Environment({}))
        for name in GOOD:
            assert name in str(wrong.value)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECRETS_KEYS", "not JSON"),
            ("SECRETS_KEYS", "{}"),
            ("SECRETS_KEYS", "[]"),
            ("SECRETS_KEYS", '{"k": "c2VjcmV0"}'),
            ("SITES_BASE_URL", "sites.example"),
            ("SITES_BASE_URL", "https://sites.example/path"),
            ("OUTBOUND_ALLOW_LOOPBACK", "perhaps"),
        ],
    )
    def test_what_is_wrong_is_named_without_its_secrets(self, name: str, value: str) -> None:
        with pytest.raises(ConfigurationError, match=name) as wrong:
            IntegrationConfig.read(Environment({**GOOD, name: value}))
        assert "c2VjcmV0" not in str(wrong.value)


class TestSitesConfig:
    def test_the_pages_need_a_folder_and_an_address(self) -> None:
        config = SitesConfig.read(Environment({"SITES_ROOT": "/srv/sites", "SITES_LISTEN": "127.0.0.1:8090"}))
        assert (config.root, config.host, config.port) == (Path("/srv/sites"), "127.0.0.1", 8090)

    @pytest.mark.parametrize("listen", ["8090", "localhost", "localhost:http", ":8090"])
    def test_an_address_that_is_none(self, listen: str) -> None:
        with pytest.raises(ConfigurationError, match="SITES_LISTEN"):
            SitesConfig.read(Environment({"SITES_ROOT": "/srv/sites", "SITES_LISTEN": listen}))


class TestCommand:
    @pytest.mark.parametrize(
        ("verb", "says"), [("dance", "usage"), ("serve", "WRITER_ADDRESS"), ("sites", "SITES_ROOT")]
    )
    def test_a_mistake_is_one_line_and_exit_code_2(
        self, verb: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in (*GOOD, "SITES_LISTEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(sys, "argv", ["integration", verb])
        with pytest.raises(SystemExit) as left:
            runpy.run_module("services.integration.__main__", run_name="__main__")
        said = capsys.readouterr().err
        assert left.value.code == 2
        assert says in said
        assert said.count("\n") == 1
