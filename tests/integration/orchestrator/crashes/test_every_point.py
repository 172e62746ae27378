"""A worker stops at a point of a step, and its successor ends the step, once; then it wakes, and changes nothing."""

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2

from tests.integration.orchestrator.crashes.paths import PATHS, is_call, points
from tests.integration.orchestrator.crashes.supply import Supply
from tests.integration.orchestrator.crashes.walk import Walk
from tests.integration.orchestrator.crashes.witness import Witness, changes
from tests.integration.orchestrator.workers import make_due
from tests.lives import Life


@pytest.mark.parametrize("function", PATHS)
def test_stopped_anywhere_it_is_followed_by_another_and_wakes_in_vain(
    supply: Supply, witness: Witness, function: str
) -> None:
    house, unstopped = supply.owner.house, Life(len(PATHS[function]))
    for run, lives in supply.runs(function, [unstopped, *map(Life, points(function))]):
        witness.read_balance()
        with Walk(house, lives) as walk:
            assert unstopped.seen == [name if is_call(name) else "commit" for name in PATHS[function]]
            make_due(house)
            house.work()
            witness.check(run.id, function, succeeded=len(lives))
            before = witness.everything()
            walk.wake()
            assert changes(before, witness.everything()) == []
        assert supply.owner.read(run.id).status == orchestrator_pb2.Run.STATUS_COMPLETED


@pytest.mark.parametrize("function", PATHS)
def test_a_call_that_two_workers_make_at_once_counts_once(supply: Supply, witness: Witness, function: str) -> None:
    house = supply.owner.house
    calls = [place for place in points(function) if is_call(PATHS[function][place])]
    for run, lives in supply.runs(function, [Life(stop, twice=True) for stop in calls]):
        witness.read_balance()
        with Walk(house, lives):
            make_due(house)
            house.work()
        witness.check(run.id, function, succeeded=len(lives))
