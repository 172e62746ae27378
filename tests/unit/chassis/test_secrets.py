"""Sealed secrets: opened with their key, for their tenant and field, and by nothing else."""

import json
from base64 import b64decode, b64encode

import pytest

from chassis.secrets import SecretUnreadable, Vault, generate_key

OLD, NEW = generate_key(), generate_key()


@pytest.fixture
def vault() -> Vault:
    return Vault({"2026": OLD})


class TestVault:
    @pytest.mark.parametrize("secret", ["", "hunter2", "é" * 1000])
    def test_what_was_sealed_is_opened(self, vault: Vault, secret: str) -> None:
        assert vault.open(json.loads(json.dumps(vault.seal(secret, "a", 1))), "a", 1) == secret

    def test_it_does_not_show_and_never_looks_the_same(self, vault: Vault) -> None:
        first, second = vault.seal("canary", "a"), vault.seal("canary", "a")
        assert "canary" not in json.dumps(first)
        assert first["box"] != second["box"]

    @pytest.mark.parametrize("context", [(), ("b",), ("a", "more"), ("A",)])
    def test_another_context_opens_nothing(self, vault: Vault, context: tuple[str, ...]) -> None:
        with pytest.raises(SecretUnreadable):
            vault.open(vault.seal("canary", "a"), *context)

    @pytest.mark.parametrize("part", ["key", "box", "kek"])
    def test_a_changed_or_missing_part_opens_nothing(self, vault: Vault, part: str) -> None:
        sealed = vault.seal("canary", "a")
        raw = b64decode(sealed["box"])
        flipped = b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()
        for broken in ({**sealed, part: flipped}, {k: v for k, v in sealed.items() if k != part}):
            with pytest.raises(SecretUnreadable):
                vault.open(broken, "a")

    def test_a_new_key_seals_and_the_old_one_still_opens(self, vault: Vault) -> None:
        rotated = Vault({"2027": NEW, "2026": OLD})
        assert rotated.open(vault.seal("canary", "a"), "a") == "canary"
        sealed = rotated.seal("canary", "a")
        assert sealed["kek"] == "2027"
        with pytest.raises(SecretUnreadable):
            vault.open(sealed, "a")

    @pytest.mark.parametrize("keys", [{}, {"a": "c2hvcnQ="}, {"a": ""}])
    def test_a_key_is_32_bytes(self, keys: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            Vault(keys)
