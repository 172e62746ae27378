"""Billing as a process: what it says when it cannot start."""

import pytest

from services.billing.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["dance"], ["serve", "migrate"]])
def test_an_unknown_command_shows_the_known_ones(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == "usage: python -m services.billing serve | migrate\n"


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("serve", ["BILLING_LISTEN", "BILLING_DATABASE_URL", "BILLING_SWEEP_URL"]),
        ("migrate", ["BILLING_OWNER_URL", "BILLING_DATABASE_URL", "BILLING_SWEEP_URL"]),
    ],
)
def test_what_is_missing_in_the_environment_is_named(
    command: str, missing: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in missing:
        monkeypatch.delenv(name, raising=False)
    assert main([command]) == 2
    said = capsys.readouterr().err
    assert [name for name in missing if f"{name} is not set" in said] == missing
