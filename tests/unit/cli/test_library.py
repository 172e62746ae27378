"""The library at the command line: what a file would do is told before it is written."""

from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from rich.console import Console

from cli import library, seeds
from cli.api import Json
from cli.connection import Connection
from cli.errors import CommandError, Unreachable
from tests.unit.cli.fakes import FakeApi

COUNTS: Json = {"new_count": 1, "updated_count": 1, "unchanged_count": 0, "wrong_count": 1}
CHANGE: Json = {"id": "c1", "filename": "library.csv", "kind": "import", "line_count": 3} | COUNTS
FIGURES: Json = {"volume": None, "difficulty": None, "intent": None, "country": ""}
OLD: Json = {f"old_{name}": value for name, value in FIGURES.items()}


def line(number: int, text: str, **values: Any) -> Json:
    return {"line": number, "text": text, "reason": "", "detail": "", **FIGURES, **OLD, **values}


class Platform(FakeApi):
    """Knows one file, and lines by what becomes of them."""

    lines: dict[str, list[Json]]
    written: bytes = b""

    def upload(self, path: str, file: Path, **query: str) -> Json:
        self.posts.append((path, {"file": file.name, **query}))
        return self.posted["preview"]

    def get(self, path: str, **query: object) -> Json:
        if path.endswith("library-change-lines"):
            outcome = str(query["filter"]).rsplit(" ", 1)[1].strip('"')
            return {"library_change_lines": self.lines.get(outcome, []), "next_page_token": ""}
        return super().get(path, **query)

    def download(self, path: str, target: BinaryIO, **query: str) -> None:
        self.queries.append(dict(query))
        target.write(self.written)
        if not self.written.endswith(b"\n"):
            raise Unreachable(path)


@pytest.fixture
def platform() -> Platform:
    made = Platform([{}], posted={"preview": CHANGE, ":apply": CHANGE, ":promote": CHANGE, ":addFromSeeds": {}})
    made.lines = {
        "new": [line(2, "aeropress", volume=1200, country="US")],
        "updated": [line(3, "moka pot", old_volume=700, volume=900, difficulty=12.5, old_difficulty=12.5)],
        "wrong": [line(4, "kettle", reason="unknown_sector", detail="'x' is no sector of the catalogue")],
    }
    return made


def bring(platform: Platform, *answers: bool) -> str:
    said = StringIO()
    asked = list(answers)
    agree = asked.pop if answers else None
    library.bring(platform, Path("library.csv"), {"sector": "coffee"}, Console(file=said, width=200), agree)
    return said.getvalue()


class TestImport:
    def test_every_kind_of_line_is_told(self, platform: Platform) -> None:
        told = bring(platform)
        assert "library.csv: 3 lines: 1 new, 1 updated, 0 unchanged, 1 wrong." in told
        assert "line 2: new: aeropress: volume 1,200, country US" in told
        assert "line 3: updated: moka pot: volume 700 -> 900\n" in told
        assert "line 4: wrong: unknown_sector: kettle: 'x' is no sector" in told
        assert platform.posts == [
            ("/v1/library-changes:preview", {"file": "library.csv", "filename": "library.csv", "sector": "coffee"})
        ]

    def test_it_is_written_when_that_is_agreed_to(self, platform: Platform) -> None:
        assert "Written: 1 new, 1 updated." in bring(platform, True)
        assert platform.posts[-1][0] == "/v1/library-changes/c1:apply"

    def test_and_not_when_it_is_not(self, platform: Platform) -> None:
        bring(platform, False)
        assert len(platform.posts) == 1

    def test_a_file_that_changes_nothing_is_not_asked_about(self, platform: Platform) -> None:
        platform.posted["preview"] = CHANGE | {"new_count": 0, "updated_count": 0, "wrong_count": 0}
        assert "nothing to write" in bring(platform, True)
        assert len(platform.posts) == 1


class TestExport:
    def test_a_file_is_whole_or_not_there(self, platform: Platform, tmp_path: Path) -> None:
        out = tmp_path / "library.csv"
        platform.written = b"keyword,volume\nmoka"
        with pytest.raises(Unreachable):
            library.export(platform, out, "")
        assert list(tmp_path.iterdir()) == []
        platform.written = b"keyword,volume\n"
        library.export(platform, out, "")
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("library.csv", platform.written)]


