"""Between billing's messages and what its use cases speak of."""

from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa
from google.protobuf.message import Message
from igny8.billing.v1 import billing_pb2, billing_service_pb2

from chassis.errors import InvalidArgument
from chassis.ids import parse_id, require_id
from chassis.passport import Passport
from chassis.resource import to_message
from services.billing.domain import (
    GRANT_PRIORITY,
    Balance,
    Correction,
    CostChange,
    DayLimit,
    Grant,
    Hold,
    Reservation,
    Use,
    Work,
)
from services.billing.usecases.upkeep import Difference

_Correction = (
    billing_service_pb2.RefundCreditsRequest
    | billing_service_pb2.AdjustCreditsRequest
    | billing_service_pb2.ReverseTransactionRequest
)


def works(request: billing_service_pb2.CreateQuoteRequest) -> list[Work]:
    """Return the work that is to be priced."""
    return [
        Work(line.stage, line.operation, line.expected_quantity, line.limit_quantity, line.pieces)
        for line in request.lines
    ]


def reservation(request: billing_service_pb2.ReserveRequest) -> Reservation:
    """Return what is to be reserved."""
    return Reservation(
        key=request.key,
        quote_id=require_id("quote_id", request.quote_id),
        operation=request.operation,
        quantity=request.quantity,
        run_id=parse_id(request.run_id),
        step_id=parse_id(request.step_id),
        day_limit=day_limit(request),
    )


def day_limit(request: billing_service_pb2.ReserveRequest | billing_service_pb2.ExtendHoldRequest) -> DayLimit:
    """Return what the site may use in a day.

    Raises:
        InvalidArgument: the day's start is none that a calendar has.
    """
    return DayLimit(request.day_limit_credits, moment(request, "day_start_time"))


def use(request: billing_service_pb2.CaptureRequest) -> Use:
    """Return what was used."""
    return Use(
        quantity=request.quantity,
        object_kind=request.object_kind,
        object_id=parse_id(request.object_id),
        provider=request.provider,
        model=request.model,
        input_tokens=request.input_tokens,
        output_tokens=request.output_tokens,
        cost_usd_micro=request.cost_usd_micro if request.HasField("cost_usd_micro") else None,
        capture_key=request.capture_key,
        final=request.final or not request.capture_key,
    )


def grant(request: billing_service_pb2.GrantCreditsRequest) -> Grant:
    """Return what is to be given.

    Raises:
        InvalidArgument: a time is none that a calendar has.
    """
    kind = _GRANT_KINDS[request.kind]
    return Grant(
        key=f"grant:{request.request_id}",
        kind=kind,
        change_kind="subscription" if kind == "plan" else "promotion",
        credits=request.credits,
        description=request.reason,
        expire_time=moment(request, "expire_time"),
        expires_by_choice=True,
        priority=request.priority or GRANT_PRIORITY,
        effective_time=moment(request, "effective_time"),
    )


_GRANT_KINDS = {
    billing_pb2.GRANT_KIND_UNSPECIFIED: "promotional",
    billing_pb2.GRANT_KIND_PLAN: "plan",
    billing_pb2.GRANT_KIND_BONUS: "bonus",
    billing_pb2.GRANT_KIND_PROMOTIONAL: "promotional",
}


def correction(verb: str, request: _Correction, passport: Passport) -> Correction:
    """Return why the books are set right; the verb keeps the keys of each operation to themselves."""
    return Correction(f"{verb}:{request.request_id}", request.reason, passport.actor)


def cost_change(request: billing_service_pb2.SetCreditCostRequest) -> CostChange:
    """Return what an operation is to cost."""
    unit = billing_pb2.CreditCost.Unit.Name(request.unit).removeprefix("UNIT_").lower()
    return CostChange(
        key=request.request_id,
        operation=request.operation,
        display_name=request.display_name or None,
        unit=unit if request.unit else None,
        credits=request.credits or None,
        active=request.active if request.HasField("active") else True,
        reason=request.reason,
    )


def moment(request: Message, field: str) -> datetime | None:
    """Return a time of a request, or None where it is absent.

    Raises:
        InvalidArgument: the time is none that a calendar has.
    """
    if not request.HasField(field):
        return None
    try:
        value: datetime = getattr(request, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument.field(field, "must be a time from the year 1 to 9999") from error
    return value


def balance(value: Balance) -> billing_pb2.Balance:
    """Return a balance as it is sent."""
    return to_message(billing_pb2.Balance, {**asdict(value), "available": value.available})


def hold(value: Hold) -> billing_pb2.Hold:
    """Return a hold as it is sent."""
    return to_message(billing_pb2.Hold, vars(value))


def quote(row: sa.RowMapping) -> billing_pb2.Quote:
    """Return a quote as it is sent."""
    return to_message(billing_pb2.Quote, row)


def step_capture(row: sa.RowMapping) -> billing_pb2.StepCapture:
    """Return what a step has captured as it is sent."""
    return to_message(billing_pb2.StepCapture, row)


def difference(value: Difference) -> billing_pb2.AccountDifference:
    """Return a difference as it is sent."""
    return to_message(billing_pb2.AccountDifference, asdict(value))


def credit_transaction(row: sa.RowMapping) -> billing_pb2.CreditTransaction:
    """Return a change of the balance as it is sent."""
    return to_message(billing_pb2.CreditTransaction, row)


def credit_cost(row: sa.RowMapping) -> billing_pb2.CreditCost:
    """Return a price version as it is sent."""
    return to_message(billing_pb2.CreditCost, row)


def plan(row: sa.RowMapping) -> billing_pb2.Plan:
    """Return a plan as it is sent."""
    return to_message(billing_pb2.Plan, row)
