"""From physical lines to records of cells: delimiters, quotes, and quotes that never close."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

DELIMITERS = (",", "\t", ";")
RECORD_LINES_MAX = 8
"""A quoted cell may hold line breaks, but an open quote that is not closed within this many lines was never
meant to open: its line is ragged, and the lines after it are read on their own. Without this one stray quote
eats the file."""


class Record(NamedTuple):
    """One record: the line it begins on, its cells, and its raw text. `cells` is None when its quotes do not
    close.
    """

    line: int
    cells: Sequence[str] | None
    raw: str


def split_line(line: str, delimiter: str) -> list[str] | None:
    """The cells of one complete record, or None when its quotes do not balance."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def records(lines: Iterator[tuple[int, str]], delimiter: str, width: int) -> Iterator[Record]:
    """Every record of `lines`, in order; nothing is left out, blank lines are records of one empty cell.

    Holds at most RECORD_LINES_MAX lines. A cell is limited by them, not by the csv module's own field limit,
    since a physical line is limited too (`lines.LINE_CHARS_MAX`).
    """
    ahead: deque[tuple[int, str]] = deque()
    while True:
        first = ahead.popleft() if ahead else next(lines, None)
        if first is None:
            return
        number, line = first
        cells = split_line(line, delimiter)
        if cells is None and _opens_quote(line, delimiter):
            yield _joined(first, lines, ahead, delimiter, width)
        else:
            yield Record(number, cells, line)


def _joined(
    first: tuple[int, str],
    lines: Iterator[tuple[int, str]],
    ahead: deque[tuple[int, str]],
    delimiter: str,
    width: int,
) -> Record:
    """The record that begins with an open quote: with the following lines when they close it, alone when none
    does.
    """
    number, line = first
    text = line
    for count in range(RECORD_LINES_MAX - 1):
        if count >= len(ahead):
            following = next(lines, None)
            if following is None:
                break
            ahead.append(following)
        text = f"{text}\n{ahead[count][1]}"
        cells = split_line(text, delimiter)
        if cells is not None and len(cells) == width:
            for _ in range(count + 1):
                ahead.popleft()
            return Record(number, cells, text)
    return Record(number, None, line)


def _opens_quote(line: str, delimiter: str) -> bool:
    """Whether a cell of `line` begins with a quote: only such a quote can reach into the next line."""
    return line.startswith('"') or f'{delimiter}"' in line