CATALOGUE: Json = {
    "industries": [{"id": "i1", "slug": "food"}, {"id": "i2", "slug": "home"}],
    "industry_sectors": [
        {"id": "s1", "slug": "coffee", "industry_id": "i1"},
        {"id": "s2", "slug": "baking", "industry_id": "i1"},
        {"id": "s3", "slug": "baking", "industry_id": "i2"},
    ],
}


class TestCandidates:
    def test_they_are_listed_by_sector(self, platform: Platform) -> None:
        rows = [{"text": "moka pot", "industry_sector_id": "s1", "account_count": 4}]
        page = {"seed_candidates": rows, "next_page_token": "more"}
        platform.pages = {"catalogue": CATALOGUE, "seed-candidates": page}
        said = StringIO()
        library.candidates(platform, "", 1, Console(file=said, width=100))
        assert [row.split() for row in said.getvalue().splitlines() if "moka" in row] == [
            ["moka", "pot", "coffee", "4"]
        ]
        assert "--count" in said.getvalue()

    @pytest.mark.parametrize("sector", ["coffee", "s1"])
    def test_they_are_promoted_into_a_sector(self, platform: Platform, sector: str) -> None:
        platform.pages = {"catalogue": CATALOGUE}
        library.promote(platform, sector, ["Moka Pot"], Console(file=StringIO()))
        path, body = platform.posts[-1]
        assert path == "/v1/seed-candidates:promote"
        assert body == {"promotions": [{"industry_sector_id": "s1", "text": "Moka Pot"}]}

    @pytest.mark.parametrize(("sector", "told"), [("baking", "s3  home/baking"), ("tea", "GET /v1/catalogue")])
    def test_a_sector_must_be_clear(self, platform: Platform, sector: str, told: str) -> None:
        platform.pages = {"catalogue": CATALOGUE}
        with pytest.raises(CommandError, match=told):
            library.promote(platform, sector, ["Moka Pot"], Console(file=StringIO()))


class TestSeeds:
    @pytest.fixture
    def link(self, platform: Platform) -> Connection:
        sectors = [{"id": "own", "name": "Coffee", "industry_sector_id": "s1"}]
        seed = {"text": "moka pot", "volume": 1200, "difficulty": 12.5, "intent": "commercial", "country": "US"}
        platform.pages = {
            "/sectors": {"sectors": sectors, "next_page_token": ""},
            "seed-keywords": {"seed_keywords": [seed], "next_page_token": ""},
        }
        platform.posted[":addFromSeeds"] = {"added_count": 2, "existing_count": 1}
        return Connection(platform, "site")

    def test_those_of_the_sectors_subject_are_shown(self, platform: Platform, link: Connection) -> None:
        said = StringIO()
        wanted = seeds.Wanted("moka", "volume >= 5 OR volume < 1")
        seeds.show(link, "", wanted, 20, Console(file=said, width=100))
        assert "1,200" in said.getvalue()
        query = platform.queries[-1]
        assert query["filter"] == 'industry_sector_id = "s1" AND (volume >= 5 OR volume < 1)'
        assert (query["search"], query["order_by"]) == ("moka", "volume desc")

    def test_they_are_added(self, platform: Platform, link: Connection) -> None:
        said = StringIO()
        seeds.add(link, "own", seeds.Wanted("moka"), Console(file=said, width=100))
        assert "2 keywords added, 1 were there" in said.getvalue()
        assert platform.posts == [
            ("/v1/sites/site/keywords:addFromSeeds", {"sector_id": "own", "filter": "", "search": "moka"})
        ]

    def test_it_must_be_said_which(self, link: Connection) -> None:
        with pytest.raises(CommandError, match="--filter"):
            seeds.add(link, "", seeds.Wanted(), Console(file=StringIO()))

    def test_another_sector_is_not_there(self, link: Connection) -> None:
        with pytest.raises(CommandError, match="own  Coffee"):
            seeds.add(link, "x", seeds.Wanted("moka"), Console(file=StringIO()))
