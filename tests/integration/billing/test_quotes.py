"""Quotes beyond their first acceptance: another one of the same run, and the prices that one was shown with."""

from igny8.billing.v1 import billing_pb2

from chassis.errors import Kind
from chassis.testing.service import Caller
from tests.integration.billing.calls import S, Stub, accepted, line, quoted, refused, wanted


def again(caller: Caller, stub: Stub, quote: billing_pb2.Quote) -> billing_pb2.Quote:
    read: billing_pb2.Quote = caller.call(stub.GetQuote, S.GetQuoteRequest(quote_id=quote.id))
    return read


def runs_limit(quote: billing_pb2.Quote) -> int:
    """What the run may cost in all, as the proto says it is worked out."""
    return int(quote.earlier_captured_credits + quote.earlier_held_credits + quote.limit_credits)


class TestAnotherQuoteOfTheRun:
    def test_takes_the_place_of_the_one_before(self, stub: Stub, caller: Caller) -> None:
        first = accepted(caller, stub, line("content", 1_000))
        caller.call(stub.Reserve, wanted(first, 500, "a"))
        second = accepted(caller, stub, line("content", 1_000), run_id=first.run_id)
        fault = refused(caller, stub.Reserve, wanted(first, 100, "b"))
        assert (fault.code, fault.reason) == (Kind.ABORTED, "QUOTE_REPLACED")
        assert caller.call(stub.Reserve, wanted(first, 500, "a")).credits == 5  # what it holds, it holds
        assert caller.call(stub.Capture, S.CaptureRequest(key="a", quantity=400)).captured_credits == 4
        assert caller.call(stub.Reserve, wanted(second, 1_000, "c")).credits == 10
        assert again(caller, stub, first).HasField("replace_time")
        assert not again(caller, stub, second).HasField("replace_time")

    def test_says_what_the_run_may_cost_in_all(self, stub: Stub, caller: Caller) -> None:
        first = accepted(caller, stub, line("content", 1_000))
        assert (runs_limit(first), first.earlier_captured_credits, first.earlier_held_credits) == (10, 0, 0)
        caller.call(stub.Reserve, wanted(first, 300, "a"))
        caller.call(stub.Capture, S.CaptureRequest(key="a", quantity=200))
        caller.call(stub.Reserve, wanted(first, 400, "b"))
        second = accepted(caller, stub, line("content", 700), run_id=first.run_id)
        assert (second.earlier_captured_credits, second.earlier_held_credits, runs_limit(second)) == (2, 4, 13)
        caller.call(stub.Capture, S.CaptureRequest(key="b", quantity=100))  # later, under the first
        third = accepted(caller, stub, line("content", 500), run_id=first.run_id)
        assert (third.earlier_captured_credits, third.earlier_held_credits) == (3, 0)
        assert runs_limit(again(caller, stub, first)) == 10  # only those before it count

    def test_of_another_run_changes_nothing(self, stub: Stub, caller: Caller) -> None:
        first, other = (accepted(caller, stub, line("content", 1_000)) for _ in range(2))
        assert first.run_id != other.run_id
        caller.call(stub.Reserve, wanted(first, 500, "a"))
        read = again(caller, stub, other)
        assert (read.earlier_captured_credits, read.earlier_held_credits) == (0, 0)
        assert caller.call(stub.Reserve, wanted(first, 500, "b")).credits == 5


class TestPrices:
    def test_a_line_says_at_which_price_version(self, stub: Stub, caller: Caller) -> None:
        costs = caller.call(stub.ListCreditCosts, S.ListCreditCostsRequest(filter="active = true")).credit_costs
        versions = {cost.operation: cost.id for cost in costs}
        lines = quoted(caller, stub, line("content", 1_000), line("image", 3, pieces=3)).lines
        assert [(item.unit, item.unit_credits, item.credit_cost_id) for item in lines] == [
            (billing_pb2.CreditCost.UNIT_100_WORDS, 1, versions["content"]),
            (billing_pb2.CreditCost.UNIT_IMAGE, 5, versions["image"]),
        ]
