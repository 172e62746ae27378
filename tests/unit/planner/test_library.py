"""A file for the platform's library: where its lines belong, which are wrong, and what they would change."""

import io
from collections.abc import Iterator
from uuid import UUID, uuid5

import pytest

from services.planner.imports import LIBRARY_LAYOUTS, KeywordFile, KeywordFileRefused
from services.planner.library import (
    Catalogue,
    CatalogueEntry,
    Content,
    Figures,
    LibraryRow,
    Misplaced,
    Outcome,
    Seed,
    compare,
    count,
    promoted,
    read,
)

_SPACE = UUID(int=1)
_SEED = UUID(int=7)


def entries() -> Iterator[CatalogueEntry]:
    for industry, sectors in {"Food & drink": ("Coffee & tea", "Baking"), "Home": ("Baking", "Garden")}.items():
        slug = industry.lower().replace(" & ", "-and-")
        for sector in sectors:
            name = sector.lower().replace(" & ", "-and-")
            yield CatalogueEntry(uuid5(_SPACE, slug + name), name, sector, uuid5(_SPACE, slug), slug, industry)


COFFEE, BAKING, HOME_BAKING, GARDEN = tuple(entries())
CATALOGUE = Catalogue(entries())


class TestFinding:
    @pytest.mark.parametrize("sector", ["Coffee & tea", "coffee-and-tea", " COFFEE &  TEA", str(COFFEE.id)])
    @pytest.mark.parametrize("industry", ["", "Food & Drink", "food-and-drink", str(COFFEE.industry_id)])
    def test_by_id_slug_or_name(self, industry: str, sector: str) -> None:
        assert CATALOGUE.find(industry, sector) == COFFEE

    def test_an_industry_tells_two_of_one_name_apart(self) -> None:
        assert CATALOGUE.find("food-and-drink", "Baking") == BAKING

    @pytest.mark.parametrize(
        ("industry", "sector", "reason", "told"),
        [
            ("", "", "no_sector", "names no sector"),
            ("", "Mining", "unknown_sector", "no sector of the catalogue"),
            ("Home", "Coffee & tea", "unknown_sector", "which has baking, garden"),
            ("Space", "Baking", "unknown_industry", "no industry"),
            ("", "Baking", "ambiguous_sector", "food-and-drink, home"),
        ],
    )
    def test_what_is_wrong_is_said(self, industry: str, sector: str, reason: str, told: str) -> None:
        with pytest.raises(Misplaced) as problem:
            CATALOGUE.find(industry, sector)
        assert problem.value.reason == reason
        assert told in problem.value.detail


def content(text: str, *, industry: str = "", sector: str = "") -> Content:
    file = KeywordFile(io.BytesIO(text.encode()), layouts=LIBRARY_LAYOUTS)
    return read(file, CATALOGUE, industry=industry, sector=sector)


