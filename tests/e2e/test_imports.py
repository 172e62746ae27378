"""Keyword files through the real gateway, object store, worker and planner: real exports and awkward ones."""

from itertools import count
from pathlib import Path

import pytest
import requests

from cli.api import Json
from tests.e2e.installation import ROOT, Customer, Installation, a_customer, a_site

REAL_FILES = ROOT.parent / "shared" / "data" / "keywords"
LINES = 100_000
_numbers = count(1)


@pytest.fixture(scope="module")
def agency(installation: Installation) -> Customer:
    """Somebody on the largest plan, with room for 5,000 keywords."""
    return a_customer(installation, "agency", plan="scale", platforms=())


@pytest.fixture
def site(agency: Customer) -> Customer:
    """The same with a new site, where nothing that another test imported is."""
    return a_site(agency, f"agency-{next(_numbers)}", platforms=())


@pytest.fixture
def newcomer(installation: Installation) -> Customer:
    """Somebody new on the largest plan, with all of its room."""
    return a_customer(installation, f"newcomer-{next(_numbers)}", plan="scale", platforms=())


@pytest.fixture
def roomy(installation: Installation) -> Customer:
    """Somebody new with whom more keywords were agreed than any plan has."""
    return a_customer(installation, f"roomy-{next(_numbers)}", plan="scale", max_keywords=200_000, platforms=())


def real(name: str) -> Path:
    path = REAL_FILES / name
    if not path.exists():
        pytest.skip(f"{path} is absent: the real exports carry no licence and are not part of the project")
    return path


def imported(customer: Customer, run: Json) -> Json:
    """The import that a run made, finished or refused."""
    (subject,) = [step["subject_id"] for step in customer.steps(run["id"]) if step["function"] == "import_keywords"]
    return customer.api.get(customer.path(f"keyword-imports/{subject}"))


def brought(customer: Customer, path: Path) -> Json:
    """Upload a file that must be taken; return its import."""
    run = customer.upload(path)
    assert run["status"] == "completed", run["error"]
    row = imported(customer, run)
    assert (row["status"], row["error"], row["filename"]) == ("completed", "", path.name)
    return row


def refused(customer: Customer, path: Path) -> tuple[str, str]:
    """Upload a file that must be refused as a whole; return the step's reason and words."""
    run = customer.upload(path)
    row, (step,) = imported(customer, run), [s for s in customer.steps(run["id"]) if s["status"] == "failed"]
    assert (run["status"], row["status"], row["created_count"]) == ("failed", "failed", 0)
    assert f"{step['error_reason']}: {step['error']}".startswith(row["error"])  # the step also says what to do next
    return step["error_reason"], step["error"]


def skipped(customer: Customer, row: Json) -> list[tuple[int, str, str]]:
    """The lines that an import left out, in the file's order."""
    path, chosen = customer.path("import-skipped-lines"), f'keyword_import_id = "{row["id"]}"'
    lines = customer.api.all(path, "import_skipped_lines", filter=chosen, order_by="line")
    return [(line["line"], line["reason"], line["text"]) for line in lines]


def keywords(customer: Customer) -> dict[str, Json]:
    return {row["text"]: row for row in customer.api.all(customer.path("keywords"), "keywords")}


def file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "list.csv"
    path.write_bytes(text.encode(encoding))
    return path


class TestRealExports:
    @pytest.mark.parametrize(
        ("name", "layout", "count"),
        [("socks_ahrefs_gb_5000.csv", "ahrefs", 5_000), ("locomotive_gsc_queries.csv", "search_console", 1_364)],
    )
    def test_every_line_becomes_a_keyword(self, newcomer: Customer, name: str, layout: str, count: int) -> None:
        row = brought(newcomer, real(name))
        assert (row["layout"], row["line_count"], row["created_count"]) == (layout, count, count)
        assert (row["skipped_count"], row["note_count"]) == (0, 0)
        assert newcomer.api.count(newcomer.path("keywords")) == count

    def test_a_row_for_every_ranking_page_becomes_one_for_every_keyword(self, roomy: Customer) -> None:
        row = brought(roomy, real("dunkin_semrush_us.csv"))
        assert (row["layout"], row["line_count"]) == ("semrush_positions", 10_000)
        assert (row["created_count"], row["skipped_count"]) == (8_967, 1_033)

    def test_a_file_beyond_the_largest_plan_is_refused_whole_and_a_shorter_one_is_taken(
        self, newcomer: Customer, tmp_path: Path
    ) -> None:
        path = real("dunkin_semrush_us.csv")
        reason, words = refused(newcomer, path)
        assert reason == "PLAN_LIMIT"
        assert "The plan scale allows 5,000 keywords; 0 are used, so 5,000 fit and 8,967 would be added." in words
        assert "bring a shorter list" in words
        assert newcomer.api.count(newcomer.path("keywords")) == 0
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[:5_001]
        row = brought(newcomer, file(tmp_path, "".join(lines)))
        assert (row["layout"], row["line_count"]) == ("semrush_positions", 5_000)
        assert row["created_count"] + row["skipped_count"] == 5_000
        left_out = skipped(newcomer, row)
        assert {why for _, why, _ in left_out} == {"duplicate_in_file"}
        assert len(left_out) == row["skipped_count"] > 0


