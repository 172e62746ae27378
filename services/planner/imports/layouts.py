"""The column layouts of the tools that keyword files come from: declarations, one per format.

Header names are compared without case, `_` or repeated spaces, and without a currency in brackets, so the
shortened lower-case headers that people make in a spreadsheet are found too. Columns may come in any order;
those that no layout names are ignored.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.planner.domain import display_text
from services.planner.imports.numbers import (
    parse_competition,
    parse_count,
    parse_country,
    parse_currency,
    parse_decimal,
    parse_intent,
    parse_micros,
)
from services.planner.imports.rows import NoteReason

_CURRENCY = re.compile(r"\s*\(([a-z]{3})\)$")


@dataclass(frozen=True, slots=True)
class Kind:
    """How the cells of a field are read, which range they must be in, and what a bad one is called."""

    parse: Callable[[str], object]
    bad: NoteReason = NoteReason.BAD_NUMBER
    high: float | None = None


KINDS: Mapping[str, Kind] = {
    "volume": Kind(parse_count),
    "volume_min": Kind(parse_count),
    "volume_max": Kind(parse_count),
    "difficulty": Kind(parse_decimal, high=100),
    "cpc_micros": Kind(parse_micros, high=10**12),
    "cpc_currency": Kind(parse_currency, bad=NoteReason.UNKNOWN_CURRENCY),
    "competition": Kind(parse_competition, high=1),
    "intent": Kind(parse_intent, bad=NoteReason.UNKNOWN_INTENT),
    "country": Kind(parse_country, bad=NoteReason.UNKNOWN_COUNTRY),
    "impressions": Kind(parse_count),
    "clicks": Kind(parse_count),
    "position": Kind(parse_decimal, high=1_000_000),
    "parent_keyword": Kind(lambda text: display_text(text) or None),
    "url": Kind(lambda text: text.strip() or None),
    "industry": Kind(lambda text: display_text(text) or None),
    "sector": Kind(lambda text: display_text(text) or None),
}
"""Every field of KeywordRow that a column can fill. A volume given as two columns becomes their geometric
mean."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One export format.

    columns: field -> the header names it goes by, most telling first. needs: fields without which a file is
    not of this layout, beside `text`. one_of: at least one of these headers must be there (no such condition
    when empty).
    """

    name: str
    columns: Mapping[str, Sequence[str]]
    needs: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    only_text: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A layout found in a header: at which index each field is, and the currency its CPC header names."""

    layout: Layout
    indexes: Mapping[str, int]
    width: int
    currency: str | None = None
    headers: Sequence[str] = field(default=())


_KEYWORD = ("keyword", "keywords", "query", "queries", "search term", "search query")
_DIFFICULTY = ("keyword difficulty", "difficulty", "kd", "kd %", "keyword difficulty %")
_COUNTRY = ("country", "country code", "database", "location")
_INTENT = ("intent", "intents", "keyword intents", "search intent")

