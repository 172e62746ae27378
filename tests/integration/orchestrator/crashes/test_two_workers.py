"""A worker wakes, and makes the call it was about to make, while its successor is at any point of the same step."""

from itertools import product

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from tests.integration.orchestrator.crashes.paths import PATHS, is_call
from tests.integration.orchestrator.crashes.supply import Supply
from tests.integration.orchestrator.crashes.walk import Walk
from tests.integration.orchestrator.crashes.witness import Witness
from tests.integration.orchestrator.workers import make_due
from tests.lives import Life

_FURTHEST = 10  # calls and commits of a successor that must free the hold of a worker before it
_UNWINDING = 5  # of one that only undoes


def calls(function: str, until: str = "end") -> list[int]:
    """Return after how many calls and commits a worker stands before a call of its own to somebody."""
    path = PATHS[function]
    return [place for place in range(1, path.index(until)) if is_call(path[place])]


@pytest.mark.parametrize("function", ["generate_content", "create_tasks"])
def test_a_late_call_between_any_two_of_its_successor_does_no_harm(
    supply: Supply, witness: Witness, function: str
) -> None:
    house = supply.owner.house
    pairs = list(product(calls(function), range(_FURTHEST + 1)))
    run = supply.start(function, len(pairs))
    witness.read_balance()
    with Walk(house, [Life(stop) for stop, _ in pairs]) as late:
        make_due(house)
        with Walk(house, [Life(stop, may_end=True) for _, stop in pairs], late.lives) as successors:
            late.wake()
            successors.wake()
    make_due(house)
    house.work()
    witness.check(run.id, function, succeeded=len(pairs))


@pytest.mark.parametrize("function", ["generate_content", "generate_image"])
def test_a_late_call_between_any_two_that_undo_a_cancelled_step_does_no_harm(
    supply: Supply, witness: Witness, function: str
) -> None:
    house, owner = supply.owner.house, supply.owner
    pairs = list(product(calls(function, until="sent"), range(_UNWINDING + 1)))
    run = supply.start(function, len(pairs))
    subjects = {step.subject_id for step in owner.steps(run.id, function=function)}
    witness.read_balance()
    with Walk(house, [Life(stop) for stop, _ in pairs]) as late:
        owner.change("Cancel", run.id)
        make_due(house)
        with Walk(house, [Life(stop, may_end=True) for _, stop in pairs], late.lives) as successors:
            late.wake()
            successors.wake()
    assert owner.read(run.id).status == orchestrator_pb2.Run.STATUS_CANCELLED
    witness.check(run.id, function, cancelled=len(pairs))
    assert subjects <= set(supply.waiting(function, 1000)), "what was not done can be done by another run"
