"""Refunds, adjustments and reversals: nothing is changed, another transaction makes up for it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from igny8.billing.v1 import billing_pb2

from chassis.errors import Kind
from chassis.ids import new_id
from chassis.testing.clock import FakeClock
from chassis.testing.service import Caller, Running
from tests.integration.billing.books import Books
from tests.integration.billing.calls import S, Stub, accepted, balance, facts, line, refused, wanted


@pytest.fixture
def spent(books: Books) -> Books:
    """100 credits were given and 12 of them captured."""
    books.give(100, name="given")
    books.reserve(books.quote(), 20, key="a")
    books.capture("a", 12)
    return books


def _refund(books: Books, other: bool) -> Any:
    return books.refund(books.last("deduction"), 5, key="k", reason="other" if other else "")


def _adjust(books: Books, other: bool) -> Any:
    return books.adjust(-6 if other else -5, key="k")


def _reverse(books: Books, other: bool) -> Any:
    return books.reverse(books.last("purchase" if other else "deduction"), key="k")


class TestKeys:
    @pytest.mark.parametrize("act", [_refund, _adjust, _reverse], ids=lambda act: act.__name__[1:])
    def test_once_twice_and_with_other_parameters(self, spent: Books, act: Callable[[Books, bool], Any]) -> None:
        first = act(spent, False)
        after = spent.balance()
        second, other = act(spent, False), act(spent, True)
        assert (first.code, first.fresh, second.code, second.fresh) == ("ok", True, "ok", False)
        assert (second.transaction_id, second.credits) == (first.transaction_id, first.credits)
        assert other.code == "key_reused"
        assert spent.balance() == after
        assert spent.differences() == []

    def test_a_refusal_is_not_remembered(self, spent: Books) -> None:
        assert spent.adjust(-100, key="k").code == "insufficient_credits"
        spent.give(12)
        assert spent.adjust(-100, key="k").code == "ok"


class TestRefund:
    def test_in_parts_and_never_more_than_was_taken(self, spent: Books) -> None:
        taken = spent.last("deduction")
        assert spent.refund(taken, 5).code == "ok"
        assert spent.balance() == (93, 0)
        refusal = spent.refund(taken, 8)
        assert (refusal.code, refusal.needed, refusal.available) == ("refund_above_capture", 8, 7)
        assert spent.refund(taken, 7).code == "ok"
        assert spent.refund(taken, 1).code == "refund_above_capture"
        assert spent.balance() == (100, 0)
        assert spent.differences() == []

    def test_each_of_several_captures_is_refunded_by_itself(self, books: Books) -> None:
        books.give(20)
        books.reserve(books.quote(), 10, key="a")
        ids = [books.capture("a", n, capture_key=str(n), final=False).transaction_id for n in (4, 5)]
        assert books.refund(ids[0], 5).code == "refund_above_capture"
        assert [books.refund(ids[0], 4).code, books.refund(ids[1], 5).code] == ["ok", "ok"]
        assert books.differences() == []

    def test_what_is_given_back_does_not_end_though_what_was_taken_would_have(self, books: Books) -> None:
        books.give(10, kind="plan", expires=books.clock.now() + timedelta(hours=1))
        books.reserve(books.quote(), 10, key="a")
        books.capture("a", 10)
        books.clock.move(hours=2)
        books.refund(books.last("deduction"), 10, reason="the article was empty")
        assert books.balance() == (10, 0)
        assert books.rows("SELECT kind, expire_time FROM credit_grant WHERE remaining > 0") == [("bonus", None)]
        change = books.rows(
            "SELECT operation, site_id, description, details FROM credit_transaction WHERE kind = 'refund'"
        )
        assert change == [("image_prompt", books.tenant.site_id, "the article was empty", {"by": "user:me"})]

    @pytest.mark.parametrize("kind", ["purchase", "refund"])
    def test_only_a_deduction_is_refunded(self, spent: Books, kind: str) -> None:
        spent.refund(spent.last("deduction"), 1)
        assert spent.refund(spent.last(kind), 1).code == "not_refundable"

    def test_another_accounts_transaction_is_not_there(self, spent: Books) -> None:
        stranger = Books.opened(spent.database)
        for act in (lambda target: stranger.refund(target, 1), stranger.reverse):
            assert act(spent.last("deduction")).code == "transaction_not_found"
            assert act(new_id()).code == "transaction_not_found"


class TestAdjust:
    def test_up_and_down(self, spent: Books) -> None:
        spent.adjust(5, reason="up")
        spent.adjust(-3, reason="down")
        assert spent.balance() == (90, 0)
        changes = spent.rows(
            "SELECT kind, amount, balance_after, description FROM credit_transaction WHERE number > 2 ORDER BY number"
        )
        assert changes == [("adjustment", 5, 93, "up"), ("adjustment", -3, 90, "down")]
        assert spent.differences() == []

    def test_down_to_what_is_held_and_no_further(self, books: Books) -> None:
        books.give(10)
        books.reserve(books.quote(), 4, key="a")
        refusal = books.adjust(-7)
        assert (refusal.code, refusal.needed, refusal.available, refusal.held) == ("insufficient_credits", 7, 6, 4)
        assert books.adjust(-6).code == "ok"
        assert books.balance() == (4, 4)
        assert books.capture("a", 4).code == "ok"
        assert books.differences() == []

    def test_it_takes_in_the_order_of_use_and_writes_down_from_which(self, books: Books) -> None:
        books.give(5, name="never")
        books.give(5, kind="plan", expires=books.clock.now() + timedelta(days=1), name="soon")
        books.adjust(-7)
        assert books.grants() == [("never", 3, 0), ("soon", 0, 0)]
        taken = books.rows(
            "SELECT g.description, t.credits FROM transaction_grant t JOIN credit_grant g ON g.id = t.grant_id"
            " ORDER BY g.description"
        )
        assert taken == [("never", 2), ("soon", 5)]

    def test_an_account_must_be_there(self, books: Books) -> None:
        assert Books(books.database, type(books.tenant)(new_id())).adjust(1).code == "no_credit_account"


class TestReverse:
    def test_a_capture_is_given_back_whole(self, spent: Books) -> None:
        assert spent.reverse(spent.last("deduction")).credits == 12
        assert spent.balance() == (100, 0)
        assert spent.differences() == []

    def test_a_grant_that_was_a_mistake_is_taken_back_first_from_itself(self, books: Books) -> None:
        for name in ("right", "twice"):
            books.give(100, name=name)
        books.reserve(books.quote(), 30, key="a")
        books.capture("a", 30)
        books.reverse(books.last("purchase"))
        assert books.balance() == (70, 0)
        assert books.grants() == [("right", 70, 0), ("twice", 0, 0)]
        assert books.differences() == []

    def test_what_was_used_of_it_is_taken_from_others(self, books: Books) -> None:
        books.give(100, name="twice", priority=1)
        books.give(100, name="right")
        books.reserve(books.quote(), 30, key="a")
        books.capture("a", 30)
        target = books.rows("SELECT id FROM credit_transaction WHERE number = 1")[0][0]
        books.reverse(target)
        assert books.grants() == [("twice", 0, 0), ("right", 70, 0)]
        assert books.differences() == []

    def test_what_is_used_or_held_cannot_be_taken_back(self, spent: Books) -> None:
        refusal = spent.reverse(spent.last("purchase"))
        assert (refusal.code, refusal.needed, refusal.available) == ("insufficient_credits", 100, 88)

    def test_an_end_and_an_adjustment_can_be_undone(self, books: Books) -> None:
        books.give(10, expires=books.clock.now() + timedelta(hours=1))
        books.give(10)
        books.clock.move(hours=2)
        books.adjust(-4)
        for kind in ("expiry", "adjustment"):
            assert books.reverse(books.last(kind)).code == "ok"
        assert books.balance() == (20, 0)
        assert books.differences() == []

    def test_once(self, spent: Books) -> None:
        target = spent.last("deduction")
        spent.reverse(target)
        assert spent.reverse(target).code == "already_reversed"
        assert spent.refund(target, 1).code == "refund_above_capture"

    def test_not_when_a_part_was_refunded(self, spent: Books) -> None:
        spent.refund(spent.last("deduction"), 1)
        assert spent.reverse(spent.last("deduction")).code == "already_reversed"

    @pytest.mark.parametrize("kind", ["refund", "reversal"])
    def test_not_what_sets_another_right_itself(self, spent: Books, kind: str) -> None:
        if kind == "refund":
            spent.refund(spent.last("deduction"), 1)
        else:
            spent.reverse(spent.last("deduction"))
        assert spent.reverse(spent.last(kind)).code == "not_reversible"


class TestManyAtOnce:
    """Twenty at one moment: as many are done as there is room for, and no more."""

    def at_once(self, act: Callable[[int], Any]) -> list[str]:
        barrier = Barrier(20)

        def one(number: int) -> str:
            barrier.wait(60)
            return str(act(number).code)

        with ThreadPoolExecutor(20) as threads:
            return sorted(threads.map(one, range(20)))

    def test_refunds_of_one_capture(self, spent: Books) -> None:
        target = spent.last("deduction")
        codes = self.at_once(lambda _: spent.refund(target, 1))
        assert codes == ["ok"] * 12 + ["refund_above_capture"] * 8
        assert (spent.balance(), spent.differences()) == ((100, 0), [])

    def test_reversals_of_one_transaction(self, spent: Books) -> None:
        target = spent.last("deduction")
        assert self.at_once(lambda _: spent.reverse(target)) == ["already_reversed"] * 19 + ["ok"]
        assert (spent.balance(), spent.differences()) == ((100, 0), [])

    def test_adjustments_beside_reservations(self, spent: Books) -> None:
        quote_id = spent.quote()
        codes = self.at_once(lambda n: spent.adjust(-10) if n % 2 else spent.reserve(quote_id, 10))
        assert codes == ["insufficient_credits"] * 12 + ["ok"] * 8
        posted, held = spent.balance()
        assert posted - held == 8
        assert spent.differences() == []

    def test_parts_of_one_hold(self, books: Books) -> None:
        books.give(20)
        books.reserve(books.quote(), 15, key="a")
        codes = self.at_once(lambda n: books.capture("a", 1, capture_key=str(n), final=False))
        assert codes == ["hold_closed"] * 5 + ["ok"] * 15
        assert (books.balance(), books.differences()) == ((5, 0), [])

    def test_extensions_of_one_hold(self, books: Books) -> None:
        books.give(15)
        books.reserve(books.quote(), 1, key="a")
        assert self.at_once(lambda _: books.extend("a", 1)) == ["insufficient_credits"] * 6 + ["ok"] * 14
        assert (books.balance(), books.differences()) == ((15, 15), [])

    def test_one_key(self, spent: Books) -> None:
        assert self.at_once(lambda _: spent.adjust(-5, key="k")) == ["ok"] * 20
        assert spent.balance() == (83, 0)


class TestOverTheWire:
    def captured(self, caller: Caller, stub: Stub) -> billing_pb2.CreditTransaction:
        caller.call(stub.Reserve, wanted(accepted(caller, stub, line("content", 1_000)), 1_000, "a"))
        caller.call(stub.Capture, S.CaptureRequest(key="a", quantity=1_000))
        request = S.ListCreditTransactionsRequest(filter='kind = "deduction"')
        found: billing_pb2.CreditTransaction = caller.call(stub.ListCreditTransactions, request).credit_transactions[0]
        return found

    def test_a_refund_says_what_it_gives_back(self, service: Running, stub: Stub, caller: Caller) -> None:
        taken = self.captured(caller, stub)
        request = S.RefundCreditsRequest(transaction_id=taken.id, credits=4, reason="sorry", request_id="r1")
        got = caller.call(stub.RefundCredits, request)
        assert (got.transaction.kind, got.transaction.amount) == (billing_pb2.CreditTransaction.KIND_REFUND, 4)
        assert (got.transaction.reversal_of_id, got.transaction.run_id) == (taken.id, taken.run_id)
        assert (got.balance.posted, caller.call(stub.RefundCredits, request)) == (44, got)
        listed = S.ListCreditTransactionsRequest(filter=f'reversal_of_id = "{taken.id}"')
        assert list(caller.call(stub.ListCreditTransactions, listed).credit_transactions) == [got.transaction]
        assert facts(service, caller, "billing.credits_granted")[1:] == [
            {"kind": "refund", "credits": 4, "available": 44}
        ]
        request.credits, request.request_id = 7, "r2"
        fault = refused(caller, stub.RefundCredits, request)
        assert (fault.code, fault.reason) == (Kind.FAILED_PRECONDITION, "REFUND_ABOVE_CAPTURE")
        assert fault.metadata == {"credits": "7", "left": "6"}
        assert "Give back at most 6" in fault.message

    def test_an_adjustment_down_tells_nobody_and_one_up_does(
        self, service: Running, stub: Stub, caller: Caller
    ) -> None:
        for number, (credits_, posted) in enumerate([(-10, 40), (5, 45)]):
            request = S.AdjustCreditsRequest(credits=credits_, reason="count", request_id=str(number))
            assert caller.call(stub.AdjustCredits, request).balance.posted == posted
        assert facts(service, caller, "billing.credits_granted")[1:] == [
            {"kind": "adjustment", "credits": 5, "available": 45}
        ]
        request = S.AdjustCreditsRequest(credits=-46, reason="count", request_id="r3")
        assert refused(caller, stub.AdjustCredits, request).reason == "INSUFFICIENT_CREDITS"

    def test_a_reversal_is_made_once(self, stub: Stub, caller: Caller) -> None:
        taken = self.captured(caller, stub)
        request = S.ReverseTransactionRequest(transaction_id=taken.id, reason="wrong", request_id="r1")
        got = caller.call(stub.ReverseTransaction, request)
        assert (got.transaction.kind, got.transaction.amount) == (billing_pb2.CreditTransaction.KIND_REVERSAL, 10)
        assert balance(caller, stub) == (50, 0, "free")
        request.request_id = "r2"
        assert refused(caller, stub.ReverseTransaction, request).reason == "ALREADY_REVERSED"
        request.transaction_id = got.transaction.id
        fault = refused(caller, stub.ReverseTransaction, request)
        assert (fault.reason, "adjust the balance instead" in fault.message) == ("NOT_REVERSIBLE", True)

    def test_a_key_of_one_operation_is_another_ones_own(self, stub: Stub, caller: Caller) -> None:
        taken = self.captured(caller, stub)
        caller.call(stub.AdjustCredits, S.AdjustCreditsRequest(credits=1, reason="x", request_id="r1"))
        caller.call(stub.GrantCredits, S.GrantCreditsRequest(credits=1, reason="x", request_id="r1"))
        refund = S.RefundCreditsRequest(transaction_id=taken.id, credits=1, reason="x", request_id="r1")
        caller.call(stub.RefundCredits, refund)
        assert balance(caller, stub)[0] == 43

    @pytest.mark.parametrize("credits_", [-(10**9) - 1, 10**9 + 1])
    def test_more_than_anybody_has_is_refused_by_name(self, stub: Stub, caller: Caller, credits_: int) -> None:
        adjust = S.AdjustCreditsRequest(credits=credits_, reason="x", request_id="r")
        refund = S.RefundCreditsRequest(transaction_id=str(new_id()), credits=credits_, reason="x", request_id="r")
        for method, request in ((stub.AdjustCredits, adjust), (stub.RefundCredits, refund)):
            assert [v.field for v in refused(caller, method, request).violations] == ["credits"]

    def test_only_an_operator_may(self, stub: Stub, caller: Caller) -> None:
        person = caller.allowed("read", "write", "manage", "engine")
        for method, request in (
            (stub.RefundCredits, S.RefundCreditsRequest()),
            (stub.AdjustCredits, S.AdjustCreditsRequest()),
            (stub.ReverseTransaction, S.ReverseTransactionRequest()),
            (stub.SetCreditCost, S.SetCreditCostRequest()),
        ):
            assert refused(person, method, request).code is Kind.PERMISSION_DENIED


class TestLater:
    """Credits that are given today and can be used from a later day on."""

    def request(self, clock: FakeClock, days: int, **more: Any) -> S.GrantCreditsRequest:
        when = Timestamp()
        when.FromDatetime(clock.now() + timedelta(days=days))
        return S.GrantCreditsRequest(credits=30, reason="next month", request_id="r1", effective_time=when, **more)

    def test_they_are_shown_and_cannot_be_used_until_then(self, stub: Stub, caller: Caller, clock: FakeClock) -> None:
        request = self.request(clock, 3)
        got = caller.call(stub.GrantCredits, request).balance
        assert (got.posted, got.available, got.effective_later) == (50, 50, 30)
        assert got.next_effective_time == request.effective_time
        assert caller.call(stub.GrantCredits, request).balance == got
        quote = accepted(caller, stub, line("content", 5_000))
        refusal = refused(caller, stub.AdjustCredits, S.AdjustCreditsRequest(credits=-51, reason="x", request_id="x"))
        assert refusal.metadata["available"] == "50"
        clock.move(days=3)
        got = caller.call(stub.GetBalance, S.GetBalanceRequest())
        assert (got.posted, got.effective_later, got.HasField("next_effective_time")) == (80, 0, False)
        assert caller.call(stub.Reserve, wanted(quote, 5_000)).credits == 50

    def test_a_reservation_begins_them_by_itself(self, books: Books) -> None:
        books.give(5, effective_time=books.clock.now() + timedelta(hours=1))
        assert books.reserve(books.quote(), 5).code == "insufficient_credits"
        books.clock.move(hours=1)
        assert books.reserve(books.quote(), 5).code == "ok"
        assert books.differences() == []

    def test_they_may_have_ended_before_anybody_looked(self, books: Books) -> None:
        now = books.clock.now()
        books.give(5, effective_time=now + timedelta(hours=1), expires=now + timedelta(hours=2))
        books.clock.move(hours=3)
        books.adjust(1)
        assert books.balance() == (1, 0)
        changes = books.rows("SELECT kind, amount FROM credit_transaction ORDER BY number")
        assert changes == [("purchase", 5), ("expiry", -5), ("adjustment", 1)]
        assert books.differences() == []

    def test_an_end_before_the_beginning_is_refused(self, stub: Stub, caller: Caller, clock: FakeClock) -> None:
        request = self.request(clock, 3)
        request.expire_time.FromDatetime(clock.now() + timedelta(days=2))
        assert [v.field for v in refused(caller, stub.GrantCredits, request).violations] == ["expire_time"]

    def test_kind_and_priority_are_the_operators(self, stub: Stub, caller: Caller) -> None:
        for number, (kind, expected) in enumerate(
            [
                (billing_pb2.GRANT_KIND_UNSPECIFIED, billing_pb2.CreditTransaction.KIND_PROMOTION),
                (billing_pb2.GRANT_KIND_BONUS, billing_pb2.CreditTransaction.KIND_PROMOTION),
                (billing_pb2.GRANT_KIND_PLAN, billing_pb2.CreditTransaction.KIND_SUBSCRIPTION),
            ]
        ):
            grant = S.GrantCreditsRequest(credits=1, reason="x", request_id=str(number), kind=kind, priority=number)
            caller.call(stub.GrantCredits, grant)
            listed = caller.call(stub.ListCreditTransactions, S.ListCreditTransactionsRequest())
            assert listed.credit_transactions[0].kind == expected
        grant = S.GrantCreditsRequest(credits=1, reason="x", request_id="0", priority=7)
        assert refused(caller, stub.GrantCredits, grant).reason == "KEY_REUSED"
        for priority in (-1, 1001):
            grant = S.GrantCreditsRequest(credits=1, reason="x", request_id="y", priority=priority)
            assert [v.field for v in refused(caller, stub.GrantCredits, grant).violations] == ["priority"]
