"""Which items of a stage go together, and when they are due."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orchestrator.domain.batches import Batches, delay_between_s


class TestBatches:
    @pytest.mark.parametrize(
        ("stage", "options", "numbers"),
        [
            (4, {}, [0] * 10 + [1] * 2),
            (6, {}, [0] * 12),
            (4, {"batch_sizes": {"4": 5}}, [0] * 5 + [1] * 5 + [2] * 2),
            (4, {"batch_sizes": {"5": 5}}, [0] * 10 + [1] * 2),
            (1, {}, [0] * 12),
            (7, {"batch_sizes": {"7": 6}}, [0] * 6 + [1] * 6),
        ],
        ids=["the platform's", "one is enough", "the site's", "of another stage", "a whole sector", "publishing"],
    )
    def test_items_go_together_by_size(self, stage: int, options: dict[str, Any], numbers: list[int]) -> None:
        assert [Batches.of(stage, options).batch(n) for n in range(12)] == numbers

    @given(st.integers(1, 5000), st.integers(0, 3600), st.integers(0, 5000))
    def test_a_batch_waits_for_those_before_it(self, size: int, delay_s: int, n: int) -> None:
        batches = Batches.of(4, {"batch_sizes": {"4": size}, "delay_within_stage_s": delay_s})
        assert batches.batch(n) * size <= n < (batches.batch(n) + 1) * size
        assert batches.delay_s == delay_s

    def test_stages_follow_each_other_at_once_unless_a_site_wants_otherwise(self) -> None:
        assert delay_between_s({}) == 0
        assert delay_between_s({"delay_between_stages_s": 90}) == 90
