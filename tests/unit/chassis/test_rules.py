"""The rules that resources have in common."""

import pytest

from chassis.resource.rules import Rule, at_most, between, chosen, language


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "value"),
        [
            (at_most(3), "abc"),
            (at_most(3), ""),
            (at_most(3, empty=False), "a"),
            (between(1, 3), 1),
            (between(1, 3), 3),
            (chosen, 2),
            (language, ""),
            (language, "en"),
            (language, "pt-BR"),
            (language, "zh-Hant-TW"),
        ],
    )
    def test_what_fits_has_no_problem(self, rule: Rule, value: object) -> None:
        assert rule(value) is None

    @pytest.mark.parametrize(
        ("rule", "value", "problem"),
        [
            (at_most(3), "abcd", "must have at most 3 characters"),
            (at_most(20_000), "x" * 20_001, "must have at most 20,000 characters"),
            (at_most(3, empty=False), " ", "must not be empty"),
            (between(1, 3), 0, "must be from 1 to 3, not 0"),
            (between(0, 10_000), 10_001, "must be from 0 to 10,000, not 10,001"),
            (chosen, 0, "must be one of its values"),
            (language, "english!", "'english!' is not a language; write it as in BCP 47: en, pt-BR"),
            (language, "en\n", "'en\\n' is not a language; write it as in BCP 47: en, pt-BR"),
        ],
    )
    def test_what_does_not_fit_says_what_would(self, rule: Rule, value: object, problem: str) -> None:
        assert rule(value) == problem
