"""A real process that the operating system stops for longer than the lease, and lets go on."""

import json
import signal
import subprocess
import sys
import time

from tests.house import House
from tests.integration.orchestrator.crashes.supply import Supply
from tests.integration.orchestrator.crashes.witness import Witness, changes
from tests.integration.orchestrator.workers import make_due

STEPS = 12


def begin(house: House) -> "subprocess.Popen[str]":
    """Start a worker, and return when it has claimed what is due for texts."""
    told = {"addresses": house.peer_addresses, "key": house.key, "sweep_url": house.databases["orchestrator"].sweep}
    command = [
        sys.executable,
        "-m",
        "tests.integration.orchestrator.crashes.child",
        json.dumps({**told, "lane": "text"}),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert int(process.stdout.readline()) == STEPS
    return process


def test_stopped_for_longer_than_its_lease_it_goes_on_in_vain(supply: Supply, witness: Witness) -> None:
    house = supply.owner.house
    run = supply.start("generate_content", STEPS)
    witness.read_balance()
    process = begin(house)
    try:
        steps = [step.id for step in supply.owner.steps(run.id, function="generate_content")]
        asked = "SELECT 1 FROM ai_call WHERE split_part(request_id, ':', 1) = ANY(:steps)"
        while not witness.rows("ai", asked, steps=steps):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGSTOP)
        assert supply.owner.read(run.id).stages[0].succeeded < STEPS, "it was stopped too late"
        make_due(house)
        house.work()
        witness.check(run.id, "generate_content", succeeded=STEPS)
        before = witness.everything()
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=60) == 0
        assert changes(before, witness.everything()) == []
    finally:
        process.kill()
        process.communicate()
