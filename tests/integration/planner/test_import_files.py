"""Whole files: large ones in bounded memory, real exports as they are, and the example the project ships."""

import io
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.ids import new_id
from chassis.objects import FolderStore
from services.planner.domain import Intent, normalise
from services.planner.imports import ImportReport, KeywordFile, KeywordRow, SkipReason, best_rows
from services.planner.usecases.imports import ImportKeywords
from tests.integration.planner.conftest import Account, Planner

ROOT = Path(__file__).parents[3]
REAL_FILES = ROOT.parent / "shared" / "data" / "keywords"
LARGE_LINES = 100_000
HELD_ROWS = 20_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "keywords.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write("Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD)\n")
        for number in range(LARGE_LINES):
            out.write(f'coffee keyword number {number},I,{number % 977},"0.5,1.0",{number % 100},1.5\n')
    return path


class TestLargeFiles:
    def test_rows_stream(self, large: Path) -> None:
        with large.open("rb") as source:
            peak, count = _peak_bytes(iter(KeywordFile(source).rows(ImportReport())))
        assert count == LARGE_LINES
        assert peak < 1_000_000

    def test_best_rows_hold_a_bounded_amount_each(self, large: Path) -> None:
        report = ImportReport()
        with large.open("rb") as source:
            peak, count = _peak_bytes(best_rows(islice(KeywordFile(source).rows(report), HELD_ROWS), report))
        assert count == HELD_ROWS
        assert peak < 600 * HELD_ROWS


class TestImportOfALargeFile:
    def test_its_rows_are_never_all_in_memory(self, account: Account) -> None:
        account.allow(LARGE_LINES)
        lines = "".join(f"keyword number {number},{number}\n" for number in range(2 * HELD_ROWS))
        options = account.upload(f"keyword,volume\n{lines}".encode())
        work = account.work(new_id(), **options)
        tracemalloc.start()
        try:
            account.planner.functions["import_keywords"].apply(work, None)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
        assert account.report(work.subject_id).created_count == 2 * HELD_ROWS

    def test_how_far_it_is_can_be_seen(self, account: Account) -> None:
        account.allow(LARGE_LINES)
        lines = "".join(f"keyword number {number},{number}\n" for number in range(3 * HELD_ROWS))
        work = account.work(new_id(), **account.upload(f"keyword,volume\n{lines}".encode()))
        seen: list[int] = []
        objects = _Watched(account.planner.objects, lambda: seen.append(account.report(work.subject_id).line_count))
        ImportKeywords(account.planner.database, objects).apply(work, None)
        assert seen == sorted(seen)
        assert {25_000, 50_000} <= set(seen)


class _Watched(FolderStore):
    """An object store that tells whenever some of an object was read."""

    def __init__(self, store: FolderStore, tell: Callable[[], None]) -> None:
        self._store, self._tell = store, tell

    def open(self, key: str) -> BinaryIO:
        class File(io.BytesIO):
            def read1(file, size: int | None = -1, /) -> bytes:  # noqa: N805 - self is the store
                if file.tell() % (1 << 17) == 0:
                    _aside(self._tell)
                return super().read1(size)

        return cast("BinaryIO", File(self._store.read(key)))


def _aside(tell: Callable[[], None]) -> None:
    """Do it in a thread of its own: the one that reads is in a transaction."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(tell).result()


WORDS = st.sampled_from(
    ["moka", "MOKA", "Moka ", "pot", "caf\u00e9", "cafe\u0301", "back\\slash", "\\N", "a\u00a0b", "\u2615"]
)
LINES = st.lists(
    st.tuples(st.lists(WORDS, min_size=1, max_size=2), st.sampled_from(["", "0", "7", "90", "many"])), max_size=30
)


class TestBestOfEach:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(lines=LINES)
    def test_the_database_chooses_as_best_rows_does(self, planner: Planner, lines: list[tuple[list[str], str]]) -> None:
        data = "".join(
            ["keyword,volume\n", "known,1\n", *(f"{' '.join(w)},{volume}\n" for w, volume in lines)]
        ).encode()
        account, expected = planner.account(), ImportReport()
        best = {row.text: row.volume or 0 for row in best_rows(KeywordFile(io.BytesIO(data)).rows(expected), expected)}
        report = account.import_file(data)
        assert {row.text: row.volume for row in account.rows("Keywords")} == best
        assert (report.created_count, report.skipped_count) == (len(best), expected.skipped_counts.total())
        listed = account.rows("ImportSkippedLines", filter=f'keyword_import_id = "{report.id}"', order_by="line")
        said = [
            (s.line, s.reason.value, s.text if s.kept_line is None else f"{s.text} (kept: line {s.kept_line})")
            for s in sorted(expected.skipped, key=lambda s: s.line)
        ]
        assert [(line.line, line.reason, line.text) for line in listed] == said


def _peak_bytes(rows: Iterator[KeywordRow]) -> tuple[int, int]:
    tracemalloc.start()
    try:
        count = sum(1 for _ in rows)
        return tracemalloc.get_traced_memory()[1], count
    finally:
        tracemalloc.stop()


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "layout", "rows", "keywords"),
        [
            ("dunkin_semrush_us.csv", "semrush_positions", 10_000, 8_967),
            ("socks_ahrefs_gb_5000.csv", "ahrefs", 5_000, 5_000),
            ("locomotive_gsc_queries.csv", "search_console", 1_364, 1_364),
        ],
    )
    def test_real_exports_are_read_as_they_are(self, name: str, layout: str, rows: int, keywords: int) -> None:
        path = REAL_FILES / name
        if not path.exists():
            pytest.skip(f"{path} is absent: the real exports carry no licence and are not part of the project")
        report = ImportReport()
        with path.open("rb") as source:
            file = KeywordFile(source)
            best = list(best_rows(file.rows(report), report))
        assert (file.layout, len(best), report.skipped_counts.total()) == (layout, keywords, rows - keywords)
        assert set(report.skipped_counts) <= {SkipReason.DUPLICATE_IN_FILE}
        assert report.note_counts.total() == 0

    def test_the_shipped_example_is_read_without_a_word(self) -> None:
        report = ImportReport()
        with (ROOT / "examples" / "home_coffee_semrush.csv").open("rb") as source:
            file = KeywordFile(source)
            rows = list(best_rows(file.rows(report), report))
        assert (file.layout, report.skipped, report.notes) == ("semrush_magic", [], [])
        assert len(rows) >= 320
        assert len({normalise(row.text) for row in rows}) == len(rows)
        assert {row.intent for row in rows} >= {Intent.INFORMATIONAL, Intent.COMMERCIAL, Intent.TRANSACTIONAL}
