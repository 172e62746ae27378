"""Keywords as the lines of a CSV file that an import takes again: pure, no database.

Of a site's keywords, the columns from `keyword` to `url` are its own figures, as `imports.layouts.EXPORT` reads them;
importing the file into the sector it is of changes nothing. Those behind them say what else there is to know, and an
import does not take them: else a figure of the library would become the site's own, and a derived intent a given one.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

Cells = Mapping[str, Callable[[Mapping[Any, Any]], str]]
"""The header of a file, and what stands below each of its cells."""
PIECE_LINES = 1_000
_MICROS = 1_000_000
_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes a cell for a formula by; behind a tab it is text, and an import trims the tab away."""


def csv_piece(rows: Iterable[Mapping[Any, Any]], cells: Cells, *, first: bool) -> str:
    """Return rows as lines, each with its line end.

    Args:
        rows: with the columns that the cells are made of.
        cells: KEYWORD_CELLS or SEED_CELLS.
        first: whether the header comes before them.
    """
    piece = io.StringIO()
    writer = csv.writer(piece, lineterminator="\r\n")  # RFC 4180
    if first:
        writer.writerow(cells)
    writer.writerows([cell(row) for cell in cells.values()] for row in rows)
    return piece.getvalue()


def _text(name: str) -> Callable[[Mapping[str, Any]], str]:
    def cell(row: Mapping[str, Any]) -> str:
        text = row[name] or ""
        return f"\t{text}" if text.startswith(_FORMULA) else text

    return cell


def _plain(name: str) -> Callable[[Mapping[str, Any]], str]:
    def cell(row: Mapping[str, Any]) -> str:
        return "" if row[name] is None else str(row[name])

    return cell


def _number(name: str) -> Callable[[Mapping[str, Any]], str]:
    """A number that is read again as the same one: every digit it has, and no exponent."""

    def cell(row: Mapping[str, Any]) -> str:
        value = row[name]
        return "" if value is None else format(Decimal(repr(value)), "f").removesuffix(".0")

    return cell


def _money(row: Mapping[str, Any]) -> str:
    micros = row["cpc_micros"]
    return "" if micros is None else format(Decimal(micros) / _MICROS, "f")


def _yes(row: Mapping[str, Any]) -> str:
    return "yes" if row["disabled"] else ""


KEYWORD_CELLS: Cells = {
    "keyword": _text("text"),
    "volume": _plain("volume"),
    "difficulty": _number("difficulty"),
    "intent": _plain("intent"),
    "country": _plain("country"),
    "cpc": _money,
    "currency": _plain("cpc_currency"),
    "competition": _number("competition"),
    "impressions": _plain("impressions"),
    "clicks": _plain("clicks"),
    "position": _number("position"),
    "parent keyword": _text("parent_keyword"),
    "url": _text("url"),
    "derived intent": _plain("derived_intent"),
    "applying volume": _plain("volume_now"),
    "applying difficulty": _number("difficulty_now"),
    "cluster": _text("cluster"),
    "status": _plain("status"),
    "disabled": _yes,
    "sector id": _plain("sector_id"),
}
"""Of a site's keywords, as `repository.keyword_lines.COLUMNS` selects them."""
SEED_CELLS: Cells = {
    "keyword": _text("text"),
    "volume": _plain("volume"),
    "difficulty": _number("difficulty"),
    "intent": _plain("intent"),
    "country": _plain("country"),
    "industry": _plain("industry_id"),
    "sector": _plain("industry_sector_id"),
}
"""Of the platform's library, as `services.planner.library` reads it."""