class TestReading:
    def test_a_line_says_everything(self) -> None:
        found = content(
            "Keyword,Volume,Difficulty,Intent,Country,Industry,Sector\n"
            'Moka Pot,"1,300",12.5,Commercial,uk,Food & drink,Coffee & tea\n'
        )
        assert (found.layout, found.wrong) == ("igny8_library", [])
        assert found.rows == [LibraryRow(2, "Moka Pot", COFFEE.place, Figures(1300, 12.5, "commercial", "GB"))]
        assert found.rows[0].key == (COFFEE.id, "moka pot")

    def test_what_is_not_stated_is_not_known(self) -> None:
        (row,) = content("keyword,sector,volume\nmoka pot,coffee-and-tea,-\n").rows
        assert row.figures == Figures()

    def test_the_whole_file_may_be_of_one_sector(self) -> None:
        found = content("Keyword,Volume,Keyword Difficulty,Trend\nmoka pot,5,6,1\n", sector="coffee-and-tea")
        assert (found.layout, [row.place for row in found.rows]) == ("semrush_magic", [COFFEE.place])
        mixed = content("keyword,sector\nbread,\nrose,garden\n", industry="Home", sector="baking")
        assert [(row.text, row.place) for row in mixed.rows] == [("bread", HOME_BAKING.place), ("rose", GARDEN.place)]

    def test_a_wrong_line_is_listed_and_no_part_of_it_is_taken(self) -> None:
        found = content(
            "keyword,volume,difficulty,intent,country,sector\n"
            "moka pot,many,,,,coffee-and-tea\n"
            "aeropress,5,101,,,coffee-and-tea\n"
            "grinder,5,,wish,,coffee-and-tea\n"
            "kettle,5,,,Peru,coffee-and-tea\n"
            "v60,5,,,,nowhere\n"
            "baking tin,5,,,,baking\n"
            "\n"
            "???,5,,,,coffee-and-tea\n"
            "filter,5,,,,coffee-and-tea\n"
        )
        assert [row.text for row in found.rows] == ["filter"]
        assert [(wrong.line, wrong.reason, wrong.text) for wrong in found.wrong] == [
            (2, "bad_number", "moka pot"),
            (3, "out_of_range", "aeropress"),
            (4, "unknown_intent", "grinder"),
            (5, "unknown_country", "kettle"),
            (6, "unknown_sector", "v60"),
            (7, "ambiguous_sector", "baking tin"),
            (9, "no_keyword", "???,5,,,,coffee-and-tea"),
        ]
        assert found.wrong[0].detail == "volume: many"

    def test_a_keyword_comes_once_a_sector(self) -> None:
        found = content("keyword,volume,sector\ntea,5,coffee-and-tea\nTEA,9,coffee-and-tea\ntea,1,garden\n")
        assert [(row.line, row.text) for row in found.rows] == [(3, "TEA"), (4, "tea")]
        assert [(wrong.line, wrong.reason, wrong.detail) for wrong in found.wrong] == [
            (2, "duplicate_in_file", "line 3 is kept")
        ]

    def test_a_sites_own_file_is_not_taken_for_one(self) -> None:
        with pytest.raises(KeywordFileRefused):
            KeywordFile(io.BytesIO(b"keyword,sector\nmoka pot,coffee-and-tea\n"))


class TestComparing:
    def row(self, **figures: object) -> LibraryRow:
        return LibraryRow(2, "Moka Pot", COFFEE.place, Figures(**figures))  # type: ignore[arg-type]  # any of its fields

    def test_new_changed_and_just_so(self) -> None:
        old = Seed(_SEED, "moka pot", Figures(5, 12.5, "commercial", "GB"))
        stored = {(COFFEE.id, "moka pot"): old}
        same, more = self.row(volume=5, country="GB"), self.row(volume=9)
        changes = [*compare([same, more], stored), *compare([more], {})]
        assert [change.outcome for change in changes] == [Outcome.UNCHANGED, Outcome.UPDATED, Outcome.NEW]
        assert changes[1].new == Figures(9, 12.5, "commercial", "GB")  # what it does not state stays
        assert changes[2].new == Figures(9)
        assert count(changes, Outcome.NEW) == 1

    def test_the_result_again_changes_nothing(self) -> None:
        (first,) = compare([self.row(volume=9)], {})
        stored = {first.row.key: Seed(_SEED, "Moka Pot", first.new)}
        assert [change.outcome for change in compare([self.row(volume=9)], stored)] == [Outcome.UNCHANGED]


class TestPromoting:
    def test_what_an_account_has_is_taken_and_what_the_library_has_stays(self) -> None:
        keys = [(COFFEE.id, text) for text in ("a", "b", "c", "a")]
        wanted = [(key, key[1].upper(), Figures(5)) for key in keys]
        rows, wrong = promoted(wanted, dict.fromkeys(keys[:2], COFFEE.place), {keys[1]})
        assert [(row.line, row.text, row.figures) for row in rows] == [(1, "A", Figures(5)), (2, "B", Figures())]
        assert [(w.line, w.reason, w.text) for w in wrong] == [(3, "no_candidate", "C"), (4, "duplicate", "A")]
