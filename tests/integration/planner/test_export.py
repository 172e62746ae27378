"""Exporting a site's keywords: in pieces, by filter and order, and a file that changes nothing when it is imported."""

import csv
import io
from typing import Any

from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Kind
from chassis.testing.service import a_site
from services.planner import exports
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_imports import GOOGLE_ADS, POSITIONS, SEARCH_CONSOLE, SEMRUSH
from tests.integration.planner.test_keywords import create, delete, refused, update


def piece(account: Account, **query: Any) -> Any:
    return account.call("ExportKeywords", service.ExportKeywordsRequest(site_id=account.site_id, **query))


def export(account: Account, **query: Any) -> str:
    """The whole file."""
    text: str = ""
    token = ""
    while True:
        got = piece(account, page_token=token, **query)
        text, token = text + got.csv, got.next_page_token
        if not token:
            return text


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_importing_an_export_changes_nothing(account: Account) -> None:
    for text in (SEMRUSH, POSITIONS, SEARCH_CONSOLE, GOOGLE_ADS):
        account.import_file(text.encode())
    (library_only, _) = account.add("best moka pot", "moka pot", volume=7)
    update(account, library_only, "volume")  # what the library has must not become the site's own
    before = account.rows("Keywords")
    report = account.import_file(export(account).encode(), "export.csv")
    assert (report.layout, report.created_count, report.updated_count, report.unchanged_count) == ("igny8", 0, 0, 4)
    assert (report.skipped_count, report.note_count) == (0, 0)
    assert account.rows("Keywords") == before


def test_another_site_gets_the_same_figures(account: Account) -> None:
    account.import_file(SEMRUSH.encode())
    other = account.at(a_site())
    other.import_file(export(account).encode())

    def figures(of: Account) -> set[tuple[Any, ...]]:
        return {(k.text, k.volume, k.difficulty, k.intent, k.cpc_micros, k.competition) for k in of.rows("Keywords")}

    assert figures(other) == figures(account)


def test_filter_order_and_search_are_honoured(account: Account) -> None:
    account.add("moka pot", "moka gasket", "tea", "moka size")
    gone = account.add("moka gone")
    delete(account, gone[0])
    text = export(account, filter="volume < 1000", order_by="volume", search="moka")
    assert [line["keyword"] for line in lines(text)] == ["moka size", "moka gasket"]


def test_what_is_beside_the_figures_is_told(account: Account) -> None:
    account.add("best moka pot", "moka pot gasket", "moka pot size", "moka pot steel", "moka pot cups")
    account.cluster()
    line = next(line for line in lines(export(account)) if line["keyword"] == "best moka pot")
    (cluster,) = account.rows("Clusters")
    assert (line["cluster"], line["status"], line["sector id"]) == (cluster.name, "mapped", str(account.sector_id))
    assert (line["intent"], line["derived intent"]) == ("", "commercial")


def test_a_long_list_comes_in_pieces_with_one_header(account: Account) -> None:
    count = exports.PIECE_LINES + 5
    account.allow(count)
    account.import_file("".join(f"keyword {number}\n" for number in range(count)).encode())
    first = piece(account)
    assert first.next_page_token
    found = [line["keyword"] for line in lines(export(account))]
    assert (len(found), len(set(found))) == (count, count)


def test_a_site_without_keywords_has_a_header_alone(account: Account) -> None:
    assert lines(export(account)) == []
    assert export(account).startswith("keyword,")


def test_a_filter_that_is_none_is_refused(account: Account) -> None:
    fault = refused(piece, account, filter="nonsense = 1")
    assert (fault.code, [v.field for v in fault.violations]) == (Kind.INVALID_ARGUMENT, ["filter"])


def test_nobody_else_gets_a_line(planner: Planner, account: Account) -> None:
    create(account)
    for stranger in (planner.account(), account.at(a_site())):
        assert lines(export(stranger)) == []
