"""Reading keyword files: layouts, encodings, bad lines, refusals."""

import contextlib
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.domain import Intent, display_text
from services.planner.imports import (
    EmptyFile,
    FileTooLarge,
    ImportReport,
    KeywordFile,
    KeywordFileRefused,
    KeywordRow,
    Limits,
    NoteReason,
    NotText,
    SkipReason,
    UnknownLayout,
    best_rows,
)

GOOGLE_ADS = (
    "Keyword Stats 2026-01-10 at 10_00_00\nJanuary 1, 2025 - December 31, 2025\n"
    "Keyword\tCurrency\tAvg. monthly searches\tThree month change\tCompetition\tCompetition (indexed value)\t"
    "Top of page bid (low range)\tTop of page bid (high range)\n"
    "moka pot\tEUR\t10K \u2013 100K\t0%\tHigh\t88\t0.20\t0.65\n"
)


def read(content: bytes | str) -> tuple[list[KeywordRow], ImportReport]:
    raw = content.encode() if isinstance(content, str) else content
    report = ImportReport()
    return list(KeywordFile(io.BytesIO(raw)).rows(report)), report


def skipped(report: ImportReport) -> list[tuple[int, SkipReason]]:
    return [(skip.line, skip.reason) for skip in report.skipped]


class TestLayouts:
    @pytest.mark.parametrize(
        ("layout", "content", "row"),
        [
            (
                "semrush_magic",
                "Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD),Competitive Density,SERP Features,"
                "Number of Results\n"
                'Moka Pot,"Commercial, Transactional",8100,"0.5,1.00",34,0.77,0.9,"Reviews, Video",42\n',
                KeywordRow(2, "Moka Pot", 8100, 34.0, 770_000, "USD", 0.9, Intent.COMMERCIAL),
            ),
            (
                "semrush_positions",
                "Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL,Traffic\n"
                "moka pot,3,5,8100,34.5,0.77,https://example.com/moka,12\n",
                KeywordRow(2, "moka pot", 8100, 34.5, 770_000, position=3.0, url="https://example.com/moka"),
            ),
            (
                "semrush_positions",
                "keyword,volume,difficulty,cpc,position,url\nmoka pot,8100,34,0.77,1,https://example.com/\n",
                KeywordRow(2, "moka pot", 8100, 34.0, 770_000, position=1.0, url="https://example.com/"),
            ),
            (
                "ahrefs",
                "#\tKeyword\tCountry\tDifficulty\tVolume\tCPC\tClicks\tParent Keyword\tLast Update\n"
                "1\tmoka pot\tgb\t29\t1,300\t0.8\t900\tmoka\t2026-01-01\n",
                KeywordRow(2, "moka pot", 1300, 29.0, 800_000, country="GB", parent_keyword="moka"),
            ),
            (
                "ahrefs",
                "keyword,volume,difficulty,cpc,country,parent_keyword,global_volume,traffic_potential\n"
                "moka pot,8100,1,,gb,moka pot,9000,100\n",
                KeywordRow(2, "moka pot", 8100, 1.0, country="GB", parent_keyword="moka pot"),
            ),
            (
                "search_console",
                "Top queries,Clicks,Impressions,CTR,Position\nmoka pot,30,48,62.5%,1.02\n",
                KeywordRow(2, "moka pot", impressions=48, clicks=30, position=1.02),
            ),
            (
                "search_console",
                "keyword,clicks,impressions,position\nmoka pot,30,48,1\n",
                KeywordRow(2, "moka pot", impressions=48, clicks=30, position=1.0),
            ),
            (
                "google_ads",
                GOOGLE_ADS,
                KeywordRow(4, "moka pot", 31623, cpc_micros=650_000, cpc_currency="EUR", competition=0.88),
            ),
            (
                "moz",
                "Keyword,Min Volume,Max Volume,Difficulty,Organic CTR,Priority\nmoka pot,101,200,34,60,55\n",
                KeywordRow(2, "moka pot", 142, 34.0),
            ),
            (
                "keyword_table",
                "volume;keyword;cpc (EUR);intent\n8.100;moka pot;0,77;I\n",
                KeywordRow(2, "moka pot", 8100, None, 770_000, "EUR", intent=Intent.INFORMATIONAL),
            ),
            ("plain_list", "moka pot\nfrench press\n", KeywordRow(1, "moka pot")),
            ("plain_list", '"moka pot, big"\n"siphon, small"\n', KeywordRow(1, "moka pot, big")),
            ("plain_list", "Keyword\nmoka pot, big\n", KeywordRow(2, "moka pot, big")),
            ("plain_list", '"moka pot, ""big"""\nb\nc\nd\ne\n', KeywordRow(1, 'moka pot, "big"')),
        ],
    )
    def test_is_read(self, layout: str, content: str, row: KeywordRow) -> None:
        file = KeywordFile(io.BytesIO(content.encode()))
        assert file.layout == layout
        assert next(file.rows(ImportReport())) == row

    def test_columns_come_in_any_order_and_case(self) -> None:
        rows, _ = read("URL,extra,SEARCH_VOLUME,position,KeyWord\nhttps://example.com,x,8100,2,moka pot\n")
        assert rows == [KeywordRow(2, "moka pot", 8100, position=2.0, url="https://example.com")]

    def test_the_word_keyword_inside_a_list_is_one_of_its_keywords(self) -> None:
        rows, _ = read("moka pot\n\nkeyword\nsiphon\n")
        assert [row.text for row in rows] == ["moka pot", "keyword", "siphon"]

    def test_an_empty_column_beside_a_list_is_no_part_of_it(self) -> None:
        assert [row.text for row in read("keyword,\nmoka pot,\n")[0]] == ["moka pot"]

    def test_reading_again_starts_again(self) -> None:
        file = KeywordFile(io.BytesIO(b"keyword\none\ntwo\n"))
        assert list(file.rows(ImportReport())) == list(file.rows(ImportReport()))