class TestAwkwardFiles:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_a_google_ads_export_is_read_below_its_two_lines(
        self, site: Customer, tmp_path: Path, encoding: str
    ) -> None:
        text = (
            "Keyword Stats 2026-11-22 at 08_00_00\r\nNovember 1, 2025 - October 31, 2026\r\n"
            "Keyword\tCurrency\tAvg. monthly searches\tCompetition\r\n"
            "crème brûlée torch\tEUR\t10K \u2013 100K\tHigh\r\nmoka pot\tEUR\t90500\tLow\r\n"
        )
        row = brought(site, file(tmp_path, text, encoding))
        assert (row["layout"], row["created_count"], row["skipped_count"]) == ("google_ads", 2, 0)
        found = keywords(site)
        assert set(found) == {"crème brûlée torch", "moka pot"}
        assert found["moka pot"]["volume"] == 90_500
        assert 10_000 < found["crème brûlée torch"]["volume"] < 100_000

    def test_what_was_left_out_is_listed_by_line_and_reason(self, site: Customer, tmp_path: Path) -> None:
        text = (
            "keyword,volume\nmoka pot,10\n\nMoka  Pot,99\n???,5\ntwo,1,extra,cells\nhalf\n"
            f"{'x' * 300},1\nbad\x01byte,7\naeropress,20\n"
        )
        row = brought(site, file(tmp_path, text))
        assert [(line, why) for line, why, _ in skipped(site, row)] == [
            (2, "duplicate_in_file"),
            (3, "empty"),
            (5, "no_keyword"),
            (6, "ragged"),
            (7, "ragged"),
            (8, "too_long"),
            (9, "control_characters"),
        ]
        assert skipped(site, row)[0] == (2, "duplicate_in_file", "moka pot (kept: line 4)")
        assert {text: row["volume"] for text, row in keywords(site).items()} == {"Moka Pot": 99, "aeropress": 20}

    def test_the_same_file_again_changes_nothing(self, site: Customer, tmp_path: Path) -> None:
        path = file(tmp_path, "keyword,volume\nmoka pot,10\naeropress,20\n")
        brought(site, path)
        before = keywords(site)
        again = brought(site, path)
        assert (again["created_count"], again["updated_count"], again["unchanged_count"]) == (0, 0, 2)
        assert keywords(site) == before

    def test_an_export_imported_again_changes_nothing(self, site: Customer, tmp_path: Path) -> None:
        brought(site, file(tmp_path, "keyword,volume,intent\nbest moka pot,10,\nmoka pot,20,commercial\n=1+1,,\n"))
        before = keywords(site)
        url, key = f"{site.api.url}{site.path('keywords:export')}", {"X-Api-Key": site.secret}
        exported = requests.get(url, headers=key, params={"order_by": "volume"}, timeout=20)
        assert exported.headers["content-type"] == "text/csv; charset=utf-8"
        again = brought(site, file(tmp_path, exported.content.decode()))
        assert (again["layout"], again["unchanged_count"]) == ("igny8", 3)
        assert keywords(site) == before
        assert before["best moka pot"]["intent_source"] == "derived"


class TestManyLines:
    def test_a_hundred_thousand_lines_of_three_thousand_keywords_are_taken(
        self, newcomer: Customer, tmp_path: Path
    ) -> None:
        rows = [f"coffee keyword {number % 3_000},{number}\n" for number in range(LINES)]
        row = brought(newcomer, file(tmp_path, "keyword,volume\n" + "".join(rows)))
        assert (row["line_count"], row["created_count"], row["skipped_count"]) == (LINES, 3_000, LINES - 3_000)
        best = {text: keyword["volume"] for text, keyword in keywords(newcomer).items()}
        assert len(best) == 3_000
        assert best["coffee keyword 0"] == 99_000
        assert min(best.values()) == LINES - 3_000

    def test_a_hundred_thousand_keywords_are_taken_where_so_many_were_agreed(
        self, roomy: Customer, tmp_path: Path
    ) -> None:
        rows = [f"coffee keyword {number},{number}\n" for number in range(LINES)]
        row = brought(roomy, file(tmp_path, "keyword,volume\n" + "".join(rows)))
        assert (row["line_count"], row["created_count"], row["skipped_count"]) == (LINES, LINES, 0)
        assert roomy.api.count(roomy.path("keywords")) == LINES

    def test_a_hundred_thousand_keywords_are_more_than_any_plan_and_none_is_stored(
        self, site: Customer, tmp_path: Path
    ) -> None:
        rows = [f"coffee keyword {number},{number}\n" for number in range(LINES)]
        reason, words = refused(site, file(tmp_path, "keyword,volume\n" + "".join(rows)))
        assert reason == "PLAN_LIMIT"
        assert "100,000 would be added" in words
        assert "Delete keywords, bring a shorter list, or choose a larger plan." in words
        assert site.api.count(site.path("keywords")) == 0
