"""A file for the platform's library: where its lines belong, and what they would change. Pure, no database.

A line says a keyword, its figures, and its industry and sector by id, slug or name. It is right as a whole or wrong as
a whole: a figure that cannot be read is not passed over as it is in a site's own file, since every account sees it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from services.planner.domain import normalise
from services.planner.imports import ImportReport, KeywordFile, KeywordRow, Note, SkipReason, best_rows

_SHOWN_MAX = 12
SeedKey = tuple[UUID, str]
"""What a seed is known by: its industry sector, and its text as it is compared."""


class Outcome(StrEnum):
    """What becomes of a line."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    WRONG = "wrong"


@dataclass(frozen=True)
class Place:
    """Where a keyword belongs: ids of the catalogue."""

    industry_id: UUID
    sector_id: UUID


@dataclass(frozen=True)
class CatalogueEntry:
    """A sector of the platform's catalogue with its industry."""

    id: UUID
    slug: str
    name: str
    industry_id: UUID
    industry_slug: str
    industry_name: str

    @property
    def place(self) -> Place:
        """Where keywords of it belong."""
        return Place(self.industry_id, self.id)

    @property
    def names(self) -> set[str]:
        """What it goes by in a file."""
        return {str(self.id), self.slug, normalise(self.name)}

    @property
    def industry_names(self) -> set[str]:
        """What its industry goes by."""
        return {str(self.industry_id), self.industry_slug, normalise(self.industry_name)}


@dataclass(frozen=True)
class WrongLine:
    """A line that is left out. reason: for programs; detail: for people; text: the keyword, or what stood there."""

    line: int
    reason: str
    detail: str
    text: str


