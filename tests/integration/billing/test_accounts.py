"""Over gRPC: sign-up, plans, grants, lists and the check."""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from igny8.billing.v1 import billing_pb2

from chassis.errors import Kind
from chassis.ids import new_id
from chassis.testing.clock import FakeClock
from chassis.testing.service import Caller, Running, a_site
from tests.integration.billing.calls import S, Stub, accepted, balance, facts, line, opened, refused, wanted


class TestSignUp:
    def test_the_plans_credits_arrive_once(self, service: Running, stub: Stub, stranger: Caller) -> None:
        event_id = str(new_id())
        assert opened(service, stranger, event_id=event_id)
        assert not opened(service, stranger, event_id=event_id)
        assert opened(service, stranger)  # told again under another id: the key keeps it at one grant
        assert balance(stranger, stub) == (50, 0, "free")

    def test_before_it_there_is_no_account(self, stub: Stub, stranger: Caller) -> None:
        fault = refused(stranger, stub.GetBalance, S.GetBalanceRequest())
        assert (fault.reason, fault.retry_after_s) == ("NO_CREDIT_ACCOUNT", 1.0)
        assert "within a second" in fault.message

    def test_plan_credits_end_with_their_month(self, service: Running, stub: Stub, clock: FakeClock) -> None:
        caller = service.caller()
        opened(service, caller)
        clock.move(days=25)
        assert caller.call(stub.GetBalance, S.GetBalanceRequest()).expiring_soon == 50
        clock.move(days=7)
        assert balance(caller, stub) == (0, 0, "free")
        listed = caller.call(stub.ListCreditTransactions, S.ListCreditTransactionsRequest()).credit_transactions
        assert [(t.kind, t.amount, t.balance_after, t.number) for t in listed] == [
            (billing_pb2.CreditTransaction.KIND_EXPIRY, -50, 0, 2),
            (billing_pb2.CreditTransaction.KIND_SUBSCRIPTION, 50, 50, 1),
        ]


class TestAssignPlan:
    def request(self, plan: str = "growth", request_id: str = "r1") -> S.AssignPlanRequest:
        return S.AssignPlanRequest(plan=plan, reason="demo", request_id=request_id)

    def test_the_account_is_on_the_plan_and_others_are_told(self, service: Running, stub: Stub, caller: Caller) -> None:
        got = caller.call(stub.AssignPlan, self.request())
        assert (got.plan.code, got.plan.max_keywords, got.balance.posted) == ("growth", 2000, 2050)
        assert caller.call(stub.AssignPlan, self.request()) == got
        assert balance(caller, stub) == (2050, 0, "growth")
        assert facts(service, caller, "billing.plan_changed") == [
            {"plan": "growth", "max_sites": 5, "max_users": 3, "max_keywords": 2000}
        ]
        assert facts(service, caller, "billing.credits_granted") == [
            {"kind": "subscription", "credits": 50, "available": 50},
            {"kind": "subscription", "credits": 2000, "available": 2050},
        ]

    def test_it_may_come_before_the_news_of_the_sign_up(self, service: Running, stub: Stub, stranger: Caller) -> None:
        stranger.call(stub.AssignPlan, self.request())
        opened(service, stranger)
        assert balance(stranger, stub) == (2050, 0, "growth")

    def test_a_request_id_is_good_for_one_plan(self, stub: Stub, caller: Caller) -> None:
        caller.call(stub.AssignPlan, self.request())
        assert refused(caller, stub.AssignPlan, self.request("scale")).reason == "KEY_REUSED"
        caller.call(stub.AssignPlan, self.request("scale", "r2"))
        assert balance(caller, stub) == (7050, 0, "scale")

    def test_an_unknown_plan_is_not_found(self, stub: Stub, caller: Caller) -> None:
        assert refused(caller, stub.AssignPlan, self.request("platinum")).code is Kind.NOT_FOUND

    def test_only_an_operator_may(self, stub: Stub, caller: Caller) -> None:
        person = caller.allowed("read", "write", "manage")
        assert refused(person, stub.AssignPlan, self.request()).code is Kind.PERMISSION_DENIED


class TestGrantCredits:
    def request(self, credits_: int = 10, **other: Any) -> S.GrantCreditsRequest:
        return S.GrantCreditsRequest(**{"credits": credits_, "reason": "sorry", "request_id": "r1", **other})

    def test_once_twice_and_with_other_parameters(self, stub: Stub, caller: Caller) -> None:
        for _ in range(2):
            assert caller.call(stub.GrantCredits, self.request()).balance.posted == 60
        assert refused(caller, stub.GrantCredits, self.request(11)).reason == "KEY_REUSED"
        assert balance(caller, stub)[0] == 60

    @pytest.mark.parametrize(("credits_", "days"), [(-1, None), (10**9 + 1, None), (1, -1)])
    def test_what_makes_no_sense_is_named(
        self, stub: Stub, caller: Caller, clock: FakeClock, credits_: int, days: int | None
    ) -> None:
        request = self.request(credits_)
        if days:
            stamp = Timestamp()
            stamp.FromDatetime(clock.now() + timedelta(days=days))
            request.expire_time.CopyFrom(stamp)
        fault = refused(caller, stub.GrantCredits, request)
        assert [v.field for v in fault.violations] == ["expire_time" if days else "credits"]

    def test_an_account_must_be_there(self, stub: Stub, stranger: Caller) -> None:
        assert refused(stranger, stub.GrantCredits, self.request()).reason == "NO_CREDIT_ACCOUNT"


class TestReading:
    def test_the_check_is_clean_also_for_a_passport_of_one_site(self, stub: Stub, caller: Caller) -> None:
        quote = accepted(caller, stub, line("content", 100))
        caller.call(stub.Reserve, wanted(quote, 100))
        for somebody in (caller, caller.at(a_site()), caller.at(None)):
            got = somebody.call(stub.CheckLedger, S.CheckLedgerRequest())
            assert (got.ok, list(got.differences), got.balance.held) == (True, [], 1)

    def test_prices_and_plans_are_listed(self, stub: Stub, caller: Caller) -> None:
        costs = caller.call(stub.ListCreditCosts, S.ListCreditCostsRequest(filter="active = true")).credit_costs
        assert [c.operation for c in costs] == sorted(
            ["clustering", "idea", "content", "image_prompt", "image", "optimization", "linking"]
        )
        assert {c.operation: c.unit for c in costs}["clustering"] == billing_pb2.CreditCost.UNIT_20_KEYWORDS
        plans = caller.call(stub.ListPlans, S.ListPlansRequest()).plans
        assert [(p.code, p.price_minor, p.credits, p.max_sites, p.max_users, p.max_keywords) for p in plans] == [
            ("free", 0, 50, 1, 1, 100),
            ("starter", 10_000, 1_000, 2, 2, 500),
            ("growth", 20_000, 2_000, 5, 3, 2_000),
            ("scale", 50_000, 5_000, 99, 5, 5_000),
        ]

    def test_transactions_are_paged_newest_first(self, stub: Stub, caller: Caller) -> None:
        for n in range(4):
            grant = S.GrantCreditsRequest(credits=n + 1, reason=f"gift {n}", request_id=str(n))
            caller.call(stub.GrantCredits, grant)
        seen, token = [], ""
        while True:
            request = S.ListCreditTransactionsRequest(page_size=2, page_token=token, search="gift")
            page = caller.call(stub.ListCreditTransactions, request)
            seen += [t.amount for t in page.credit_transactions]
            token = page.next_page_token
            if not token:
                break
        assert seen == [4, 3, 2, 1]