class TestEncodings:
    TEXT = "keyword\tvolume\ncafé crème\t10\nmoka pot\t20\n"

    @pytest.mark.parametrize(
        "raw",
        [
            TEXT.encode(),
            TEXT.encode("utf-8-sig"),
            TEXT.encode("utf-16"),
            b"\xfe\xff" + TEXT.encode("utf-16-be"),
            TEXT.encode("utf-16-le"),
            TEXT.encode("utf-16-be"),
            TEXT.encode("cp1252"),
            TEXT.replace("\n", "\r\n").encode(),
            TEXT.replace("\n", "\r").encode(),
        ],
        ids=[
            "utf-8",
            "bom",
            "utf-16",
            "utf-16-be+bom",
            "utf-16-le",
            "utf-16-be",
            "cp1252",
            "windows",
            "macintosh",
        ],
    )
    def test_is_told(self, raw: bytes) -> None:
        rows, report = read(raw)
        assert [(row.line, row.text, row.volume) for row in rows] == [
            (2, "café crème", 10),
            (3, "moka pot", 20),
        ]
        assert report.skipped == []

    def test_one_stray_byte_does_not_turn_utf8_into_cp1252(self) -> None:
        rows, report = read("keyword\ncafé\n".encode() + b"caf\xe9 noir\nth\xc3\xa9\n")
        assert [row.text for row in rows] == ["café", "thé"]
        assert skipped(report) == [(3, SkipReason.CONTROL_CHARACTERS)]

    def test_google_ads_as_it_is_exported(self) -> None:
        assert read(GOOGLE_ADS.encode("utf-16"))[0] == read(GOOGLE_ADS)[0]


