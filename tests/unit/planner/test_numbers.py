"""Numbers, intents and countries as export files write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.planner.domain import Intent
from services.planner.imports.numbers import (
    parse_competition,
    parse_count,
    parse_country,
    parse_decimal,
    parse_intent,
    parse_micros,
)


class TestCounts:
    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("1300", 1300),
            ("1,300", 1300),
            ("1.300", 1300),
            ("1 300", 1300),
            ("1\u202f300", 1300),
            ("2,740,000", 2_740_000),
            ("1.2K", 1200),
            ("2.5m", 2_500_000),
            ("1,5K", 1500),
            ("10K \u2013 100K", 31623),
            ("10-100", 32),
            ("0-10", 3),
            ("1M - 10M", 3_162_278),
            ("<10", 3),
            (">100K", 100_000),
            ("100K+", 100_000),
            ("88.99", 89),
            ("0", 0),
            ("", None),
            ("-", None),
            ("\u2014", None),
            ("n/a", None),
            ("N/A", None),
            ("No data", None),
        ],
    )
    def test_reads(self, text: str, count: int | None) -> None:
        assert parse_count(text) == count

    @pytest.mark.parametrize(
        "text", ["twelve", "-5", "1e9", "nan", "inf", "12,34,56", "100-10", "1_000", "9" * 14, "1-"]
    )
    def test_refuses(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".*"):
            parse_count(text)

    @given(st.integers(0, 10**12))
    def test_thousands_separators_change_nothing(self, count: int) -> None:
        assert parse_count(f"{count:,}") == parse_count(str(count)) == count


class TestDecimals:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("88.99", 88.99),
            ("0,5", 0.5),
            ("0,123", 0.123),
            ("1,300.50", 1300.5),
            ("1.300,50", 1300.5),
            ("12%", 12.0),
            ("$2.24", 2.24),
            ("\u20ac 0.80", 0.8),
            ("n/a", None),
        ],
    )
    def test_reads(self, text: str, value: float | None) -> None:
        assert parse_decimal(text) == value

    def test_money_is_exact_in_millionths(self) -> None:
        assert parse_micros("2.24") == 2_240_000


class TestCompetition:
    @pytest.mark.parametrize(("text", "share"), [("0.87", 0.87), ("87", 0.87), ("Medium", 0.5), ("1", 1.0), ("", None)])
    def test_is_a_share(self, text: str, share: float | None) -> None:
        assert parse_competition(text) == share

    def test_bands_are_ordered(self) -> None:
        low, medium, high = (parse_competition(band) or 0.0 for band in ("Low", "Medium", "High"))
        assert 0 < low < medium < high < 1


class TestIntents:
    @pytest.mark.parametrize(
        ("text", "intent"),
        [
            ("Informational, Transactional", Intent.INFORMATIONAL),
            ("T, I", Intent.TRANSACTIONAL),
            ("commercial", Intent.COMMERCIAL),
            ("Branded, Navigational", Intent.NAVIGATIONAL),
            ("n/a", None),
        ],
    )
    def test_first_known_wins(self, text: str, intent: Intent | None) -> None:
        assert parse_intent(text) == intent

    def test_unknown_is_refused(self) -> None:
        with pytest.raises(ValueError, match="Branded"):
            parse_intent("Branded")


class TestCountries:
    @pytest.mark.parametrize(("text", "country"), [("gb", "GB"), ("uk", "GB"), ("US", "US"), ("", None)])
    def test_is_iso(self, text: str, country: str | None) -> None:
        assert parse_country(text) == country

    def test_a_name_is_refused(self) -> None:
        with pytest.raises(ValueError, match="United States"):
            parse_country("United States")
