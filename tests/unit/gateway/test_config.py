"""The gateway's settings."""

import pytest

from chassis.config import ConfigurationError, Environment
from chassis.passport import generate_key
from gateway.bindings import SERVICES
from gateway.config import GatewayConfig

COMPLETE = {f"{name.upper()}_ADDRESS": f"{name}:7000" for name in SERVICES} | {
    "PASSPORT_KEY": generate_key()[0],
    "OBJECTS_URL": "file:///tmp/objects",
}


class TestRead:
    def test_what_need_not_be_set_has_a_default(self) -> None:
        config = GatewayConfig.read(Environment(COMPLETE))
        assert (config.host, config.port, config.addresses["planner"]) == ("127.0.0.1", 8080, "planner:7000")

    def test_an_address_of_version_6_has_brackets(self) -> None:
        config = GatewayConfig.read(Environment(COMPLETE | {"GATEWAY_LISTEN": "[::1]:9000"}))
        assert (config.host, config.port) == ("::1", 9000)

    def test_everything_that_is_missing_is_named_at_once(self) -> None:
        with pytest.raises(ConfigurationError) as refused:
            GatewayConfig.read(Environment({"GATEWAY_CALLS_PER_MINUTE": "many"}))
        for name in ("PLANNER_ADDRESS", "BILLING_ADDRESS", "PASSPORT_KEY", "OBJECTS_URL", "GATEWAY_CALLS_PER_MINUTE"):
            assert name in str(refused.value)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("GATEWAY_LISTEN", "8080x"),
            ("GATEWAY_LISTEN", "0.0.0.0:99999"),
            ("PASSPORT_KEY", "short"),
            ("PASSPORT_KEY", "not base64!"),
            ("OBJECTS_URL", "ftp://objects"),
        ],
    )
    def test_what_is_wrong_is_named(self, name: str, value: str) -> None:
        with pytest.raises(ConfigurationError, match=name):
            GatewayConfig.read(Environment(COMPLETE | {name: value}))

    def test_secrets_are_not_shown(self) -> None:
        assert COMPLETE["PASSPORT_KEY"] not in repr(GatewayConfig.read(Environment(COMPLETE)))