class Misplaced(Exception):
    """No sector of the catalogue is meant, or several may be."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Catalogue:
    """The platform's industries and sectors, found by what files call them.

    Args:
        entries: all sectors.
    """

    def __init__(self, entries: Iterable[CatalogueEntry]) -> None:
        self._industries: dict[str, list[CatalogueEntry]] = {}
        self._sectors: dict[str, list[CatalogueEntry]] = {}
        for entry in entries:
            for name in entry.industry_names:
                self._industries.setdefault(name, []).append(entry)
            for name in entry.names:
                self._sectors.setdefault(name, []).append(entry)

    def find(self, industry: str, sector: str) -> CatalogueEntry:
        """Return the sector that an industry's and a sector's id, slug or name mean; the industry may be empty.

        Raises:
            Misplaced: there is none, or several industries have it.
        """
        if not sector:
            raise Misplaced("no_sector", "names no sector")
        found = self._sectors.get(normalise(sector), [])
        if industry:
            of_industry = self._industries.get(normalise(industry), [])
            if not of_industry:
                raise Misplaced("unknown_industry", f"{industry!r} is no industry of the catalogue")
            found = [entry for entry in found if entry in of_industry]
            if not found:
                known = ", ".join(entry.slug for entry in of_industry[:_SHOWN_MAX])
                raise Misplaced("unknown_sector", f"{sector!r} is no sector of {industry!r}, which has {known}")
        if not found:
            raise Misplaced("unknown_sector", f"{sector!r} is no sector of the catalogue")
        if len(found) > 1:
            several = ", ".join(entry.industry_slug for entry in found)
            raise Misplaced("ambiguous_sector", f"several industries have {sector!r}: {several}; name one of them too")
        return found[0]


@dataclass(frozen=True)
class Figures:
    """What the library says of a keyword; None and "" where it says nothing."""

    volume: int | None = None
    difficulty: float | None = None
    intent: str | None = None
    country: str = ""

    def given(self, stated: "Figures") -> "Figures":
        """Return them with those that are stated in the place of the older ones."""
        return Figures(
            self.volume if stated.volume is None else stated.volume,
            self.difficulty if stated.difficulty is None else stated.difficulty,
            stated.intent or self.intent,
            stated.country or self.country,
        )


@dataclass(frozen=True)
class LibraryRow:
    """A line that is right."""

    line: int
    text: str
    place: Place
    figures: Figures

    @property
    def key(self) -> SeedKey:
        """What its seed is known by."""
        return self.place.sector_id, normalise(self.text)


@dataclass
class Content:
    """What a file says: its right lines, and its wrong ones."""

    layout: str
    rows: list[LibraryRow] = field(default_factory=list)
    wrong: list[WrongLine] = field(default_factory=list)


@dataclass(frozen=True)
class Seed:
    """A keyword of the library as it is stored."""

    id: UUID
    text: str
    figures: Figures


@dataclass(frozen=True)
class Change:
    """What a line does to the library: `old` is None for a keyword that is new, `new` what is there afterwards."""

    row: LibraryRow
    outcome: Outcome
    old: Seed | None
    new: Figures


def read(file: KeywordFile, catalogue: Catalogue, *, industry: str = "", sector: str = "") -> Content:
    """Read a file whole.

    Args:
        file: as `imports.KeywordFile` opened it, with LIBRARY_LAYOUTS.
        catalogue: where lines may belong.
        industry: of lines that name none.
        sector: of lines that name none.
    """
    report, content = ImportReport(), Content(file.layout)
    by_place: dict[Place, list[KeywordRow]] = {}
    for row in file.rows(report):
        try:
            place = catalogue.find(row.industry or industry, row.sector or sector).place
        except Misplaced as problem:
            content.wrong.append(WrongLine(row.line, problem.reason, problem.detail, row.text))
            continue
        by_place.setdefault(place, []).append(row)
    doubtful = {note.line: note for note in reversed(report.notes)}
    for place, rows in by_place.items():
        bad = [row for row in rows if row.line in doubtful]
        content.wrong += [_unreadable(row, doubtful[row.line]) for row in bad]
        content.rows += [_row(place, row) for row in best_rows([r for r in rows if r.line not in doubtful], report)]
    content.rows.sort(key=lambda row: row.line)
    content.wrong = sorted([*content.wrong, *_left_out(report)], key=lambda wrong: wrong.line)
    return content


def promoted(
    wanted: Iterable[tuple[SeedKey, str, Figures]], places: Mapping[SeedKey, Place], stored: Collection[SeedKey]
) -> tuple[list[LibraryRow], list[WrongLine]]:
    """Return the keywords to take into the library, and those that cannot be, in the order in which they are wanted.

    Args:
        wanted: what each is known by, how it is shown, and its figures.
        places: of those that an account has added.
        stored: those that the library has; they stay as they are.
    """
    rows: dict[SeedKey, LibraryRow] = {}
    wrong = []
    for line, (key, text, figures) in enumerate(wanted, start=1):
        if key in rows:
            wrong.append(WrongLine(line, "duplicate", f"line {rows[key].line} is kept", text))
        elif key not in places:
            wrong.append(WrongLine(line, "no_candidate", "no account has added it", text))
        else:
            rows[key] = LibraryRow(line, text, places[key], Figures() if key in stored else figures)
    return list(rows.values()), wrong


def compare(rows: Iterable[LibraryRow], stored: Mapping[SeedKey, Seed]) -> list[Change]:
    """Return what rows would do to the library; what a row does not state stays as it is."""
    return [_change(row, stored.get(row.key)) for row in rows]


def count(changes: Collection[Change], outcome: Outcome) -> int:
    """Return how many changes have an outcome."""
    return sum(change.outcome is outcome for change in changes)


def _change(row: LibraryRow, old: Seed | None) -> Change:
    if old is None:
        return Change(row, Outcome.NEW, None, row.figures)
    new = old.figures.given(row.figures)
    return Change(row, Outcome.UNCHANGED if new == old.figures else Outcome.UPDATED, old, new)


def _row(place: Place, row: KeywordRow) -> LibraryRow:
    intent = None if row.intent is None else row.intent.value
    return LibraryRow(row.line, row.text, place, Figures(row.volume, row.difficulty, intent, row.country or ""))


def _unreadable(row: KeywordRow, note: Note) -> WrongLine:
    return WrongLine(row.line, note.reason.value, f"{note.column}: {note.text}", row.text)


def _left_out(report: ImportReport) -> list[WrongLine]:
    return [
        WrongLine(line.line, line.reason.value, f"line {line.kept_line} is kept" if line.kept_line else "", line.text)
        for line in report.skipped
        if line.reason is not SkipReason.EMPTY
    ]
