"""What the judge can find."""

from dataclasses import dataclass
from typing import Literal

Number = Literal["lost", "applied_twice", "billed_twice", "published_twice", "drift"]
NUMBERS: tuple[Number, ...] = ("lost", "applied_twice", "billed_twice", "published_twice", "drift")


@dataclass(frozen=True)
class Finding:
    """One thing that should not be: under which number it counts, and what it is."""

    number: Number
    what: str
