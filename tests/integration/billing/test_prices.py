"""Prices are versions: the next one takes the place of the last, and what is held at one is captured at it."""

from collections.abc import Iterator
from typing import Any

import pytest
from igny8.billing.v1 import billing_pb2

from chassis.database import Database
from chassis.testing.clock import FakeClock
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import Caller, Running, serving
from services.billing.__main__ import offers
from tests.integration.billing.calls import S, Stub, accepted, line, opened, quoted, refused, wanted

ITEM, REQUEST = billing_pb2.CreditCost.UNIT_ITEM, billing_pb2.CreditCost.UNIT_REQUEST


@pytest.fixture(scope="module")
def service(databases: TemplateDatabases) -> Iterator[Running]:
    """Billing with a catalogue of its own: prices are everybody's."""
    with databases.fresh("billing") as urls:
        database, sweep = Database(urls.app), Database(urls.sweep)
        with serving("billing", offers(database, sweep, FakeClock())) as running:
            yield running
        database.close()
        sweep.close()


def request(operation: str, **more: Any) -> S.SetCreditCostRequest:
    return S.SetCreditCostRequest(**{"operation": operation, "reason": "dearer", "request_id": operation, **more})


def versions(caller: Caller, stub: Stub, operation: str) -> list[tuple[int, int, bool]]:
    listed = caller.call(stub.ListCreditCosts, S.ListCreditCostsRequest(filter=f'operation = "{operation}"'))
    return [(cost.version, cost.credits, cost.active) for cost in listed.credit_costs]


class TestSetCreditCost:
    def test_a_new_version_takes_the_place_of_the_last(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("linking", 8))
        caller.call(stub.Reserve, wanted(quote, 4, "before", operation="linking"))
        made = caller.call(stub.SetCreditCost, request("linking", credits=2))
        assert (made.version, made.credits, made.previous_credits, made.active) == (2, 2, 1, True)
        assert (made.unit, made.display_name, made.change_reason) == (ITEM, "Internal linking", "dearer")
        assert made.changed_by == f"user:{caller.passport.actor_id}"
        assert versions(caller, stub, "linking") == [(1, 1, False), (2, 2, True)]
        assert caller.call(stub.Reserve, wanted(quote, 2, "after", operation="linking")).credit_cost_id == made.id
        assert caller.call(stub.Capture, S.CaptureRequest(key="before", quantity=4)).captured_credits == 4
        assert caller.call(stub.Capture, S.CaptureRequest(key="after", quantity=2)).captured_credits == 4
        shown = quoted(caller, stub, line("linking", 8)).lines[0]
        assert (shown.unit_credits, shown.credit_cost_id, shown.expected_credits) == (2, made.id, 16)

    def test_once_twice_and_with_other_parameters(self, stub: Stub, caller: Caller) -> None:
        made = caller.call(stub.SetCreditCost, request("idea", credits=3))
        assert caller.call(stub.SetCreditCost, request("idea", credits=3)) == made
        for other in ({"credits": 4}, {"credits": 3, "active": False}, {"credits": 3, "display_name": "x"}):
            assert refused(caller, stub.SetCreditCost, request("idea", **other)).reason == "KEY_REUSED"
        assert len(versions(caller, stub, "idea")) == 2

    def test_a_repeat_is_answered_after_another_version_was_set(self, stub: Stub, caller: Caller) -> None:
        first = caller.call(stub.SetCreditCost, request("image", credits=6))
        caller.call(stub.SetCreditCost, request("image", credits=7, request_id="later"))
        again = caller.call(stub.SetCreditCost, request("image", credits=6))
        assert (again.id, again.active) == (first.id, False)
        assert versions(caller, stub, "image")[-1] == (3, 7, True)

    def test_taken_out_of_the_catalogue_it_costs_what_the_product_ships_with(self, stub: Stub, caller: Caller) -> None:
        caller.call(stub.SetCreditCost, request("image_prompt", credits=9))
        caller.call(stub.SetCreditCost, request("image_prompt", active=False, request_id="off"))
        assert versions(caller, stub, "image_prompt") == [(1, 1, False), (2, 9, False), (3, 9, False)]
        shown = quoted(caller, stub, line("image_prompt", 5)).lines[0]
        assert (shown.unit_credits, shown.credit_cost_id, shown.expected_credits) == (1, "", 5)
        quote = accepted(caller, stub, line("image_prompt", 5))
        hold = caller.call(stub.Reserve, wanted(quote, 5, "constant", operation="image_prompt"))
        assert (hold.credits, hold.credit_cost_id) == (5, "")

    def test_a_new_operation_can_be_reserved_and_withdrawn_again(self, stub: Stub, caller: Caller) -> None:
        made = caller.call(stub.SetCreditCost, request("translation", credits=3, unit=REQUEST))
        assert (made.version, made.display_name, made.HasField("previous_credits")) == (1, "translation", False)
        quote = accepted(caller, stub, line("translation", 2))
        assert caller.call(stub.Reserve, wanted(quote, 2, "t", operation="translation")).credits == 6
        caller.call(stub.SetCreditCost, request("translation", active=False, request_id="off2"))
        fault = refused(caller, stub.Reserve, wanted(quote, 1, "u", operation="translation"))
        assert fault.reason == "UNKNOWN_OPERATION"
        assert "'translation' has no price; use one of clustering, content, idea" in fault.message

    @pytest.mark.parametrize(
        ("other", "field"),
        [
            ({"operation": "Dancing"}, "operation"),
            ({"operation": "x" * 61}, "operation"),
            ({"operation": "dancing", "unit": ITEM}, "credits"),
            ({"operation": "dancing", "credits": 1}, "unit"),
            ({"operation": "content", "credits": -1}, "credits"),
            ({"operation": "content", "credits": 10**6 + 1}, "credits"),
            ({"operation": "content", "credits": 1, "display_name": "x" * 101}, "display_name"),
            ({"operation": "content", "credits": 1, "reason": ""}, "reason"),
        ],
    )
    def test_what_makes_no_sense_is_named(self, stub: Stub, caller: Caller, other: dict[str, Any], field: str) -> None:
        fault = refused(caller, stub.SetCreditCost, request(**{"request_id": "wrong", **other}))
        assert [v.field for v in fault.violations] == [field]
        assert len(versions(caller, stub, "content")) == 1


def test_a_price_is_the_same_for_another_account(service: Running, stub: Stub, caller: Caller) -> None:
    caller.call(stub.SetCreditCost, request("optimization", credits=4))
    other = service.caller()
    opened(service, other)
    assert quoted(other, stub, line("optimization", 200)).lines[0].expected_credits == 4
