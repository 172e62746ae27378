"""Work that fails, is stopped or finds no budget, by a worker that stops at every point of what it does about it."""

import threading
from dataclasses import dataclass, field

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.errors import Fault, Internal, InvalidArgument, NotFound, UnusableAnswer
from services.billing.errors import InsufficientCredits
from tests.integration.orchestrator.crashes.paths import PATHS, is_call
from tests.integration.orchestrator.crashes.supply import Supply
from tests.integration.orchestrator.crashes.walk import Walk
from tests.integration.orchestrator.crashes.witness import Witness, changes
from tests.integration.orchestrator.workers import Act, Worker, failing, make_due
from tests.lives import Life

Run = orchestrator_pb2.Run
_FREED = ("Release", "freed")
_LEFT = (*_FREED, "AbandonWork", "end")


@dataclass(frozen=True)
class Trouble:
    """What goes wrong.

    Args:
        function: for whose steps.
        at: the call that it comes before.
        path: what the worker does then, until the step has ended or is put back.
        fault: what is raised there.
    """

    function: str
    at: str
    path: tuple[str, ...]
    fault: Fault = field(default_factory=lambda: Internal("A fault of ours."))

    @property
    def begins(self) -> int:
        """How many calls and commits come before what is done about it."""
        return PATHS[self.function].index(self.at) + 1

    def lives(self, act: Act) -> list[Life]:
        """Workers that stop at every point of it, and one that does not."""
        return [Life(self.begins + further, before={self.at: act}) for further in range(len(self.path) + 1)]

    def check_path(self, unstopped: Life) -> None:
        """Check that a worker does what is said here."""
        assert unstopped.seen[self.begins :] == [name if is_call(name) else "commit" for name in self.path]


REFUSED, GONE = InvalidArgument("The prompt is refused."), NotFound("It is gone.")
POOR, USELESS = InsufficientCredits(needed=2, available=0, held=0), UnusableAnswer("No.")
LASTING = {
    "a model refuses a text": Trouble("generate_content", "Complete", _LEFT, REFUSED),
    "a model refuses a picture": Trouble("generate_image", "GenerateImage", _LEFT, REFUSED),
    "nothing can be prepared": Trouble("generate_content", "PrepareWork", ("AbandonWork", "end"), GONE),
    "the owner refuses ideas": Trouble("generate_ideas", "ApplyWork", ("unsent", *_LEFT), GONE),
    "the owner refuses to cluster": Trouble("cluster_keywords", "ApplyWork", ("unsent", *_LEFT), GONE),
    "the owner refuses a task": Trouble("create_tasks", "ApplyWork", ("unsent", "AbandonWork", "end"), GONE),
}
PASSING = {
    "an answer is of no use": Trouble("generate_ideas", "ApplyWork", ("unsent", "put back"), USELESS),
    "a provider is away": Trouble("generate_image", "GenerateImage", ("put back",)),
}
NO_CREDITS = Trouble("generate_content", "Reserve", ("paused", *_LEFT), POOR)
STOPPED = Trouble("generate_content", "Complete", ("answer", *_LEFT))


@pytest.mark.parametrize("trouble", LASTING.values(), ids=LASTING)
def test_what_cannot_be_done_fails_once_and_costs_nothing(supply: Supply, witness: Witness, trouble: Trouble) -> None:
    house, act = supply.owner.house, failing(trouble.fault)
    unstopped, *others = reversed(trouble.lives(act))
    for run, lives in supply.runs(trouble.function, [unstopped, *others]):
        witness.read_balance()
        with Walk(house, lives) as walk:
            trouble.check_path(unstopped)
            successor = Worker(house, before={trouble.at: act})
            make_due(house)
            while successor.round():
                make_due(house)
            witness.check(run.id, trouble.function, failed=len(lives))
            before = witness.everything()
            walk.wake()
            assert changes(before, witness.everything()) == []
        assert supply.owner.read(run.id).status == Run.STATUS_FAILED


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
def test_what_goes_wrong_once_is_done_in_the_end(supply: Supply, witness: Witness, trouble: Trouble) -> None:
    house = supply.owner.house
    for run, lives in supply.runs(trouble.function, trouble.lives(failing(trouble.fault))):
        witness.read_balance()
        with Walk(house, lives) as walk:
            trouble.check_path(lives[-1])
            make_due(house)
            house.work()
            witness.check(run.id, trouble.function, succeeded=len(lives))
            before = witness.everything()
            walk.wake()
            assert changes(before, witness.everything()) == []


