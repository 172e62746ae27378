"""What billing is told when a step's work is booked."""

from typing import Any

import pytest

from chassis.ids import new_id
from services.orchestrator import clients

ORIGIN = {"provider": "openai", "model": "m", "input_tokens": "11", "output_tokens": "7"}  # as protobuf's JSON has it


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({}, ("", "", 0, 0, None)),
        ({"provenance": ORIGIN}, ("openai", "m", 11, 7, None)),
        ({"provenance": ORIGIN, "cost_usd_micro": "98"}, ("openai", "m", 11, 7, 98)),
    ],
)
def test_a_capture_says_who_did_it_and_what_that_cost(answer: dict[str, Any], told: tuple[Any, ...]) -> None:
    request = clients.capture("step:1", 100, "task", new_id(), answer).request
    cost = request.cost_usd_micro if request.HasField("cost_usd_micro") else None
    assert (request.provider, request.model, request.input_tokens, request.output_tokens, cost) == told
