"""Billing over gRPC: what a person, an operator and the engine see."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from igny8.billing.v1 import billing_pb2, billing_service_pb2, billing_service_pb2_grpc
from igny8.common.v1 import events_pb2, events_service_pb2, events_service_pb2_grpc

from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.testing.clock import FakeClock
from chassis.testing.service import Caller, Running, a_site, serving
from services.billing.__main__ import offers

Stub = billing_service_pb2_grpc.BillingServiceStub
S = billing_service_pb2


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def sweep(urls: ServiceUrls) -> Iterator[Database]:
    made = Database(urls.sweep)
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(database: Database, sweep: Database, clock: FakeClock) -> Iterator[Running]:
    with serving("billing", offers(database, sweep, clock)) as running:
        yield running


@pytest.fixture
def stub(service: Running) -> Stub:
    made: Stub = Stub(service.channel)
    return made


@pytest.fixture
def stranger(service: Running) -> Caller:
    return service.caller()


@pytest.fixture
def caller(service: Running) -> Caller:
    """Somebody who signed up on the Free plan: 50 credits."""
    caller = service.caller()
    opened(service, caller)
    return caller


def opened(service: Running, caller: Caller, *, event_id: str = "", plan: str = "free") -> bool:
    inbox = events_service_pb2_grpc.InboxServiceStub(service.channel)
    event = events_pb2.Event(
        id=event_id or str(new_id()),
        kind="identity.account_opened",
        account_id=str(caller.passport.account_id),
        payload_json=json.dumps({"plan": plan}),
    )
    answer = caller.at(None).call(inbox.DeliverEvent, events_service_pb2.DeliverEventRequest(event=event))
    return bool(answer.applied)


def balance(caller: Caller, stub: Stub) -> tuple[int, int, str]:
    got = caller.call(stub.GetBalance, S.GetBalanceRequest())
    assert got.available == got.posted - got.held
    return got.posted, got.held, got.plan


def refused(caller: Caller, method: Callable[..., Any], request: Any) -> Fault:
    with pytest.raises(Fault) as failed:
        caller.call(method, request)
    return failed.value


def line(operation: str, expected: int, limit: int = 0, pieces: int = 1) -> billing_pb2.QuoteLine:
    return billing_pb2.QuoteLine(
        stage=4, operation=operation, expected_quantity=expected, limit_quantity=limit or expected, pieces=pieces
    )


def quoted(caller: Caller, stub: Stub, *lines: billing_pb2.QuoteLine, max_credits: int = 0) -> billing_pb2.Quote:
    request = S.CreateQuoteRequest(request_id=str(new_id()), lines=lines, max_credits=max_credits)
    made: billing_pb2.Quote = caller.call(stub.CreateQuote, request)
    return made


def accepted(caller: Caller, stub: Stub, *lines: billing_pb2.QuoteLine, max_credits: int = 0) -> billing_pb2.Quote:
    quote = quoted(caller, stub, *lines, max_credits=max_credits)
    request = S.AcceptQuoteRequest(quote_id=quote.id, run_id=str(new_id()))
    made: billing_pb2.Quote = caller.call(stub.AcceptQuote, request)
    return made


def wanted(
    quote: billing_pb2.Quote, quantity: int, key: str = "step:1", *, operation: str = "content", run_id: str = ""
) -> S.ReserveRequest:
    return S.ReserveRequest(key=key, quote_id=quote.id, operation=operation, quantity=quantity, run_id=run_id)


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
        outbox = events_service_pb2_grpc.OutboxServiceStub(service.channel)
        events = caller.call(outbox.PullEvents, events_service_pb2.PullEventsRequest(limit=1000)).events
        mine = [e for e in events if e.account_id == str(caller.passport.account_id)]
        assert [(e.kind, e.site_id, json.loads(e.payload_json)) for e in mine] == [
            (
                "billing.plan_changed",
                "",
                {"plan": "growth", "max_sites": 5, "max_users": 3, "max_keywords": 2000},
            )
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


class TestQuotes:
    def test_a_quote_lists_its_work_with_expected_and_limit(self, stub: Stub, caller: Caller) -> None:
        quote = quoted(caller, stub, line("content", 2_400, 6_000, 2), line("image", 6, 6, 6))
        assert [(item.expected_credits, item.limit_credits) for item in quote.lines] == [(24, 61), (30, 30)]
        assert (quote.expected_credits, quote.limit_credits) == (54, 72)  # 24 + 30, and a piece of 30 instead of 12
        assert caller.passport.site is not None
        assert quote.site_id == str(caller.passport.site.id)
        assert caller.call(stub.GetQuote, S.GetQuoteRequest(quote_id=quote.id)) == quote

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
