"""A hold that asks for more, and one that is captured in parts."""

from datetime import timedelta
from typing import Any

import pytest
from igny8.billing.v1 import billing_pb2

from chassis.testing.service import Caller
from services.billing import repository
from services.billing.domain import DayLimit
from tests.integration.billing.books import Books
from tests.integration.billing.calls import S, Stub, accepted, balance, line, refused, wanted


@pytest.fixture
def rich(books: Books) -> Books:
    books.give(100)
    return books


class TestExtend:
    def test_more_is_set_aside_at_the_price_of_the_hold(self, rich: Books) -> None:
        rich.reserve(rich.quote(), 150, key="a", operation="content")
        answer = rich.extend("a", 250)
        assert (answer.code, answer.credits, answer.state) == ("ok", 4, "open")  # 400 words, and not 2 and 3
        assert rich.balance() == (100, 4)
        assert rich.capture("a", 400).captured_credits == 4
        assert rich.differences() == []

    def test_what_the_begun_unit_covers_costs_nothing_more(self, rich: Books) -> None:
        rich.reserve(rich.quote(), 150, key="a", operation="content")
        assert rich.extend("a", 50).credits == 2
        assert rich.balance() == (100, 2)

    def test_a_hold_of_nothing_may_ask_for_something(self, rich: Books) -> None:
        rich.reserve(rich.quote(), 0, key="a")
        assert rich.extend("a", 3).credits == 3
        assert rich.balance() == (100, 3)
        assert rich.differences() == []

    def test_once_twice_and_with_other_parameters(self, rich: Books) -> None:
        quote_id = rich.quote()
        for key in ("a", "b"):
            rich.reserve(quote_id, 5, key=key)
        first, second = rich.extend("a", 3, extension="x"), rich.extend("a", 3, extension="x")
        assert (first.fresh, second.fresh, second[2:]) == (True, False, first[2:])
        assert rich.extend("a", 4, extension="x").code == "key_reused"
        assert rich.extend("b", 3, extension="x").code == "key_reused"
        assert rich.balance() == (100, 13)

    def test_the_reservation_may_be_repeated_after_it(self, rich: Books) -> None:
        quote_id = rich.quote()
        rich.reserve(quote_id, 5, key="a")
        rich.extend("a", 3)
        again = rich.reserve(quote_id, 5, key="a")
        assert (again.code, again.credits) == ("ok", 8)

    def test_it_fits_where_a_reservation_would(self, rich: Books) -> None:
        for limit, more, day, code in (
            (10, 6, DayLimit(), "quote_exhausted"),
            (1000, 6, DayLimit(10, rich.clock.now()), "daily_limit_reached"),
            (1000, 96, DayLimit(), "insufficient_credits"),
        ):
            rich.reserve(rich.quote(limit), 5, key=code)
            answer = rich.extend(code, more, extension=code, day=day)
            assert (answer.code, answer.needed) == (code, more)
            assert rich.extend(code, more - 1 if code != "insufficient_credits" else 1, extension=code).code == "ok"
            rich.release(code)
        assert rich.balance() == (100, 0)

    def test_a_hold_that_has_ended_or_never_was_takes_no_more(self, rich: Books) -> None:
        quote_id = rich.quote()
        rich.reserve(quote_id, 5, key="captured")
        rich.capture("captured", 5)
        rich.release("never made")
        assert [rich.extend(key, 1).code for key in ("captured", "never made", "none")] == [
            "hold_closed",
            "hold_closed",
            "hold_not_found",
        ]

    def test_it_pins_what_the_hold_has_pinned_already_and_then_others(self, books: Books) -> None:
        books.give(6, name="first")
        books.give(10, name="second")
        books.reserve(books.quote(), 4, key="a")
        books.extend("a", 5)
        assert books.grants() == [("first", 6, 6), ("second", 10, 3)]
        books.capture("a", 7)
        assert books.grants() == [("first", 0, 0), ("second", 9, 0)]
        assert books.differences() == []

    def test_over_the_wire(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("content", 1_000))
        caller.call(stub.Reserve, wanted(quote, 500, "a"))
        request = S.ExtendHoldRequest(key="a", extension_key="a:1", quantity=400)
        assert caller.call(stub.ExtendHold, request).credits == 9
        assert caller.call(stub.ExtendHold, request).credits == 9
        request.extension_key = "a:2"
        assert refused(caller, stub.ExtendHold, request).reason == "QUOTE_EXHAUSTED"
        request.key = "b"
        assert refused(caller, stub.ExtendHold, request).message == "There is no hold b."
        assert balance(caller, stub) == (50, 9, "free")

    @pytest.mark.parametrize(
        ("other", "field"),
        [
            ({"quantity": -1}, "quantity"),
            ({"quantity": 10**9 + 1}, "quantity"),
            ({"extension_key": "x" * 201}, "extension_key"),
            ({"day_limit_credits": 1}, "day_start_time"),
        ],
    )
    def test_what_makes_no_sense_is_named(self, stub: Stub, caller: Caller, other: dict[str, Any], field: str) -> None:
        request = S.ExtendHoldRequest(key="a", extension_key="x", quantity=1)
        request.MergeFrom(S.ExtendHoldRequest(**other))
        assert [v.field for v in refused(caller, stub.ExtendHold, request).violations] == [field]


