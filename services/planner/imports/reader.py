"""Reads an exported keyword file: refuses it whole, or yields its rows and reports every line it left out.

    with open(path, "rb") as source:
        file = KeywordFile(source)              # raises errors.KeywordFileRefused; nothing was read then
        report = ImportReport()
        for row in best_rows(file.rows(report), report):
            ...

`rows` streams: it holds a few lines, whatever the size of the file. It yields one row per line that has a
keyword, also when the file has that keyword again; `best_rows` (module `duplicates`) leaves the best one of
each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, dropwhile, islice
from typing import Any, BinaryIO

from services.planner.domain import KEYWORD_CHARS_MAX, display_text, names_something
from services.planner.imports.errors import EmptyFile, UnknownColumn, UnknownLayout
from services.planner.imports.layouts import (
    KINDS,
    LAYOUTS,
    PLAIN_LIST,
    Layout,
    Match,
    choose_column,
    find_layout,
)
from services.planner.imports.lines import LINE_CHARS_MAX, detect_encoding, has_control_characters, text_lines
from services.planner.imports.numbers import middle
from services.planner.imports.records import DELIMITERS, Record, records, split_line
from services.planner.imports.rows import ImportReport, KeywordRow, NoteReason, SkipReason

PREAMBLE_LINES_MAX = 20
"""How far down a header is looked for: Google Ads writes two lines before it, spreadsheets a few more."""
_HEADERS_SHOWN = 20
_PROSE_STARTS = ("<", "{", "[")
_BLANK = ' \t,;"\r\n\u00a0'  # a line of nothing but these has no cell with a value
_KNOWN_MAX = 4_096  # cells of a column whose values are kept
_KNOWN_CHARS_MAX = 32
_TEXT_MAX = 2_048  # characters of an optional cell; half a URL is worse than none, so a longer one is left out


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one import takes, in bytes of the file and in its physical lines, header and preamble
    included.

    A million keywords below a header. Memory does not bound it, as nothing holds the rows; it is one
    transaction, in which the keywords of the account wait, and one step with a deadline.
    """

    bytes_max: int = 256 * 1024 * 1024
    lines_max: int = 1_000_100


class KeywordFile:
    """An opened keyword file whose encoding, delimiter and layout are known.

    `source` is binary, can seek (write a stream to a temporary file first), and stays the caller's to close.
    It is read twice: once whole to tell its encoding and size, so that a refusal comes before the first row.

    `column` names the column of the keywords, for a file of any other layout; its header is then the first line
    that has it. `layouts` are those that the file may have.

    Raises:
        EmptyFile, FileTooLarge, NotText, UnknownColumn, UnknownLayout: see `errors`.
    """

    def __init__(
        self,
        source: BinaryIO,
        limits: Limits | None = None,
        *,
        column: str = "",
        layouts: Sequence[Layout] = LAYOUTS,
    ) -> None:
        limits = limits or Limits()
        self._source = source
        self.encoding = detect_encoding(self._source, bytes_max=limits.bytes_max, lines_max=limits.lines_max)
        with text_lines(self._source, self.encoding) as lines:
            first = list(islice(lines, PREAMBLE_LINES_MAX))
            self.delimiter, self.header_line, self.match = (
                _find_column(first, column) if column else _find_header(first, layouts)
            )
            if not any(line.strip() for number, line in chain(first, lines) if number > self.header_line):
                raise EmptyFile

    @property
    def layout(self) -> str:
        """The name of the recognised layout."""
        return self.match.layout.name

    def rows(self, report: ImportReport) -> Iterator[KeywordRow]:
        """Every keyword of the file in its order, from the start at each call; what is left out goes to
        `report`.
        """
        with text_lines(self._source, self.encoding) as lines:
            body = dropwhile(lambda numbered: numbered[0] <= self.header_line, lines)
            columns = [_Column(name, index) for name, index in self.match.indexes.items() if name != "text"]
            found = _plain_records(body) if self.match.width == 1 else records(body, self.delimiter, self.match.width)
            previous = 0
            for record in found:
                if record.line == previous:  # the rest of a line that was longer than LINE_CHARS_MAX
                    continue
                previous = record.line
                row = self._row(record, columns, report)
                if row is not None:
                    yield row

    def _row(self, record: Record, columns: "Sequence[_Column]", report: ImportReport) -> KeywordRow | None:
        reason = _refusal(record, self.match)
        text = ""
        if reason is None and record.cells is not None:
            text = display_text(record.cells[self.match.indexes["text"]])
            reason = _text_refusal(text)
        if reason is not None or record.cells is None:
            report.skip(record.line, reason or SkipReason.RAGGED, record.raw)
            return None
        values = _values(record.line, record.cells, columns, report, self.match.currency)
        return KeywordRow(line=record.line, text=text, **values)


