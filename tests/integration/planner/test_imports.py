"""The function import_keywords: files of every layout become keywords, once, whole or not at all."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from services.planner.imports import SkipReason
from tests.integration.planner.conftest import DATA, Account, Planner

SEMRUSH = (
    "Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD),Competitive Density,SERP Features,Number of Results\n"
    'espresso machine,"Commercial, Transactional",40500,"0.8,1",62,1.25,1,Reviews,1000\n'
    "best coffee grinder,Commercial,8100,,41,0.9,0.8,,2000\n"
)
POSITIONS = (
    "Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL\n"
    "espresso machine,3,4,40500,62,1.25,https://coffee.example/a\n"
    "best coffee grinder,9,9,8100,41,0.90,https://coffee.example/b\n"
)
AHREFS = (
    "#\tKeyword\tCountry\tDifficulty\tVolume\tCPC\tParent Keyword\n"
    "1\tespresso machine\tus\t62\t40500\t1.25\tespresso machine\n"
    "2\tbest coffee grinder\tus\t41\t8100\t0.9\tcoffee grinder\n"
)
SEARCH_CONSOLE = (
    "Top queries,Clicks,Impressions,CTR,Position\n"
    "espresso machine,12,40500,0.03%,4.2\nbest coffee grinder,3,8100,0.04%,11\n"
)
GOOGLE_ADS = (
    "Keyword Stats 2026-11-22\nNovember 1, 2025 - October 31, 2026\n"
    "Keyword\tCurrency\tAvg. monthly searches\tCompetition\tTop of page bid (high range)\n"
    "espresso machine\tUSD\t40500\tHigh\t1.25\nbest coffee grinder\tUSD\t8100\tMedium\t0.90\n"
)
MOZ = (
    "Keyword,Min Volume,Max Volume,Difficulty,Organic CTR,Priority\n"
    "espresso machine,30300,54133,62,50,70\nbest coffee grinder,6500,10094,41,50,60\n"
)
TABLE = "keyword,search_volume,difficulty\nespresso machine,40500,62\nbest coffee grinder,8100,41\n"
LIST = "espresso machine\nbest coffee grinder\n"
EXAMPLE = Path(__file__).parents[3] / "examples" / "home_coffee_semrush.csv"
LARGE_LINES = 100_000


class TestLayouts:
    @pytest.mark.parametrize("encode", [str.encode, lambda t: t.encode("utf-8-sig"), lambda t: t.encode("utf-16")])
    @pytest.mark.parametrize(
        ("layout", "text"),
        [
            ("semrush_magic", SEMRUSH),
            ("semrush_positions", POSITIONS),
            ("ahrefs", AHREFS),
            ("search_console", SEARCH_CONSOLE),
            ("google_ads", GOOGLE_ADS),
            ("moz", MOZ),
            ("keyword_table", TABLE),
            ("plain_list", LIST),
        ],
    )
    def test_every_layout_becomes_keywords(
        self, account: Account, layout: str, text: str, encode: Callable[[str], bytes]
    ) -> None:
        report = account.import_file(encode(text))
        assert (report.layout, report.created_count, report.skipped_count) == (layout, 2, 0)
        first, second = sorted(account.rows("Keywords"), key=lambda keyword: keyword.text, reverse=True)
        assert (first.text, second.text) == ("espresso machine", "best coffee grinder")
        volumes = (0, 0) if layout in {"plain_list", "search_console"} else (40500, 8100)
        assert (first.volume, second.volume) == volumes

    def test_figures_of_a_file_are_the_keywords(self, account: Account) -> None:
        account.import_file(SEMRUSH.encode())
        (keyword,) = account.rows("Keywords", filter='text = "espresso machine"')
        assert (keyword.difficulty, keyword.cpc_micros, keyword.cpc_currency) == (62.0, 1_250_000, "USD")
        assert (keyword.intent, keyword.competition) == (3, 1.0)

    def test_cells_are_stored_as_they_are(self, account: Account) -> None:
        text = 'Keyword,Position,Volume,URL\nback\\slash n \\N,1,5,"https://coffee.example/a\tb\\c\nd"\n'
        account.import_file(text.encode())
        (keyword,) = account.rows("Keywords")
        assert (keyword.text, keyword.volume, keyword.url) == (
            "back\\slash n \\N",
            5,
            "https://coffee.example/a\tb\\c\nd",
        )

    def test_impressions_are_not_volume(self, account: Account) -> None:
        account.import_file(SEARCH_CONSOLE.encode())
        (keyword,) = account.rows("Keywords", filter='text = "espresso machine"')
        assert not keyword.HasField("volume")
        assert (keyword.impressions, keyword.clicks, keyword.position) == (40500, 12, 4.2)

    @pytest.mark.parametrize(
        ("name", "layout", "lines", "keywords"),
        [
            ("dunkin_semrush_us.csv", "semrush_positions", 10_000, 8_967),
            ("socks_ahrefs_gb_5000.csv", "ahrefs", 5_000, 5_000),
            ("locomotive_gsc_queries.csv", "search_console", 1_364, 1_364),
        ],
    )
    def test_real_exports_import_as_they_are(
        self, account: Account, name: str, layout: str, lines: int, keywords: int
    ) -> None:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"{path} is absent: the real exports carry no licence and are not part of the project")
        account.allow(10_000)
        report = account.import_file(path.read_bytes(), name)
        assert (report.layout, report.line_count, report.created_count) == (layout, lines, keywords)
        assert report.skipped_count == lines - keywords
        skipped = account.rows("ImportSkippedLines", filter=f'keyword_import_id = "{report.id}"', order_by="line")
        assert len(skipped) == min(lines - keywords, 1000)
        assert {line.reason for line in skipped} <= {"duplicate_in_file"}

    def test_the_shipped_example_imports(self, account: Account) -> None:
        account.allow(2_000)
        assert account.import_file(EXAMPLE.read_bytes()).created_count >= 300


class TestSkippedLines:
    def test_each_is_listed_with_line_and_reason(self, account: Account) -> None:
        text = (
            "keyword,volume\nmoka pot,10\n\nMoka  Pot,99\n,5\n???,5\ntwo,1,extra,cells\n"
            + "x" * 300
            + ",1\nbad\x01byte,7\n"
        )
        report = account.import_file(text.encode())
        skipped = account.rows("ImportSkippedLines", filter=f'keyword_import_id = "{report.id}"', order_by="line")
        assert [(line.line, line.reason) for line in skipped] == [
            (2, "duplicate_in_file"),
            (3, "empty"),
            (5, "no_keyword"),
            (6, "no_keyword"),
            (7, "ragged"),
            (8, "too_long"),
            (9, "control_characters"),
        ]
        assert {line.reason for line in skipped} <= set(SkipReason)
        assert (report.created_count, report.skipped_count, report.line_count) == (1, 7, 7)
        (keyword,) = account.rows("Keywords")
        assert (keyword.text, keyword.volume) == ("Moka Pot", 99)

    def test_values_that_were_left_out_are_counted(self, account: Account) -> None:
        report = account.import_file(b"keyword,volume,difficulty\nmoka pot,many,40\naeropress,10,400\n")
        assert (report.created_count, report.note_count) == (2, 2)


class TestSameFileAgain:
    def test_nothing_changes(self, account: Account) -> None:
        first = account.import_file(SEMRUSH.encode())
        before = account.rows("Keywords")
        second = account.import_file(SEMRUSH.encode())
        assert (first.created_count, second.created_count, second.updated_count) == (2, 0, 0)
        assert second.unchanged_count == 2
        assert account.rows("Keywords") == before

    def test_newer_figures_replace_older_ones_and_silence_keeps_them(self, account: Account) -> None:
        account.import_file(SEMRUSH.encode())
        report = account.import_file(b"keyword,volume\nESPRESSO machine,50000\nnew one,5\n")
        assert (report.created_count, report.updated_count, report.unchanged_count) == (1, 1, 0)
        (keyword,) = account.rows("Keywords", filter='text = "espresso machine"')
        assert (keyword.volume, keyword.difficulty, keyword.etag) == (50_000, 62.0, "2")

    def test_a_deleted_keyword_comes_as_a_new_one(self, account: Account) -> None:
        account.import_file(LIST.encode())
        gone = account.rows("Keywords")[0]
        account.call("DeleteKeyword", service.DeleteKeywordRequest(site_id=account.site_id, keyword_id=gone.id))
        report = account.import_file(LIST.encode())
        assert (report.created_count, report.unchanged_count) == (1, 1)
        with pytest.raises(Fault) as failed:
            account.call("UndeleteKeyword", service.UndeleteKeywordRequest(site_id=account.site_id, keyword_id=gone.id))
        assert failed.value.code is Kind.ALREADY_EXISTS


class TestApply:
    def test_a_step_is_applied_once(self, account: Account) -> None:
        function = account.planner.functions["import_keywords"]
        work = account.work(new_id(), **account.upload(SEMRUSH.encode()))
        first = function.apply(work, None)
        account.planner.objects.delete(work.options["object_key"])
        assert function.apply(work, None) == first
        assert account.report(work.subject_id).created_count == 2

    def test_two_at_once_import_once(self, account: Account) -> None:
        work = account.work(new_id(), **account.upload(SEMRUSH.encode()))
        results = at_once(2, lambda: account.planner.functions["import_keywords"].apply(work, None))
        assert results[0] == results[1]
        assert account.report(work.subject_id).created_count == 2

    def test_two_files_of_the_same_keywords_at_once_make_each_once(self, account: Account) -> None:
        works = [account.work(new_id(), **account.upload(SEMRUSH.encode())) for _ in range(3)]
        queue = list(works)
        at_once(3, lambda: account.planner.functions["import_keywords"].apply(queue.pop(), None))
        reports = [account.report(work.subject_id) for work in works]
        assert sorted(report.created_count for report in reports) == [0, 0, 2]
        assert len(account.rows("Keywords")) == 2

    def test_selecting_names_the_file_before_it_is_read(self, account: Account) -> None:
        options, import_id = account.upload(LIST.encode(), "my list.csv"), new_id()
        selection = account.planner.functions["import_keywords"].select(account.tenant, [import_id], 10, options)
        assert [(item.subject_id, item.label) for item in selection.items] == [(import_id, "my list.csv")]
        assert selection.total == 1


class TestRefusal:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "EMPTY_FILE"),
            (b"Keyword,Volume\n", "EMPTY_FILE"),
            (b"foo,bar,baz\n1,2,3\n", "UNKNOWN_LAYOUT"),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "NOT_TEXT"),
            (b"PK\x03\x04" + bytes(range(256)) * 20, "NOT_TEXT"),
            (bytes(range(256)) * 50, "NOT_TEXT"),
            (b"<html><body>Sign in</body></html>", "UNKNOWN_LAYOUT"),
        ],
    )
    def test_a_file_that_cannot_be_read_leaves_only_its_report(
        self, account: Account, data: bytes, reason: str
    ) -> None:
        work = account.work(new_id(), **account.upload(data))
        fault = refused(account, work)
        assert (fault.reason, fault.code) == (reason, Kind.INVALID_ARGUMENT)
        report = account.report(work.subject_id)
        assert report.status == report.STATUS_FAILED
        assert report.error.startswith(reason)
        assert account.rows("Keywords") == []
        assert account.rows("ImportSkippedLines") == []

    def test_a_file_beyond_the_plan_leaves_nothing(self, account: Account) -> None:
        account.allow(3)
        account.add("moka pot", "aeropress")
        work = account.work(new_id(), **account.upload(SEMRUSH.encode()))
        fault = refused(account, work)
        assert (fault.reason, fault.metadata["used"], fault.metadata["wanted"]) == ("PLAN_LIMIT", "2", "2")
        assert len(account.rows("Keywords")) == 2
        assert "PLAN_LIMIT" in account.report(work.subject_id).error

    def test_a_refused_import_can_be_tried_again(self, account: Account) -> None:
        account.allow(1)
        work = account.work(new_id(), **account.upload(SEMRUSH.encode()))
        refused(account, work)
        account.allow(2)
        account.planner.functions["import_keywords"].apply(work, None)
        report = account.report(work.subject_id)
        assert (report.status, report.error, report.created_count) == (report.STATUS_COMPLETED, "", 2)

    def test_an_upload_that_is_gone_says_so(self, account: Account) -> None:
        options = account.upload(LIST.encode())
        account.planner.objects.delete(options["object_key"])
        assert "upload it again" in refused(account, account.work(new_id(), **options)).message

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"sector_id": "01970000-0000-7000-8000-000000000000"}, "options.sector_id"),
            ({"sector_id": "x"}, "options.sector_id"),
            ({"sector_id": None}, "options.sector_id"),
            ({"object_key": ""}, "options.object_key"),
            ({"object_key": "imports/01970000-0000-7000-8000-000000000000/a.csv"}, "options.object_key"),
            ({"object_key": 5}, "options.object_key"),
        ],
    )
    def test_a_wrong_option_is_named(self, account: Account, changed: dict[str, Any], field: str) -> None:
        fault = refused(account, account.work(new_id(), **account.upload(LIST.encode()) | changed))
        assert [violation.field for violation in fault.violations] == [field]

    def test_another_accounts_upload_is_not_read(self, planner: Planner, account: Account) -> None:
        options = planner.account().upload(LIST.encode()) | {"sector_id": str(account.sector_id)}
        assert refused(account, account.work(new_id(), **options)).violations[0].field == "options.object_key"

    def test_giving_up_is_shown(self, account: Account) -> None:
        work = account.work(new_id(), **account.upload(b""))
        function = account.planner.functions["import_keywords"]
        function.abandon(work, "The run was cancelled.", failed=False)  # nothing was begun: nothing to say
        refused(account, work)
        assert account.report(work.subject_id).error.startswith("EMPTY_FILE")


@pytest.mark.slow
class TestLargeFile:
    def test_a_hundred_thousand_lines_import_within_a_minute(self, account: Account) -> None:
        account.allow(LARGE_LINES)
        lines = "".join(f"coffee keyword number {n},{n % 977},{n % 100}\n" for n in range(LARGE_LINES))
        began = time.monotonic()
        report = account.import_file(("keyword,volume,difficulty\n" + lines).encode())
        assert report.created_count == LARGE_LINES
        assert time.monotonic() - began < 60


def refused(account: Account, work: Any) -> Fault:
    with pytest.raises(Fault) as failed:
        account.planner.functions["import_keywords"].apply(work, None)
    return failed.value


def at_once(count: int, do: Callable[[], Any]) -> list[Any]:
    """What `do` returned in so many threads that began together; raises what one of them raised."""
    results: list[Any] = []
    failures: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        try:
            barrier.wait(10)
            results.append(do())
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
    assert len(results) == count
    return results