class TestBadLines:
    def test_every_reason_is_reported_by_line(self) -> None:
        rows, report = read(
            b'keyword,volume\nmoka pot,10\n\n,20\n"",\nfrench press,1,2\naeropress\n'
            b"PNG\x00\x1a\xff\xd8\x93,1\n" + b"x" * 300 + b",5\n---,5\nsiphon,7,,\n"
        )
        assert [row.text for row in rows] == ["moka pot", "siphon"]
        assert skipped(report) == [
            (3, SkipReason.EMPTY),
            (4, SkipReason.NO_KEYWORD),
            (5, SkipReason.EMPTY),
            (6, SkipReason.RAGGED),
            (7, SkipReason.RAGGED),
            (8, SkipReason.CONTROL_CHARACTERS),
            (9, SkipReason.TOO_LONG),
            (10, SkipReason.NO_KEYWORD),
        ]

    def test_bad_values_leave_the_keyword(self) -> None:
        rows, report = read(
            "keyword,volume,difficulty,intent,country\nmoka pot,lots,101,Branded,Atlantis\nsiphon,5,n/a,,\n"
        )
        assert rows == [KeywordRow(2, "moka pot"), KeywordRow(3, "siphon", 5)]
        assert [(note.line, note.reason, note.column) for note in report.notes] == [
            (2, NoteReason.BAD_NUMBER, "volume"),
            (2, NoteReason.OUT_OF_RANGE, "difficulty"),
            (2, NoteReason.UNKNOWN_INTENT, "intent"),
            (2, NoteReason.UNKNOWN_COUNTRY, "country"),
        ]

    def test_half_a_url_is_not_kept(self) -> None:
        rows, report = read(f"keyword,position,volume,url\nsiphon,1,5,https://example.com/{'x' * 3000}\n")
        assert rows[0].url is None
        assert [note.reason for note in report.notes] == [NoteReason.OUT_OF_RANGE]

    def test_a_quoted_cell_may_hold_a_line_break(self) -> None:
        rows, report = read('keyword,volume\n"cold brew\nat home",10\nsiphon,20\n')
        assert [(row.line, row.text) for row in rows] == [(2, "cold brew at home"), (4, "siphon")]
        assert report.skipped == []

    def test_a_quote_that_never_closes_costs_one_line(self) -> None:
        lines = [f"keyword {number},{number}" for number in range(1000)]
        lines[10] = '"keyword 10,10'
        rows, report = read("keyword,volume\n" + "\n".join(lines))
        assert len(rows) == 999
        assert skipped(report) == [(12, SkipReason.RAGGED)]

    def test_a_quote_that_never_closes_before_quoted_lines_costs_one_line(self) -> None:
        rows, report = read('keyword,volume\n"one,1\n"two, 2",2\n"three",3\n')
        assert [row.text for row in rows] == ["two, 2", "three"]
        assert skipped(report) == [(2, SkipReason.RAGGED)]

    def test_an_inch_sign_is_no_quote(self) -> None:
        assert [row.text for row in read('keyword,volume\n5" french press,10\n')[0]] == ['5" french press']

    def test_an_endless_line_costs_one_line(self) -> None:
        rows, report = read("keyword,volume\n" + "x," * 200_000 + "\nsiphon,1\n")
        assert [(row.line, row.text) for row in rows] == [(3, "siphon")]
        assert skipped(report) == [(2, SkipReason.TOO_LONG)]

    def test_a_report_stays_bounded_and_says_so(self) -> None:
        report = ImportReport(listed_max=10)
        list(KeywordFile(io.BytesIO(b"keyword,volume\na,1\n" + b"\n" * 50)).rows(report))
        assert (len(report.skipped), report.skipped_counts[SkipReason.EMPTY], report.complete) == (
            10,
            50,
            False,
        )

    def test_reported_text_can_be_stored(self) -> None:
        _, report = read(b"keyword,volume\n\x00\x01\xff,1\nsiphon,1\n")
        assert report.skipped[0].text.encode()
        assert "\x00" not in report.skipped[0].text


