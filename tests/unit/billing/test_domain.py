"""Prices, quotes and periods."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain import FALLBACK_PRICES, UNIT_SIZES, Price, Work, month_after, price_work, quote_totals

prices = st.builds(Price, unit=st.sampled_from(sorted(UNIT_SIZES)), unit_credits=st.integers(1, 9))


class TestPrice:
    @pytest.mark.parametrize(
        ("operation", "quantity", "credits_"),
        [
            ("clustering", 1, 1),
            ("clustering", 20, 1),
            ("clustering", 21, 2),
            ("idea", 3, 6),
            ("content", 0, 0),
            ("content", 1, 1),
            ("content", 100, 1),
            ("content", 1180, 12),
            ("image_prompt", 3, 3),
            ("image", 3, 15),
            ("optimization", 201, 2),
            ("linking", 4, 4),
        ],
    )
    def test_a_part_of_a_unit_costs_a_whole_one(self, operation: str, quantity: int, credits_: int) -> None:
        assert FALLBACK_PRICES[operation].credits(quantity) == credits_

    @given(prices, st.lists(st.integers(0, 500), min_size=1, max_size=12))
    def test_no_split_costs_more_than_the_worst(self, price: Price, pieces: list[int]) -> None:
        cost = sum(price.credits(piece) for piece in pieces)
        assert cost <= price.worst(sum(pieces), len(pieces))

    @given(prices, st.integers(0, 3000), st.integers(1, 40))
    def test_the_worst_is_reached_by_a_split(self, price: Price, quantity: int, pieces: int) -> None:
        begun = min(quantity, pieces)
        split = [1] * begun
        if begun:
            split[0] += quantity - begun
        spread = sum(price.credits(piece) for piece in split)
        assert price.worst(quantity, pieces) >= spread >= price.worst(quantity, pieces) - price.unit_credits

    @given(prices, st.integers(0, 3000), st.integers(1, 40))
    def test_equal_pieces_cost_between_the_whole_and_the_worst(self, price: Price, quantity: int, pieces: int) -> None:
        assert price.credits(quantity) <= price.even(quantity, pieces) <= price.worst(quantity, pieces)

    def test_equal_pieces_are_rounded_one_by_one(self) -> None:
        assert Price("100_words", 1).even(1001, 2) == 6 + 5  # 501 and 500 words


class TestQuote:
    def limit(self, *work: Work, max_credits: int = 0) -> tuple[int, int]:
        return quote_totals([price_work(w, FALLBACK_PRICES[w.operation]) for w in work], max_credits)

    @pytest.mark.parametrize(
        ("work", "totals"),
        [
            (Work(4, "content", 0, 0, 0), (0, 0)),
            (Work(2, "idea", 100, 100, 40), (200, 200)),  # nothing can go worse than expected
            (Work(4, "content", 12_000, 24_000, 10), (120, 144)),  # 1.2 times is below the worst
            (Work(4, "content", 1_200, 2_400, 1), (12, 24)),  # one piece must be able to begin
            (Work(6, "image", 3, 30, 3), (15, 60)),  # a piece of ten at worst: 15 + 50 - 5
        ],
    )
    def test_the_limit_is_the_smaller_of_worst_and_expected_with_its_buffer(
        self, work: Work, totals: tuple[int, int]
    ) -> None:
        assert self.limit(work) == totals

    def test_the_callers_cap_is_the_last_word(self) -> None:
        assert self.limit(Work(4, "content", 12_000, 24_000, 10), max_credits=50) == (120, 50)

    @given(prices, st.integers(1, 2000), st.integers(0, 2000), st.integers(1, 15))
    def test_a_run_that_goes_as_expected_never_meets_its_limit(
        self, price: Price, likely: int, more: int, pieces: int
    ) -> None:
        likely, most = likely * pieces, (likely + more) * pieces
        _, limit = quote_totals([price_work(Work(4, "content", likely, most, pieces), price)], 0)
        captured = 0
        for _ in range(pieces):
            assert captured + price.credits(most // pieces) <= limit
            captured += price.credits(likely // pieces)


class TestPeriod:
    @pytest.mark.parametrize(
        ("start", "end"),
        [("2026-11-22", "2026-12-22"), ("2026-12-31", "2027-01-31"), ("2027-01-31", "2027-02-28")],
    )
    def test_a_month_ends_on_the_same_day_or_the_last(self, start: str, end: str) -> None:
        begin, finish = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end))
        assert month_after(begin) == finish