SEMRUSH_MAGIC = Layout(
    "semrush_magic",
    {
        "text": ("keyword",),
        "intent": _INTENT,
        "volume": ("volume", "search volume"),
        "difficulty": _DIFFICULTY,
        "cpc_micros": ("cpc",),
        "competition": ("competitive density", "com.", "com"),
    },
    needs=frozenset({"volume"}),
    one_of=frozenset({"trend", "competitive density", "com.", "number of results", "keyword difficulty", "kd %"}),
)
SEMRUSH_POSITIONS = Layout(
    "semrush_positions",
    {
        "text": ("keyword",),
        "position": ("position",),
        "volume": ("search volume", "volume"),
        "difficulty": _DIFFICULTY,
        "cpc_micros": ("cpc",),
        "url": ("url",),
        "competition": ("competition",),
        "intent": _INTENT,
    },
    needs=frozenset({"position", "volume", "url"}),
)
AHREFS = Layout(
    "ahrefs",
    {
        "text": ("keyword",),
        "country": _COUNTRY,
        "difficulty": _DIFFICULTY,
        "volume": ("volume",),
        "cpc_micros": ("cpc",),
        "parent_keyword": ("parent keyword", "parent topic"),
        "intent": _INTENT,
    },
    needs=frozenset({"volume"}),
    one_of=frozenset({"#", "parent keyword", "parent topic", "global volume", "traffic potential"}),
)
SEARCH_CONSOLE = Layout(
    "search_console",
    {
        "text": ("top queries", *_KEYWORD),
        "clicks": ("clicks",),
        "impressions": ("impressions",),
        "position": ("position", "average position", "avg. position"),
        "country": _COUNTRY,
        "url": ("page", "url"),
    },
    needs=frozenset({"clicks", "impressions"}),
)
GOOGLE_ADS = Layout(
    "google_ads",
    {
        "text": ("keyword", "keywords", "keyword (by relevance)"),
        "volume": ("avg. monthly searches", "avg monthly searches", "average monthly searches"),
        "competition": ("competition (indexed value)", "competition"),
        # The high end of the bids is what the other tools call CPC; the low end is the cheapest fifth.
        "cpc_micros": ("top of page bid (high range)", "suggested bid"),
        "cpc_currency": ("currency",),
    },
    needs=frozenset({"volume"}),
)
MOZ = Layout(
    "moz",
    {
        "text": ("keyword",),
        "volume_min": ("min volume",),
        "volume_max": ("max volume",),
        "difficulty": _DIFFICULTY,
    },
    needs=frozenset({"volume_min", "volume_max"}),
)
TABLE = Layout(
    "keyword_table",
    {
        "text": _KEYWORD,
        "volume": ("volume", "search volume"),
        "difficulty": _DIFFICULTY,
        "cpc_micros": ("cpc",),
        "competition": ("competition",),
        "intent": _INTENT,
        "country": _COUNTRY,
    },
    needs=frozenset({"volume"}),
)
_COUNTED = {
    "volume": ("volume", "search volume", "avg. monthly searches", "avg monthly searches"),
    "impressions": ("impressions",),
}
"""What is read beside a column that somebody chose."""
EXPORT = Layout(
    "igny8",
    {
        "text": ("keyword",),
        "volume": ("volume",),
        "difficulty": ("difficulty",),
        "intent": ("intent",),
        "country": ("country",),
        "cpc_micros": ("cpc",),
        "cpc_currency": ("currency",),
        "competition": ("competition",),
        "impressions": ("impressions",),
        "clicks": ("clicks",),
        "position": ("position",),
        "parent_keyword": ("parent keyword",),
        "url": ("url",),
    },
    needs=frozenset({"volume", "intent"}),
    one_of=frozenset({"derived intent"}),
)
"""What `services.planner.exports` writes; its other columns say what an import does not take."""
LIBRARY = Layout(
    "igny8_library",
    {
        "text": _KEYWORD,
        "volume": ("volume", "search volume"),
        "difficulty": _DIFFICULTY,
        "intent": _INTENT,
        "country": _COUNTRY,
        "industry": ("industry",),
        "sector": ("sector", "industry sector"),
    },
    needs=frozenset({"sector"}),
)
"""What operators keep the platform's library in; `services.planner.library` says what a line of it means."""
PLAIN_LIST = Layout("plain_list", {"text": ("top queries", *_KEYWORD)}, only_text=True)

LAYOUTS: Sequence[Layout] = (
    SEMRUSH_MAGIC,
    SEMRUSH_POSITIONS,
    AHREFS,
    SEARCH_CONSOLE,
    GOOGLE_ADS,
    MOZ,
    EXPORT,
    TABLE,
    PLAIN_LIST,
)
"""Every layout of a site's keywords. Of several that fit, the one with most columns found wins, then the first."""
LIBRARY_LAYOUTS: Sequence[Layout] = (LIBRARY, *LAYOUTS)
"""Every layout of keywords for the library: the others name no sector, so it is said for the whole file."""


def find_layout(cells: Sequence[str], layouts: Sequence[Layout] = LAYOUTS) -> Match | None:
    """The layout whose header these cells are, or None when they are no header."""
    headers = [header_name(cell) for cell in cells]
    named = [_CURRENCY.sub("", header) for header in headers]
    best: Match | None = None
    for layout in layouts:
        match = _match(layout, named, headers)
        if match and (best is None or len(match.indexes) > len(best.indexes)):
            best = match
    return best


def choose_column(cells: Sequence[str], column: str) -> Match | None:
    """The layout of a header whose keywords are in `column`, with a volume or impressions beside it where it has them.

    None when these cells have no such column.
    """
    headers = [header_name(cell) for cell in cells]
    if header_name(column) not in headers:
        return None
    chosen = Layout("chosen_column", {**_COUNTED, "text": (header_name(column),)})
    return _match(chosen, headers, headers)


def header_name(cell: str) -> str:
    """A header cell as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", cell).casefold().replace("_", " ").split())


def _match(layout: Layout, named: Sequence[str], headers: Sequence[str]) -> Match | None:
    positions = {name: index for index, name in reversed(list(enumerate(named)))}
    indexes = {
        wanted: next(positions[alias] for alias in aliases if alias in positions)
        for wanted, aliases in layout.columns.items()
        if any(alias in positions for alias in aliases)
    }
    fits = (
        layout.needs | {"text"} <= indexes.keys()
        and (not layout.one_of or any(header in layout.one_of for header in named))
        and not (layout.only_text and len([name for name in named if name]) > 1)
    )
    if not fits:
        return None
    currency = _CURRENCY.search(headers[indexes["cpc_micros"]]) if "cpc_micros" in indexes else None
    return Match(layout, indexes, len(headers), currency[1].upper() if currency else None, tuple(headers))