class Stopping:
    """A run whose workers all meet at one call, when it is stopped; one that came early would stop the others there.

    Args:
        supply: of its steps.
        trouble: what the workers do about it.
    """

    def __init__(self, supply: Supply, trouble: Trouble) -> None:
        self.trouble, self.owner = trouble, supply.owner
        self.run_id = supply.start(trouble.function, len(trouble.path) + 1).id
        self._meeting = threading.Barrier(len(trouble.path) + 1)

    def lives(self, act: Act) -> list[Life]:
        """Workers that do something together, and stop at every point of what follows."""

        def together() -> None:
            self._meeting.wait(timeout=30)
            act()

        return self.trouble.lives(together)

    def change(self, verb: str) -> Act:
        """Return an act that pauses or cancels the run."""
        return lambda: self.owner.change(verb, self.run_id)

    @property
    def status(self) -> int:
        """How the run is now."""
        return self.owner.read(self.run_id).status


@pytest.mark.parametrize("trouble", [NO_CREDITS, STOPPED], ids=["by a lack of credits", "by a person"])
def test_paused_it_holds_nothing_and_resumed_it_does_everything_once(
    supply: Supply, witness: Witness, trouble: Trouble
) -> None:
    house, stopping = supply.owner.house, Stopping(supply, trouble)
    lives = stopping.lives(failing(trouble.fault) if trouble is NO_CREDITS else stopping.change("Pause"))
    witness.read_balance()
    with Walk(house, lives) as walk:
        trouble.check_path(lives[-1])
        make_due(house)
        house.work()
        assert stopping.status == Run.STATUS_PAUSED
        assert supply.owner.balance().held == 0
        supply.owner.change("Resume", stopping.run_id)
        make_due(house)
        house.work()
        witness.check(stopping.run_id, trouble.function, succeeded=len(lives))
        before = witness.everything()
        walk.wake()
        assert changes(before, witness.everything()) == []


def test_cancelled_it_leaves_nothing_behind(supply: Supply, witness: Witness) -> None:
    house, stopping = supply.owner.house, Stopping(supply, STOPPED)
    lives = stopping.lives(stopping.change("Cancel"))
    witness.read_balance()
    with Walk(house, lives) as walk:
        STOPPED.check_path(lives[-1])
        make_due(house)
        house.work()
        witness.check(stopping.run_id, STOPPED.function, cancelled=len(lives))
        before = witness.everything()
        walk.wake()
        assert changes(before, witness.everything()) == []


def test_a_worker_that_found_no_credits_and_slept_does_not_pause_one_that_found_some(
    supply: Supply, witness: Witness
) -> None:
    house, owner = supply.owner.house, supply.owner
    run = supply.start(NO_CREDITS.function, 2)
    witness.read_balance()
    poor = Life(NO_CREDITS.begins, before={NO_CREDITS.at: failing(POOR)})
    with Walk(house, [poor, Life(0)]) as walk:
        make_due(house, [step for step, life in walk.lives.items() if life is poor])
        house.work(rounds=20)
        assert owner.read(run.id).stages[0].succeeded == 1
        walk.wake()
    assert owner.read(run.id).status == Run.STATUS_COMPLETED
    witness.check(run.id, NO_CREDITS.function, succeeded=2)
