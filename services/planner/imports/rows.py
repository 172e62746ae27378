"""What a keyword file becomes: rows, and a report of every line that did not become one."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from services.planner.domain import Intent

EXCERPT_CHARS = 120
"""A reported line is quoted up to this length: enough to find it, too little to carry a binary."""


class KeywordRow(NamedTuple):
    """One keyword as the file states it. What the file does not state, or states badly, is None.

    line: physical line in the file, from 1, where the record begins. text: the keyword for display, trimmed,
    case kept. `domain.normalise(text)` is what it is compared by. volume: searches a month. difficulty:
    0-100. cpc_micros: a millionth of cpc_currency (ISO 4217, None = not stated). competition: 0-1.
    impressions, clicks: of the exported period, never mixed with volume. position: average rank. country: ISO
    3166 alpha-2. industry, sector: of the platform's catalogue, as a file for its library names them.
    """

    line: int
    text: str
    volume: int | None = None
    difficulty: float | None = None
    cpc_micros: int | None = None
    cpc_currency: str | None = None
    competition: float | None = None
    intent: Intent | None = None
    country: str | None = None
    impressions: int | None = None
    clicks: int | None = None
    position: float | None = None
    parent_keyword: str | None = None
    url: str | None = None
    industry: str | None = None
    sector: str | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """Of two rows of one keyword the higher wins: by volume, then by impressions; unknown is lowest."""
        return (
            -1 if self.volume is None else self.volume,
            -1 if self.impressions is None else self.impressions,
        )


class SkipReason(StrEnum):
    """Why a line did not become a keyword."""

    EMPTY = "empty"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    NO_KEYWORD = "no_keyword"
    TOO_LONG = "too_long"
    CONTROL_CHARACTERS = "control_characters"
    RAGGED = "ragged"


class NoteReason(StrEnum):
    """Why an optional value was dropped from a keyword that was kept."""

    BAD_NUMBER = "bad_number"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_INTENT = "unknown_intent"
    UNKNOWN_COUNTRY = "unknown_country"
    UNKNOWN_CURRENCY = "unknown_currency"


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line that was not imported. `text` quotes its start; `kept_line` is the line a duplicate lost
    against.
    """

    line: int
    reason: SkipReason
    text: str
    kept_line: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A value that was dropped: the keyword of that line was imported without it."""

    line: int
    reason: NoteReason
    column: str
    text: str


@dataclass(slots=True)
class ImportReport:
    """Everything that was skipped or dropped while a file was read.

    Counts are always complete. The lists stop at `listed_max` entries each, so that a file of a million bad
    lines costs a bounded amount of memory; `complete` says whether everything is listed.
    """

    listed_max: int = 200_000
    skipped: list[SkippedLine] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    skipped_counts: Counter[SkipReason] = field(default_factory=Counter)
    note_counts: Counter[NoteReason] = field(default_factory=Counter)

    def skip(self, line: int, reason: SkipReason, text: str, kept_line: int | None = None) -> None:
        """Record that `line` was not imported."""
        self.skipped_counts[reason] += 1
        if len(self.skipped) < self.listed_max:
            self.skipped.append(SkippedLine(line, reason, excerpt(text), kept_line))

    def note(self, line: int, reason: NoteReason, column: str, text: str) -> None:
        """Record that the value `text` of `column` was dropped from the keyword of `line`."""
        self.note_counts[reason] += 1
        if len(self.notes) < self.listed_max:
            self.notes.append(Note(line, reason, column, excerpt(text)))

    @property
    def complete(self) -> bool:
        """Whether every skipped line and every note is listed, not only counted."""
        return len(self.skipped) == self.skipped_counts.total() and len(self.notes) == self.note_counts.total()


def excerpt(text: str) -> str:
    """The start of `text`, with everything unprintable shown as U+FFFD, so that it can be stored and
    displayed.
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:EXCERPT_CHARS])
