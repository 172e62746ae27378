"""Over gRPC: what the engine does with quotes and holds, and what others see of it."""

import pytest
from igny8.billing.v1 import billing_pb2

from chassis.errors import Kind
from chassis.ids import new_id
from chassis.testing.clock import FakeClock
from chassis.testing.service import Caller, Running, a_site
from tests.integration.billing.calls import S, Stub, accepted, balance, line, opened, quoted, refused, wanted


class TestQuotes:
    def test_a_quote_lists_its_work_with_expected_and_limit(self, stub: Stub, caller: Caller) -> None:
        quote = quoted(caller, stub, line("content", 2_400, 6_000, 2), line("image", 6, 6, 6))
        assert [(item.expected_credits, item.limit_credits) for item in quote.lines] == [(24, 61), (30, 30)]
        assert (quote.expected_credits, quote.limit_credits) == (54, 72)  # 24 + 30, and a piece of 30 instead of 12
        assert caller.passport.site is not None
        assert quote.site_id == str(caller.passport.site.id)
        assert caller.call(stub.GetQuote, S.GetQuoteRequest(quote_id=quote.id)) == quote

    def test_a_run_with_nothing_to_do_has_a_quote_of_nothing(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub)
        assert (list(quote.lines), quote.expected_credits, quote.limit_credits) == ([], 0, 0)
        assert refused(caller, stub.Reserve, wanted(quote, 1)).reason == "QUOTE_EXHAUSTED"

    def test_once_twice_and_with_other_parameters(self, stub: Stub, caller: Caller) -> None:
        request = S.CreateQuoteRequest(request_id="r1", lines=[line("content", 100)])
        first = caller.call(stub.CreateQuote, request)
        assert caller.call(stub.CreateQuote, request) == first
        request.lines[0].expected_quantity = 99
        assert refused(caller, stub.CreateQuote, request).reason == "KEY_REUSED"

    @pytest.mark.parametrize(
        ("item", "field"),
        [
            (line("content", 10, 9), "lines[0].expected_quantity"),
            (line("content", 10, 10, 0), "lines[0].pieces"),
            (line("content", -1, 10), "lines[0].expected_quantity"),
            (line("content", 1, 10**9 + 1), "lines[0].limit_quantity"),
            (line("dancing", 1), "lines[0].operation"),
        ],
    )
    def test_a_line_that_makes_no_sense_is_named(
        self, stub: Stub, caller: Caller, item: billing_pb2.QuoteLine, field: str
    ) -> None:
        fault = refused(caller, stub.CreateQuote, S.CreateQuoteRequest(request_id="r1", lines=[item]))
        assert (fault.code, [v.field for v in fault.violations]) == (Kind.INVALID_ARGUMENT, [field])
        assert fault.reason == ("UNKNOWN_OPERATION" if item.operation == "dancing" else "INVALID_ARGUMENT")

    def test_it_belongs_to_one_run(self, stub: Stub, caller: Caller) -> None:
        quote, run_id = quoted(caller, stub, line("content", 100)), str(new_id())
        request = S.AcceptQuoteRequest(quote_id=quote.id, run_id=run_id)
        assert caller.call(stub.AcceptQuote, request) == caller.call(stub.AcceptQuote, request)
        request.run_id = str(new_id())
        assert refused(caller, stub.AcceptQuote, request).reason == "KEY_REUSED"
        other_run = wanted(quote, 100, run_id=request.run_id)
        assert refused(caller, stub.Reserve, other_run).reason == "KEY_REUSED"

    def test_too_few_credits_say_how_many_and_what_to_do(self, stub: Stub, caller: Caller) -> None:
        quote = quoted(caller, stub, line("content", 6_000))
        fault = refused(caller, stub.AcceptQuote, S.AcceptQuoteRequest(quote_id=quote.id, run_id=str(new_id())))
        assert fault.reason == "INSUFFICIENT_CREDITS"
        assert fault.metadata == {"needed": "60", "available": "50", "held": "0", "held_by_others": "0"}
        assert "60 credits are needed and 50 are available" in fault.message
        assert "Buy credits" in fault.message

    def test_it_ends_after_a_day_unless_a_run_has_it(self, service: Running, stub: Stub, clock: FakeClock) -> None:
        caller = service.caller()
        opened(service, caller)
        late, taken = quoted(caller, stub, line("content", 100)), accepted(caller, stub, line("content", 100))
        clock.move(hours=24)
        request = S.AcceptQuoteRequest(quote_id=late.id, run_id=str(new_id()))
        assert refused(caller, stub.AcceptQuote, request).reason == "QUOTE_EXPIRED"
        assert caller.call(stub.Reserve, wanted(taken, 100)).credits == 1

    def test_nothing_is_reserved_before_it_is_accepted(self, stub: Stub, caller: Caller) -> None:
        quote = quoted(caller, stub, line("content", 100))
        assert refused(caller, stub.Reserve, wanted(quote, 100)).reason == "WRONG_STATE"


