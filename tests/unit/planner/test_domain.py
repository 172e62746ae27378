"""The planner's pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.planner.domain import (
    MINIMUM_KEYWORDS,
    TooFewKeywords,
    display_text,
    normalise,
    require_enough_keywords,
)


class TestNormalise:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Cold  Brew\t", "cold brew"),
            ("\uff23\uff4f\uff4c\uff44 brew", "cold brew"),
            ("stra\u00dfe", "STRASSE"),
            ("caf\u00e9", "cafe\u0301"),
            ("cold\u200b brew\ufeff", "cold brew"),
            ("\u202b\u0634\u0627\u064a\u202c", "\u0634\u0627\u064a"),
        ],
    )
    def test_same_keyword(self, one: str, other: str) -> None:
        assert normalise(one) == normalise(other)

    @pytest.mark.parametrize(("one", "other"), [("cold brew", "coldbrew"), ("resume", "résumé"), ("👨‍👩‍👧", "👨👩👧")])
    def test_different_keywords(self, one: str, other: str) -> None:
        assert normalise(one) != normalise(other)

    @given(st.text())
    def test_is_idempotent(self, text: str) -> None:
        assert normalise(normalise(text)) == normalise(text)

    @given(st.text())
    def test_shown_text_is_the_same_keyword(self, text: str) -> None:
        assert normalise(display_text(text)) == normalise(text)


class TestMinimum:
    def test_one_less_is_refused_with_what_to_do(self) -> None:
        with pytest.raises(TooFewKeywords) as refused:
            require_enough_keywords(range(MINIMUM_KEYWORDS - 1))
        assert refused.value.count == MINIMUM_KEYWORDS - 1
        assert str(MINIMUM_KEYWORDS) in refused.value.hint

    def test_enough_passes(self) -> None:
        require_enough_keywords(range(MINIMUM_KEYWORDS))
