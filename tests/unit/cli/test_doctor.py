"""What `igny8 doctor` says of the models that are configured."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.doctor import examine
from cli.home import Home

SERVER = "http://user:canary@models.example:8081/v1"


def said(folder: Path, environ: Mapping[str, str]) -> dict[str, tuple[bool, str]]:
    return {finding.what: (finding.ok, finding.says) for finding in examine(Home(folder / "igny8"), environ)}


@pytest.mark.parametrize("name", ["AI_EMBEDDING_BASE_URL", "AI_EMBEDDING_API_KEY"])
def test_half_a_setting_of_embeddings_is_not_ok(tmp_path: Path, name: str) -> None:
    assert said(tmp_path, {name: SERVER})["keywords"] == (
        False,
        "an embedding server or key is set, but not AI_EMBEDDING_MODEL",
    )


@pytest.mark.parametrize(
    ("environ", "model", "keywords"),
    [
        ({}, (True, "offline provider"), "mean what the shipped word table says"),
        (
            {"AI_BASE_URL": SERVER},
            (False, "set, but not AI_MODEL"),
            "the shipped word table",
        ),
        ({"AI_BASE_URL": SERVER, "AI_MODEL": "m"}, (True, "m at models.example"), "the shipped word table"),
        ({"AI_BASE_URL": SERVER, "AI_EMBEDDING_MODEL": "e"}, (True, "offline provider"), "e at models.example"),
        ({"AI_MODEL": "m", "AI_EMBEDDING_MODEL": "e"}, (True, "m at OpenAI"), "e at OpenAI"),
        (
            {"AI_MODEL": "m", "AI_EMBEDDING_MODEL": "e", "AI_EMBEDDING_BASE_URL": SERVER},
            (True, "m at OpenAI"),
            "e at models.example",
        ),
    ],
)
def test_says_who_writes_and_who_knows_what_keywords_mean(
    tmp_path: Path, environ: dict[str, str], model: tuple[bool, str], keywords: str
) -> None:
    found = said(tmp_path, environ)
    assert (found["model"][0], model[1] in found["model"][1]) == (model[0], True)
    assert found["keywords"][0]
    assert keywords in found["keywords"][1]
    assert "canary" not in str(found)