def _find_header(lines: Sequence[tuple[int, str]], layouts: Sequence[Layout]) -> tuple[str, int, Match]:
    """The delimiter, the line of the header (0 when there is none) and the layout."""
    stated = [(number, line) for number, line in lines if line.strip()]
    if not stated:
        raise EmptyFile
    for number, line in stated:
        cells = _split_ways(line)
        found = [(match, delimiter) for delimiter in DELIMITERS if (match := find_layout(cells[delimiter], layouts))]
        if found:
            match, delimiter = max(found, key=lambda pair: len(pair[0].indexes))
            if match.layout.only_text and number > stated[0][0]:
                break  # "keyword" in the middle of a list is one of its keywords
            return delimiter, number, match
    texts = [line for _, line in stated]
    if not _is_plain_list(texts):
        raise UnknownLayout(_shown(texts[0]), [layout.name for layout in layouts])
    return ",", 0, Match(PLAIN_LIST, {"text": 0}, 1)


def _find_column(lines: Sequence[tuple[int, str]], column: str) -> tuple[str, int, Match]:
    """The same for a file whose keywords are in the column of this name."""
    stated = [(number, line) for number, line in lines if line.strip()]
    if not stated:
        raise EmptyFile
    for number, line in stated:
        for delimiter, cells in _split_ways(line).items():
            match = choose_column(cells, column)
            if match:
                return delimiter, number, match
    raise UnknownColumn(column, _shown(stated[0][1]))


def _split_ways(line: str) -> dict[str, list[str]]:
    """The cells of a line by each delimiter."""
    return {delimiter: split_line(line, delimiter) or [] for delimiter in DELIMITERS}


def _shown(line: str) -> list[str]:
    """The cells of a header for a message, by the delimiter that finds most."""
    first = max((split_line(line, delimiter) or [line] for delimiter in DELIMITERS), key=len)
    return [cell.strip()[:60] for cell in first[:_HEADERS_SHOWN]]


def _is_plain_list(texts: Sequence[str]) -> bool:
    """Whether these first lines are keywords without a header: one cell each; a few may have a comma."""
    if texts[0].lstrip().startswith(_PROSE_STARTS) or any("\t" in text or ";" in text for text in texts):
        return False
    return sum(len(split_line(text, ",") or [text]) > 1 for text in texts) * 5 <= len(texts)


def _plain_records(lines: Iterator[tuple[int, str]]) -> Iterator[Record]:
    """A list's lines as they are: its commas belong to the keyword, and only quotes around a whole line are
    quotes.
    """
    for number, line in lines:
        cells = split_line(line, ",") if line.startswith('"') else None
        yield Record(number, cells if cells and len(cells) == 1 else [line], line)


def _refusal(record: Record, match: Match) -> SkipReason | None:
    """Why a record as a whole cannot be read."""
    plain = record.raw.isascii() and record.raw.isprintable()  # the quicker question of two, and nearly always yes
    if not plain and has_control_characters(record.raw):
        return SkipReason.CONTROL_CHARACTERS
    if len(record.raw) >= LINE_CHARS_MAX:
        return SkipReason.TOO_LONG
    if not record.raw.strip(_BLANK):
        return SkipReason.EMPTY
    return None if record.cells is not None and _fits(record.cells, match.width) else SkipReason.RAGGED


def _fits(cells: Sequence[str], width: int) -> bool:
    """Whether there is a cell for every column; spreadsheets leave empty ones behind the last."""
    return len(cells) == width or (len(cells) > width and not any(cell.strip() for cell in cells[width:]))


def _text_refusal(text: str) -> SkipReason | None:
    """Why a cell is not a keyword."""
    if len(text) > KEYWORD_CHARS_MAX:
        return SkipReason.TOO_LONG
    return None if names_something(text) else SkipReason.NO_KEYWORD


class _Column:
    """One column of a file, with what its cells were read as: most come again and again."""

    def __init__(self, name: str, index: int) -> None:
        self.name, self.index = name, index
        self._known: dict[str, object] = {}

    def read(self, line: int, cell: str, report: ImportReport) -> object:
        """The value of a cell; None when it is left out, which `report` gets to know each time."""
        value = self._known.get(cell)
        if value is None:
            value = _value(line, self.name, cell, report)
            if value is not None and len(cell) <= _KNOWN_CHARS_MAX and len(self._known) < _KNOWN_MAX:
                self._known[cell] = value
        return value


def _values(
    line: int, cells: Sequence[str], columns: Sequence[_Column], report: ImportReport, currency: str | None
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in columns:
        cell = cells[column.index]
        if cell:
            values[column.name] = column.read(line, cell, report)
    if values.get("cpc_micros") is not None:
        values.setdefault("cpc_currency", currency)
    if "volume_min" in values or "volume_max" in values:
        low, high = values.pop("volume_min", None), values.pop("volume_max", None)
        if low is not None and high is not None:
            values["volume"] = round(middle(low, high))
    return values


def _value(line: int, name: str, cell: str, report: ImportReport) -> object:
    kind = KINDS[name]
    if len(cell) > _TEXT_MAX:
        report.note(line, NoteReason.OUT_OF_RANGE, name, cell)
        return None
    try:
        value = kind.parse(cell)
    except ValueError:
        report.note(line, kind.bad, name, cell)
        return None
    if kind.high is not None and isinstance(value, (int, float)) and value > kind.high:
        report.note(line, NoteReason.OUT_OF_RANGE, name, cell)
        return None
    return value
