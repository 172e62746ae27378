"""Clustering again from the command line: nothing is applied that was not shown and agreed to."""

import io
from typing import Any

from rich.console import Console

from cli.connection import Connection
from cli.recluster import recluster
from tests.unit.cli.fakes import FakeApi
from tests.unit.cli.given import run

CHANGE = {
    "kind": "split",
    "cluster_id": "a",
    "name": "moka pot",
    "keyword_count": 9,
    "parts": [{"cluster_id": "a", "name": "moka pot", "keyword_count": 5}, {"name": "moka lid", "keyword_count": 4}],
}
PROPOSED = {
    **{f"{name}_count": 0 for name in ("joined", "merged", "emptied", "skipped")},
    "id": "r1",
    "etag": "1",
    "keyword_count": 9,
    "cluster_count": 2,
    "moved_count": 4,
    "created_count": 1,
    "split_count": 1,
    "changes": [CHANGE],
}


def asked(proposed: dict[str, Any], *, agree: bool, monkeypatch: Any) -> tuple[str, FakeApi]:
    monkeypatch.setattr("cli.recluster.start", lambda *_: {"id": "run"})
    monkeypatch.setattr("cli.recluster.watch", lambda *_: run(status="completed"))
    page = {"reclusterings": [proposed], "next_page_token": ""}
    api = FakeApi([run()], pages={"/reclusterings": page}, posted={":apply": {**proposed, "skipped_count": 1}})
    console = Console(file=io.StringIO(), width=150)
    recluster(Connection(api, "site"), {}, console, lambda: True, lambda: agree)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue(), api


def test_what_would_change_is_shown_and_done_when_agreed_to(monkeypatch: Any) -> None:
    printed, api = asked(PROPOSED, agree=True, monkeypatch=monkeypatch)
    assert "is split into" in printed
    assert "moka pot (5), moka lid (4)" in printed
    assert api.posts == [("/v1/sites/site/reclusterings/r1:apply", {"etag": "1"})]
    assert "3 keywords are in other clusters now; 1 were changed meanwhile and left" in printed


def test_nothing_is_done_when_not_agreed_to(monkeypatch: Any) -> None:
    printed, api = asked(PROPOSED, agree=False, monkeypatch=monkeypatch)
    assert api.posts == []
    assert "Nothing was changed" in printed


def test_without_a_change_nothing_is_asked(monkeypatch: Any) -> None:
    printed, api = asked({**PROPOSED, "moved_count": 0}, agree=True, monkeypatch=monkeypatch)
    assert (api.posts, "changes nothing" in printed) == ([], True)
