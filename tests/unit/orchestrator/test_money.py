"""What billing is told when a step's work is booked."""

from typing import Any

import pytest
from igny8.common.v1.functions_pb2 import AiAnswer, Provenance

from chassis.ids import new_id
from services.orchestrator import clients

ORIGIN = Provenance(provider="openai", model="m", input_tokens=11, output_tokens=7)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, ("", "", 0, 0, None)),
        (AiAnswer(provenance=ORIGIN), ("openai", "m", 11, 7, None)),
        (AiAnswer(provenance=ORIGIN, cost_usd_micro=98), ("openai", "m", 11, 7, 98)),
    ],
)
def test_a_capture_says_who_did_it_and_what_that_cost(answer: AiAnswer | None, told: tuple[Any, ...]) -> None:
    request = clients.capture("step:1", 100, "task", new_id(), answer).request
    cost = request.cost_usd_micro if request.HasField("cost_usd_micro") else None
    assert (request.provider, request.model, request.input_tokens, request.output_tokens, cost) == told
