"""The step that plans a stage, by a worker that stops at every point of it."""

from igny8.orchestrator.v1 import orchestrator_pb2

from tests.integration.orchestrator.crashes.paths import PLAN, is_call
from tests.integration.orchestrator.crashes.supply import Supply
from tests.integration.orchestrator.crashes.walk import Walk
from tests.integration.orchestrator.crashes.witness import Witness, changes
from tests.integration.orchestrator.workers import make_due
from tests.lives import Life

Run = orchestrator_pb2.Run
ITEMS = 2


def runs(supply: Supply, count: int) -> list[str]:
    """Start so many runs of some items each; nothing of them is planned."""
    subjects = supply.subjects("create_tasks", count * ITEMS)
    named = [subjects[first : first + ITEMS] for first in range(0, len(subjects), ITEMS)]
    return [supply.start_unplanned("create_tasks", some).id for some in named]


def test_a_stage_is_planned_once_whoever_planned_it_before(supply: Supply, witness: Witness) -> None:
    house, lives = supply.owner.house, [Life(stop) for stop in range(len(PLAN) + 1)]
    begun = runs(supply, len(lives))
    witness.read_balance()
    with Walk(house, lives) as walk:
        assert lives[-1].seen == [name if is_call(name) else "commit" for name in PLAN]
        make_due(house)
        house.work()
        for run_id in begun:
            witness.check(run_id, "create_tasks", succeeded=ITEMS)
            assert supply.owner.read(run_id).status == Run.STATUS_COMPLETED
        before = witness.everything()
        walk.wake()
        assert changes(before, witness.everything()) == []


def test_a_run_that_was_cancelled_while_it_was_planned_has_no_items(supply: Supply, witness: Witness) -> None:
    house, lives = supply.owner.house, [Life(stop) for stop in range(len(PLAN))]
    begun = runs(supply, len(lives))
    with Walk(house, lives) as walk:
        for run_id in begun:
            supply.owner.change("Cancel", run_id)
        make_due(house)
        house.work()
        assert not [step for run_id in begun for step in supply.owner.steps(run_id, function="create_tasks")]
        before = witness.everything()
        walk.wake()
        assert changes(before, witness.everything()) == []
    for run_id in begun:
        assert supply.owner.read(run_id).status == Run.STATUS_CANCELLED
        (planned,) = supply.owner.steps(run_id)
        assert planned.status == orchestrator_pb2.Step.STATUS_CANCELLED
