"""Do the books agree with the work? What billing has captured for steps, held against the steps themselves."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Booked:
    """What billing says of a step.

    Args:
        run_id: its run.
        step_id: the step.
        captured: credits, under all its reservations.
        open_holds: how many reservations are open.
        held: credits that those hold.
    """

    run_id: UUID
    step_id: UUID
    captured: int
    open_holds: int
    held: int


@dataclass(frozen=True)
class Ended:
    """A step that has ended, long enough ago that nothing of it can be under way.

    Args:
        site_id: its site.
        step_id: the step.
        status: "succeeded", "failed" or "cancelled".
        credits: that it has captured, by its own row.
        reservation: the number of its last reservation.
    """

    site_id: UUID
    step_id: UUID
    status: str
    credits: int
    reservation: int

    @property
    def reservation_keys(self) -> list[str]:
        """What billing knows its holds by."""
        return [f"{self.step_id}:{number}" for number in range(self.reservation + 1)]


@dataclass(frozen=True)
class Difference:
    """Two things that should be equal and are not.

    Args:
        account_id: whose.
        what: what was compared, in words.
        subject: which step, run or account it is about.
        booked: what billing says.
        counted: what it is when it is counted anew.
    """

    account_id: UUID
    what: str
    subject: str
    booked: int
    counted: int


BOOKS = "the books of each account"
RUNS = "a run's credits = its steps'"
CAPTURES = "captures = done steps"
HOLDS = "ended steps hold nothing"
COMPARISONS = (BOOKS, RUNS, CAPTURES, HOLDS)
"""What is compared."""


def compare(account_id: UUID, booked: Booked, ended: Ended) -> list[Difference]:
    """Return what differs between billing's word on a step and the step, which has ended."""
    subject = f"step {booked.step_id} ({ended.status}) of run {booked.run_id}"
    found = []
    if booked.captured != ended.credits:
        found.append(Difference(account_id, CAPTURES, subject, booked.captured, ended.credits))
    if booked.open_holds:
        found.append(Difference(account_id, HOLDS, subject, booked.held, 0))
    return found


def unknown(account_id: UUID, booked: Booked) -> list[Difference]:
    """Return what is wrong with billing's word on a step that its run does not have."""
    subject = f"step {booked.step_id} of run {booked.run_id}, which has no such step"
    pairs = ((CAPTURES, booked.captured), (HOLDS, booked.held))
    return [Difference(account_id, what, subject, credits, 0) for what, credits in pairs if credits]


def never_captured(account_id: UUID, run_id: UUID, step_id: UUID, credits: int) -> Difference:
    """Return that a done step's credits were never captured."""
    return Difference(account_id, CAPTURES, f"step {step_id} (succeeded) of run {run_id}", 0, credits)
