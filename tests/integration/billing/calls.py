"""Calls of billing over gRPC, as tests make them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from igny8.billing.v1 import billing_pb2, billing_service_pb2, billing_service_pb2_grpc
from igny8.common.v1 import events_pb2, events_service_pb2, events_service_pb2_grpc

from chassis.errors import Fault
from chassis.ids import new_id
from chassis.testing.service import Caller, Running

Stub = billing_service_pb2_grpc.BillingServiceStub
S = billing_service_pb2


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


def facts(service: Running, caller: Caller, kind: str) -> list[dict[str, Any]]:
    """What others are told about the caller's account, oldest first."""
    outbox = events_service_pb2_grpc.OutboxServiceStub(service.channel)
    events = caller.call(outbox.PullEvents, events_service_pb2.PullEventsRequest(limit=1000)).events
    mine = (e for e in events if e.account_id == str(caller.passport.account_id) and e.kind == kind)
    return [json.loads(event.payload_json) for event in mine]


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


def accepted(
    caller: Caller, stub: Stub, *lines: billing_pb2.QuoteLine, max_credits: int = 0, run_id: str = ""
) -> billing_pb2.Quote:
    quote = quoted(caller, stub, *lines, max_credits=max_credits)
    request = S.AcceptQuoteRequest(quote_id=quote.id, run_id=run_id or str(new_id()))
    made: billing_pb2.Quote = caller.call(stub.AcceptQuote, request)
    return made


def wanted(
    quote: billing_pb2.Quote, quantity: int, key: str = "step:1", *, operation: str = "content", run_id: str = ""
) -> S.ReserveRequest:
    return S.ReserveRequest(key=key, quote_id=quote.id, operation=operation, quantity=quantity, run_id=run_id)
