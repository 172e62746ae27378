"""A run is cancelled or paused while a worker of it is frozen anywhere: between Apply and Capture, say."""

from contextlib import closing

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from tests.house import House
from tests.integration.orchestrator.crashes.paths import PATHS, points, sent
from tests.integration.orchestrator.crashes.supply import Supply, open_supply
from tests.integration.orchestrator.crashes.walk import Walk
from tests.integration.orchestrator.crashes.witness import Witness, changes
from tests.integration.orchestrator.workers import make_due
from tests.lives import Life

Run = orchestrator_pb2.Run


def but_asked(lines: list[str]) -> list[str]:
    """Leave out what a worker that froze just before it asked a model asks when it wakes: nobody hears the answer."""
    return [line for line in lines if not line.startswith("ai + ai_call:")]


@pytest.mark.parametrize("function", PATHS)
def test_cancelled_what_was_sent_is_captured_and_all_else_undone(
    supply: Supply, witness: Witness, function: str
) -> None:
    house = supply.owner.house
    for run, lives in supply.runs(function, [Life(stop) for stop in points(function)]):
        witness.read_balance()
        subjects = {step.subject_id for step in supply.owner.steps(run.id, function=function)}
        with Walk(house, lives) as walk:
            supply.owner.change("Cancel", run.id)
            make_due(house)
            house.work()
            done = sum(life.stop >= sent(function) for life in lives)
            witness.check(run.id, function, succeeded=done, cancelled=len(lives) - done)
            before = witness.everything()
            walk.wake()
            assert but_asked(changes(before, witness.everything())) == []
        assert supply.owner.read(run.id).status == Run.STATUS_CANCELLED
        if function != "import_keywords":  # whose subject is only made by it
            again = subjects & set(supply.waiting(function, 1000))
            assert len(again) == len(lives) - done, "what was not done can be done by another run"


@pytest.mark.parametrize("function", PATHS)
def test_paused_nothing_is_held_and_resumed_it_ends_once(supply: Supply, witness: Witness, function: str) -> None:
    house, owner = supply.owner.house, supply.owner
    for run, lives in supply.runs(function, [Life(stop) for stop in points(function)]):
        witness.read_balance()
        with Walk(house, lives) as walk:
            owner.change("Pause", run.id)
            make_due(house)
            house.work()
            done = sum(life.stop >= sent(function) for life in lives)
            assert owner.read(run.id).stages[0].succeeded == done
            assert owner.balance().held == 0
            before = witness.everything()
            walk.wake()
            assert but_asked(changes(before, witness.everything())) == []
        if done < len(lives):
            owner.change("Resume", run.id)
        make_due(house)
        house.work()
        witness.check(run.id, function, succeeded=len(lives))


@pytest.mark.parametrize("gone", ["delete_site", "suspend"])
def test_its_site_deleted_or_its_account_suspended_it_ends_as_it_stands(house: House, gone: str) -> None:
    """What was sent to its owner is captured, all else fails and holds nothing."""
    function, supply = "generate_ideas", open_supply(house)
    with closing(Witness(supply.owner)) as witness:
        lives = [Life(stop) for stop in points(function)]
        run = supply.start(function, len(lives))
        witness.read_balance()
        with Walk(house, lives) as walk:
            getattr(supply.owner, gone)()
            make_due(house)
            house.work()
            done = sum(life.stop >= sent(function) for life in lives)
            witness.check(run.id, function, succeeded=done, failed=len(lives) - done)
            before = witness.everything()
            walk.wake()
            assert but_asked(changes(before, witness.everything())) == []