class TestHolds:
    def test_reserve_capture_and_the_usage(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("content", 1_200, 2_000))
        hold = caller.call(stub.Reserve, wanted(quote, 2_000))
        assert (hold.state, hold.credits, hold.key) == (billing_pb2.Hold.STATE_OPEN, 20, "step:1")
        assert balance(caller, stub) == (50, 20, "free")
        capture = S.CaptureRequest(
            key="step:1", quantity=1_180, object_kind="task", object_id=str(new_id()), provider="offline", model="m"
        )
        done = caller.call(stub.Capture, capture)
        assert (done.state, done.captured_credits) == (billing_pb2.Hold.STATE_CAPTURED, 12)
        assert caller.call(stub.Capture, capture) == done
        assert balance(caller, stub) == (38, 0, "free")
        usage = caller.call(stub.ListCreditUsages, S.ListCreditUsagesRequest(filter='operation = "content"'))
        assert [(u.quantity, u.credits, u.provider, u.object_id) for u in usage.credit_usages] == [
            (1_180, 12, "offline", capture.object_id)
        ]
        used = caller.call(stub.GetQuote, S.GetQuoteRequest(quote_id=quote.id))
        assert (used.captured_credits, used.held_credits) == (12, 0)

    def test_a_quote_that_is_used_up_says_whether_waiting_helps(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("content", 1_000, 2_000, 2), max_credits=15)
        caller.call(stub.Reserve, wanted(quote, 1_000, "a"))
        fault = refused(caller, stub.Reserve, wanted(quote, 1_000, "b"))
        assert fault.reason == "QUOTE_EXHAUSTED"
        assert fault.metadata == {
            "needed": "10",
            "limit": "15",
            "captured": "0",
            "held": "10",
            "held_by_others": "10",
        }
        caller.call(stub.Capture, S.CaptureRequest(key="a", quantity=1_000))
        fault = refused(caller, stub.Reserve, wanted(quote, 1_000, "b"))
        assert (fault.metadata["held_by_others"], fault.metadata["captured"]) == ("0", "10")
        assert "Accept another quote" in fault.message
        assert caller.call(stub.Reserve, wanted(quote, 500, "b")).credits == 5

    def test_too_few_credits_say_what_others_hold(self, stub: Stub, caller: Caller) -> None:
        first, second = (accepted(caller, stub, line("content", 4_000)) for _ in range(2))
        caller.call(stub.Reserve, wanted(first, 4_000, "a"))
        fault = refused(caller, stub.Reserve, wanted(second, 4_000, "b"))
        assert fault.reason == "INSUFFICIENT_CREDITS"
        assert fault.metadata == {"needed": "40", "available": "10", "held": "40", "held_by_others": "40"}
        assert balance(caller, stub) == (50, 40, "free")
        caller.call(stub.Release, S.ReleaseRequest(key="a"))
        assert caller.call(stub.Reserve, wanted(second, 4_000, "b")).credits == 40

    def test_a_release_of_nothing_counts_as_freed(self, stub: Stub, caller: Caller, stranger: Caller) -> None:
        for somebody in (caller, stranger):
            assert somebody.call(stub.Release, S.ReleaseRequest(key="none")).released_credits == 0

    @pytest.mark.parametrize(
        ("operation", "quantity", "reason", "field"),
        [
            ("dancing", 1, "UNKNOWN_OPERATION", "operation"),
            ("content", -1, "INVALID_ARGUMENT", "quantity"),
            ("content", 0, "INVALID_ARGUMENT", "quantity"),
            ("content", 10**9 + 1, "INVALID_ARGUMENT", "quantity"),
        ],
    )
    def test_what_makes_no_sense_is_named(
        self, stub: Stub, caller: Caller, operation: str, quantity: int, reason: str, field: str
    ) -> None:
        quote = accepted(caller, stub, line("content", 100))
        fault = refused(caller, stub.Reserve, wanted(quote, quantity, operation=operation))
        assert (fault.reason, [v.field for v in fault.violations]) == (reason, [field])

    def test_capture_says_why_not(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("content", 200))
        assert refused(caller, stub.Capture, S.CaptureRequest(key="none")).code is Kind.NOT_FOUND
        caller.call(stub.Reserve, wanted(quote, 100, "a"))
        assert refused(caller, stub.Capture, S.CaptureRequest(key="a", quantity=101)).reason == "CAPTURE_ABOVE_HOLD"
        caller.call(stub.Release, S.ReleaseRequest(key="a"))
        fault = refused(caller, stub.Capture, S.CaptureRequest(key="a", quantity=100))
        assert (fault.reason, fault.metadata["state"]) == ("HOLD_CLOSED", "released")


class TestTenants:
    def test_another_tenants_ids_and_keys_answer_as_missing_ones(
        self, service: Running, stub: Stub, caller: Caller
    ) -> None:
        quote = accepted(caller, stub, line("content", 100))
        caller.call(stub.Reserve, wanted(quote, 100))
        other = service.caller()
        opened(service, other)
        for somebody in (other, caller.at(a_site())):
            for quote_id in (quote.id, str(new_id())):
                accept = S.AcceptQuoteRequest(quote_id=quote_id, run_id=str(new_id()))
                reserve = wanted(quote, 100, str(new_id()))
                reserve.quote_id = quote_id
                for method, request in (
                    (stub.GetQuote, S.GetQuoteRequest(quote_id=quote_id)),
                    (stub.AcceptQuote, accept),
                    (stub.Reserve, reserve),
                ):
                    fault = refused(somebody, method, request)
                    assert (fault.code, fault.message) == (Kind.NOT_FOUND, f"There is no quote {quote_id}.")
            fault = refused(somebody, stub.Capture, S.CaptureRequest(key="step:1", quantity=1))
            assert (fault.code, fault.message) == (Kind.NOT_FOUND, "There is no hold step:1.")
        assert balance(caller, stub) == (50, 1, "free")

    def test_only_the_engine_spends(self, stub: Stub, caller: Caller) -> None:
        person = caller.allowed("read", "write", "manage", "operator")
        assert refused(person, stub.Release, S.ReleaseRequest(key="a")).code is Kind.PERMISSION_DENIED
