"""Which items of a stage go together, and how long a run waits between them and between its stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SIZES: Mapping[int, int] = {2: 10, 3: 50, 4: 10, 5: 10, 6: 20}
"""Items a batch, by stage; all of the others go together, as clustering does with a whole sector."""


@dataclass(frozen=True)
class Batches:
    """How a stage's items are spread.

    Args:
        size: items that go together; 0 for all.
        delay_s: seconds from the start of one batch to the start of the next.
    """

    size: int
    delay_s: int

    @classmethod
    def of(cls, stage: int, options: Mapping[str, Any]) -> "Batches":
        """Return how a stage is spread.

        Args:
            stage: 1 to 7; 0 for work that is only done by hand.
            options: the run's: `batch_sizes` by stage as text ({"4": 10}), the platform's where it names none, and
                `delay_within_stage_s`.
        """
        size = options.get("batch_sizes", {}).get(str(stage), SIZES.get(stage, 0))
        return cls(int(size), int(options.get("delay_within_stage_s", 0)))

    def batch(self, n: int) -> int:
        """Return which batch an item is in, from 0; items are counted from 0."""
        return n // self.size if self.size else 0

    def wait_s(self, n: int) -> int:
        """Return for how many seconds an item waits after its stage was planned."""
        return self.batch(n) * self.delay_s


def delay_between_s(options: Mapping[str, Any]) -> int:
    """Return the seconds between the end of a stage and the start of the next."""
    return int(options.get("delay_between_stages_s", 0))
