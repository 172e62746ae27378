"""Whole files: large ones in bounded memory, real exports as they are, and the example the project ships."""

import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from services.planner.domain import Intent, normalise
from services.planner.imports import ImportReport, KeywordFile, KeywordRow, SkipReason, best_rows

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