class TestSeveralCaptures:
    def test_they_add_up_and_are_rounded_up_together(self, rich: Books) -> None:
        rich.reserve(rich.quote(), 200, key="a", operation="content")
        taken = [rich.capture("a", 50, capture_key=f"a:{n}", final=False) for n in range(4)]
        assert [(t.taken_credits, t.captured_credits, t.state) for t in taken] == [
            (1, 1, "open"),
            (0, 1, "open"),
            (1, 2, "open"),
            (0, 2, "captured"),  # the quantity it was made for is reached
        ]
        assert rich.balance() == (98, 0)
        assert rich.rows("SELECT count(*) FROM credit_transaction WHERE kind = 'deduction'") == [(2,)]
        usage = rich.rows("SELECT quantity, credits, transaction_id IS NULL FROM credit_usage ORDER BY key")
        assert usage == [(50, 1, False), (50, 0, True), (50, 1, False), (50, 0, True)]
        assert rich.differences() == []

    def test_the_final_one_frees_the_rest(self, rich: Books) -> None:
        quote_id = rich.quote()
        rich.reserve(quote_id, 20, key="a")
        rich.capture("a", 5, capture_key="a:1", final=False)
        assert rich.balance() == (95, 15)
        assert rich.capture("a", 3, capture_key="a:2").state == "captured"
        assert rich.balance() == (92, 0)
        assert rich.rows("SELECT captured_credits, held_credits FROM quote") == [(8, 0)]
        assert rich.differences() == []

    def test_together_they_are_never_above_the_hold(self, rich: Books) -> None:
        rich.reserve(rich.quote(), 10, key="a")
        rich.capture("a", 6, capture_key="a:1", final=False)
        answer = rich.capture("a", 5, capture_key="a:2", final=False)
        assert (answer.code, answer.needed, answer.credits - answer.captured_credits) == ("capture_above_hold", 5, 4)
        assert rich.balance() == (94, 4)

    def test_once_twice_and_with_other_parameters(self, rich: Books) -> None:
        quote_id = rich.quote()
        for key in ("a", "b"):
            rich.reserve(quote_id, 10, key=key)
        first = rich.capture("a", 4, capture_key="x", final=False)
        rich.capture("a", 2, capture_key="y", final=False)
        again = rich.capture("a", 4, capture_key="x", final=False)
        assert (again.code, again.fresh, again.taken_credits) == ("ok", False, first.taken_credits)
        assert rich.capture("a", 5, capture_key="x", final=False).code == "key_reused"
        assert rich.capture("a", 4, capture_key="x", final=True).code == "key_reused"
        assert rich.capture("b", 4, capture_key="x", final=False).code == "key_reused"
        assert rich.balance() == (94, 14)

    def test_a_repeat_is_answered_after_the_hold_has_ended(self, rich: Books) -> None:
        rich.reserve(rich.quote(), 10, key="a")
        rich.capture("a", 4, capture_key="x", final=False)
        rich.release("a")
        assert rich.capture("a", 4, capture_key="x", final=False).taken_credits == 4
        assert rich.capture("a", 1, capture_key="y", final=False).code == "hold_closed"

    @pytest.mark.parametrize(
        ("function", "state"), [(repository.release, "released"), (repository.expire_hold, "expired")]
    )
    def test_what_was_captured_stays_captured_when_the_rest_is_freed(
        self, rich: Books, function: Any, state: str
    ) -> None:
        rich.reserve(rich.quote(), 10, key="a")
        rich.capture("a", 4, capture_key="x", final=False)
        freed = [rich.do(function, "a") for _ in range(2)]
        assert [(f.code, f.credits, f.captured_credits, f.state) for f in freed] == [
            ("ok", 6, 4, state),
            ("ok", 0, 4, state),
        ]
        assert rich.balance() == (96, 0)
        assert rich.differences() == []

    def test_a_part_is_taken_in_the_order_of_use_and_may_outlive_its_grant(self, books: Books) -> None:
        books.give(3, kind="plan", expires=books.clock.now() + timedelta(hours=1), name="plan")
        books.give(5, name="bonus")
        books.reserve(books.quote(), 8, key="a")
        books.capture("a", 2, capture_key="1", final=False)
        assert books.grants() == [("plan", 1, 1), ("bonus", 5, 5)]
        books.clock.move(hours=2)
        books.capture("a", 2, capture_key="2", final=False)
        assert books.grants() == [("plan", 0, 0), ("bonus", 4, 4)]
        books.release("a")
        assert books.balance() == (4, 0)
        assert books.differences() == []

    def test_over_the_wire_with_what_the_provider_charges(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("content", 1_000))
        caller.call(stub.Reserve, wanted(quote, 1_000, "a"))
        part = S.CaptureRequest(key="a", quantity=250, capture_key="a:1", model="m", cost_usd_micro=0)
        got = caller.call(stub.Capture, part)
        assert (got.state, got.captured_credits, got.taken_credits) == (billing_pb2.Hold.STATE_OPEN, 3, 3)
        last = S.CaptureRequest(key="a", quantity=450, capture_key="a:2", final=True, cost_usd_micro=1234)
        got = caller.call(stub.Capture, last)
        assert (got.state, got.captured_credits, got.taken_credits) == (billing_pb2.Hold.STATE_CAPTURED, 7, 4)
        again = caller.call(stub.Capture, part)
        assert (again.state, again.taken_credits) == (billing_pb2.Hold.STATE_CAPTURED, 3)
        usages = caller.call(stub.ListCreditUsages, S.ListCreditUsagesRequest(order_by="credits")).credit_usages
        assert [(u.quantity, u.credits, u.model, u.cost_usd_micro) for u in usages] == [
            (250, 3, "m", 0),
            (450, 4, "", 1234),
        ]
        listed = caller.call(stub.ListCreditTransactions, S.ListCreditTransactionsRequest(filter='kind = "deduction"'))
        assert {t.id for t in listed.credit_transactions} == {u.transaction_id for u in usages}
        assert {t.credit_cost_id for t in listed.credit_transactions} == {u.credit_cost_id for u in usages}

    def test_a_capture_without_a_key_of_its_own_is_the_only_one(self, stub: Stub, caller: Caller) -> None:
        caller.call(stub.Reserve, wanted(accepted(caller, stub, line("content", 1_000)), 1_000, "a"))
        only = S.CaptureRequest(key="a", quantity=100)
        assert caller.call(stub.Capture, only).state == billing_pb2.Hold.STATE_CAPTURED
        assert (
            not caller.call(stub.ListCreditUsages, S.ListCreditUsagesRequest())
            .credit_usages[0]
            .HasField("cost_usd_micro")
        )

    @pytest.mark.parametrize(
        ("other", "field"), [({"capture_key": "x" * 201}, "capture_key"), ({"cost_usd_micro": -1}, "cost_usd_micro")]
    )
    def test_what_makes_no_sense_is_named(self, stub: Stub, caller: Caller, other: dict[str, Any], field: str) -> None:
        fault = refused(caller, stub.Capture, S.CaptureRequest(key="a", quantity=1, **other))
        assert [v.field for v in fault.violations] == [field]


class TestExpireHold:
    def test_it_frees_once_and_keeps_a_late_reservation_out(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("content", 1_000))
        caller.call(stub.Reserve, wanted(quote, 500, "a"))
        for freed in (5, 0):
            assert caller.call(stub.ExpireHold, S.ExpireHoldRequest(key="a")).expired_credits == freed
        assert caller.call(stub.ExpireHold, S.ExpireHoldRequest(key="late")).expired_credits == 0
        assert refused(caller, stub.Reserve, wanted(quote, 500, "late")).reason == "HOLD_CLOSED"
        assert balance(caller, stub) == (50, 0, "free")

    def test_what_was_captured_is_not_expired(self, stub: Stub, caller: Caller) -> None:
        caller.call(stub.Reserve, wanted(accepted(caller, stub, line("content", 1_000)), 500, "a"))
        caller.call(stub.Capture, S.CaptureRequest(key="a", quantity=500))
        fault = refused(caller, stub.ExpireHold, S.ExpireHoldRequest(key="a"))
        assert (fault.reason, fault.metadata["state"]) == ("HOLD_CLOSED", "captured")