class TestDuplicates:
    def test_best_volume_wins_and_the_rest_name_the_kept_line(self) -> None:
        file = KeywordFile(io.BytesIO(b"keyword,volume\nMoka pot,10\nsiphon,5\nmoka  POT,30\nmoka pot,\nmoka pot,30\n"))
        report = ImportReport()
        rows = list(best_rows(file.rows(report), report))
        assert [(row.line, row.text, row.volume) for row in rows] == [(4, "moka POT", 30), (3, "siphon", 5)]
        assert [(skip.line, skip.reason, skip.kept_line) for skip in report.skipped] == [
            (line, SkipReason.DUPLICATE_IN_FILE, 4) for line in (2, 5, 6)
        ]

    def test_without_volumes_impressions_decide(self) -> None:
        file = KeywordFile(io.BytesIO(b"query,clicks,impressions\nsiphon,9,10\nsiphon,0,20\n"))
        report = ImportReport()
        assert [row.line for row in best_rows(file.rows(report), report)] == [3]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"", EmptyFile),
            (b"\xef\xbb\xbf\n \n", EmptyFile),
            (b"keyword,volume\n\n", EmptyFile),
            (b"PK\x03\x04 and so on", NotText),
            (bytes(range(256)) * 40, NotText),
            (b"name,price,stock\nmug,1,2\n", UnknownLayout),
            (b"<html><body>Sign in</body></html>", UnknownLayout),
            (b'{"keyword": "moka pot"}', UnknownLayout),
        ],
    )
    def test_says_what_and_what_to_do(self, content: bytes, error: type[KeywordFileRefused]) -> None:
        with pytest.raises(error) as refused:
            KeywordFile(io.BytesIO(content))
        assert refused.value.reason == error.reason != KeywordFileRefused.reason
        assert refused.value.message
        assert refused.value.hint

    def test_unknown_layout_lists_what_it_saw_and_what_it_knows(self) -> None:
        with pytest.raises(UnknownLayout) as refused:
            KeywordFile(io.BytesIO(b"name;price;stock\nmug;1;2\n"))
        assert refused.value.headers == ("name", "price", "stock")
        assert {"semrush_magic", "ahrefs", "search_console"} <= set(refused.value.layouts)

    @pytest.mark.parametrize("limits", [Limits(bytes_max=20), Limits(lines_max=3)])
    def test_too_large(self, limits: Limits) -> None:
        with pytest.raises(FileTooLarge):
            KeywordFile(io.BytesIO(b"keyword,volume\none,1\ntwo,2\nthree,3\n"), limits)


SAFE = st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\u2028\u2029\ufffd\ufeff")
KEYWORDS = st.lists(
    st.tuples(st.text(SAFE, min_size=1, max_size=40).map(lambda text: f"k{text}"), st.integers(0, 10**9)),
    min_size=1,
    max_size=20,
)
HEADERS = {
    "semrush_magic": "Keyword,Volume,Trend",
    "ahrefs": "Keyword,Volume,Parent Keyword",
    "google_ads": "Keyword,Avg. monthly searches,Currency",
    "keyword_table": "keyword,volume,note",
}


class TestRoundTrip:
    @settings(max_examples=150, deadline=None)
    @given(
        keywords=KEYWORDS,
        layout=st.sampled_from(sorted(HEADERS)),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
        delimiter=st.sampled_from([",", "\t", ";"]),
        line_end=st.sampled_from(["\n", "\r\n"]),
    )
    def test_what_is_written_is_read(
        self, keywords: list[tuple[str, int]], layout: str, encoding: str, delimiter: str, line_end: str
    ) -> None:
        written = io.StringIO()
        writer = csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(HEADERS[layout].split(","))
        writer.writerows((text, volume, "") for text, volume in keywords)
        file = KeywordFile(io.BytesIO(written.getvalue().encode(encoding)))
        report = ImportReport()
        assert [(row.text, row.volume) for row in file.rows(report)] == [
            (display_text(text), volume) for text, volume in keywords
        ]
        assert (file.layout, report.skipped) == (layout, [])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=400))
    def test_any_bytes_are_read_or_refused(self, content: bytes) -> None:
        for raw in (content, b"keyword,volume\n" + content):
            with contextlib.suppress(KeywordFileRefused):
                rows, _ = read(raw)
                assert all(row.text == display_text(row.text) != "" for row in rows)
