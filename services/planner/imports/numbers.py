"""Numbers, intents and countries as export files write them.

Every parser returns None for "not stated" and raises ValueError for "stated, but not readable".
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from services.planner.domain import Intent

NOT_STATED = frozenset({"", "-", "--", "n/a", "na", "null", "none", "no data", "not available"})
COUNT_MAX = 10**12
"""No keyword is searched a trillion times a month: a larger number is an id, or a column that slipped."""

_SCALES: Mapping[str, float] = MappingProxyType({"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9})
_FRACTION = 2  # digits behind a decimal comma; three are a thousands group
_DASHES = str.maketrans("\u2012\u2013\u2014\u2212", "----")
_NUMBER = re.compile(r"(\d{1,15}(?:[.,]\d{1,25})*)([kmb]?)", re.ASCII)  # 25: a third, written out to be read again
_GROUPS = re.compile(r"[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*", re.ASCII)
_CURRENCY = re.compile(r"^(?:[a-z]{0,2}[$€£¥₹]|[a-z]{3}(?=[\d]))|[$€£¥₹]$")
_RANGE = re.compile(r"([^-]+)-([^-]+)")
_BANDS: Mapping[str, float] = MappingProxyType({"low": 1 / 6, "medium": 0.5, "high": 5 / 6})
_INTENTS: Mapping[str, Intent] = MappingProxyType(
    {intent.value: intent for intent in Intent} | {intent.value[0]: intent for intent in Intent}
)
_CURRENCY_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[a-z]{2}", re.ASCII)


def parse_count(text: str) -> int | None:
    """A whole number: `1,300`, `1.300`, `1.2K`, `2.5M`, `10K - 100K` with any dash, `<10`, `100K+`.

    Of a range, the geometric mean of its ends: search volumes spread over powers of ten, and the arithmetic
    middle of 10K-100K, 55,000, would claim more than half of such keywords have. A lower end of 0 counts as
    1.
    """
    value = _parse(text, grouped=True)
    if value is None:
        return None
    if value > COUNT_MAX:
        raise ValueError(text)
    return round(value)


def parse_decimal(text: str) -> float | None:
    """A number with a fraction: `88.99`, `0,5`, `1,300.50`, `12%` (12.0), `$2.24`, `€ 0.80`."""
    return _parse(text, grouped=False)


def parse_micros(text: str) -> int | None:
    """An amount of money in millionths of its currency's unit: `2.24` is 2,240,000."""
    value = parse_decimal(text)
    return None if value is None else round(value * 1_000_000)


def parse_competition(text: str) -> float | None:
    """Competition between advertisers as 0-1: a density `0.87`, an index of 100 `87`, or a band.

    Google's bands are thirds of the index (Keyword Planner help, "Competition"); the middle of the third is
    taken.
    """
    band = _BANDS.get(text.strip().casefold())
    if band is not None:
        return band
    value = parse_decimal(text)
    return value / 100 if value is not None and value > 1 else value


def parse_intent(text: str) -> Intent | None:
    """The first known one of `Informational, Transactional` or `I, T`; unknown classes (Branded, Local) are
    passed over.
    """
    names = [part.strip().casefold() for part in re.split(r"[,;|]", text)]
    if all(name in NOT_STATED for name in names):
        return None
    for name in names:
        if name in _INTENTS:
            return _INTENTS[name]
    raise ValueError(text)


def parse_country(text: str) -> str | None:
    """ISO 3166 alpha-2 in capitals; `uk`, which the tools write, is GB."""
    code = text.strip().casefold()
    if code in NOT_STATED:
        return None
    if not _COUNTRY.fullmatch(code):
        raise ValueError(text)
    return "GB" if code == "uk" else code.upper()


def parse_currency(text: str) -> str | None:
    """ISO 4217 in capitals."""
    code = text.strip().upper()
    if code.casefold() in NOT_STATED:
        return None
    if not _CURRENCY_CODE.fullmatch(code):
        raise ValueError(text)
    return code


def middle(low: float, high: float) -> float:
    """Geometric mean of a range's two ends, a lower end of 0 taken as 1."""
    return math.sqrt(max(low, 1.0) * max(high, 1.0)) if high >= 1 else (low + high) / 2


def _parse(text: str, *, grouped: bool) -> float | None:
    if text.isascii() and text.isdigit() and len(text) <= len(str(COUNT_MAX)):  # nearly every cell of a real file
        return float(text)
    plain = "".join(unicodedata.normalize("NFKC", text).casefold().translate(_DASHES).split())
    if plain in NOT_STATED or plain in {"nodata", "notavailable"}:
        return None
    if plain.startswith("<"):
        return middle(0.0, _one(plain[1:], grouped=grouped))
    ends = _RANGE.fullmatch(plain)
    if ends:
        low, high = _one(ends[1], grouped=grouped), _one(ends[2], grouped=grouped)
        if low > high:
            raise ValueError(text)
        return middle(low, high)
    return _one(plain.removeprefix(">").removesuffix("+"), grouped=grouped)


def _one(plain: str, *, grouped: bool) -> float:
    match = _NUMBER.fullmatch(_CURRENCY.sub("", plain).removesuffix("%"))
    if not match:
        raise ValueError(plain)
    return float(_separators(match[1], grouped=grouped and not match[2])) * _SCALES[match[2]]


def _separators(digits: str, *, grouped: bool) -> str:
    """`digits` with thousands separators removed and a point as decimal sign."""
    groups = _GROUPS.fullmatch(digits)
    if groups and (groups[1] == "," or grouped or digits.count(".") > 1):
        return digits.replace(groups[1], "")
    if "," in digits and "." in digits:
        thousands, decimal = (",", ".") if digits.rfind(".") > digits.rfind(",") else (".", ",")
        front, _, fraction = digits.rpartition(decimal)
        if decimal in front or not _GROUPS.fullmatch(front):
            raise ValueError(digits)
        return f"{front.replace(thousands, '')}.{fraction}"
    whole, comma, fraction = digits.partition(",")
    if comma and "," not in fraction and (len(fraction) <= _FRACTION or whole == "0"):
        return f"{whole}.{fraction}"
    if "," in digits or digits.count(".") > 1:
        raise ValueError(digits)
    return digits
