"""The verdict: every finding of the four parts, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.chaos.judge import books, pace, places, work
from tests.chaos.judge.evidence import Evidence
from tests.chaos.judge.finding import NUMBERS, Finding
from tests.chaos.judge.pace import Hit, Wait


@dataclass
class Verdict:
    """What is wrong, and how much was looked at.

    Args:
        findings: one for each thing that should not be.
        steps: how many steps were looked at.
        held: credits that are still set aside.
        waits: from each blow to the next end of a step, for each lane that was at work.
    """

    findings: list[Finding] = field(default_factory=list)
    steps: int = 0
    held: int = 0
    waits: list[Wait] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """How many findings there are under each number."""
        return Counter(finding.number for finding in self.findings)

    @property
    def clean(self) -> bool:
        """Whether everything that must be 0 is."""
        return not self.findings and self.held == 0

    def add(self, other: Verdict) -> None:
        """Take another verdict's findings and figures into this one."""
        self.findings += other.findings
        self.steps += other.steps
        self.held += other.held
        self.waits += other.waits

    def line(self, *, seeds: int, kills: int, pauses: int) -> dict[str, float | None]:
        """Return the figures as they are printed; a percentile of nothing is None."""
        counts = self.counts
        return {
            "seeds": seeds,
            "kills": kills,
            "pauses": pauses,
            "steps": self.steps,
            **{number: counts[number] for number in NUMBERS},
            "held": self.held,
            "resume_p95_s": percentile([wait.seconds for wait in self.waits], 95),
        }


def percentile(values: Sequence[float], share: int) -> float | None:
    """Return the smallest value that so many in a hundred do not exceed; None of nothing."""
    ordered = sorted(values)
    return round(ordered[-(-len(ordered) * share // 100) - 1], 2) if ordered else None


def judge(evidence: Evidence, blows: Iterable[Hit] = (), said: Iterable[Finding] = ()) -> Verdict:
    """Return what is wrong with what is left.

    Args:
        evidence: everything there is about some accounts.
        blows: kills and the ends of pauses.
        said: what was found over the REST interface.
    """
    findings = [*work.findings(evidence), *books.findings(evidence), *places.findings(evidence), *said]
    return Verdict(
        findings=findings,
        steps=len(evidence["steps"]),
        held=sum(row["held"] for row in evidence["accounts"]),
        waits=pace.waits(evidence, blows),
    )
