"""Between billing's messages and what its use cases speak of."""

from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa
from google.protobuf.message import Message
from igny8.billing.v1 import billing_pb2, billing_service_pb2

from chassis.errors import InvalidArgument
from chassis.ids import parse_id, require_id
from chassis.resource import to_message
from services.billing.domain import Balance, DayLimit, Hold, Reservation, Use, Work
from services.billing.usecases.upkeep import Difference


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
        day_limit=DayLimit(request.day_limit_credits, moment(request, "day_start_time")),
    )


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
    return to_message(billing_pb2.Hold, asdict(value))


def quote(row: sa.RowMapping) -> billing_pb2.Quote:
    """Return a quote as it is sent."""
    return to_message(billing_pb2.Quote, row)


def step_capture(row: sa.RowMapping) -> billing_pb2.StepCapture:
    """Return what a step has captured as it is sent."""
    return to_message(billing_pb2.StepCapture, row)


def difference(value: Difference) -> billing_pb2.AccountDifference:
    """Return a difference as it is sent."""
    return to_message(billing_pb2.AccountDifference, asdict(value))


def plan(row: sa.RowMapping) -> billing_pb2.Plan:
    """Return a plan as it is sent."""
    return to_message(billing_pb2.Plan, row)
