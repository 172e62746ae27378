"""Credits: quotes, holds and books, asked of billing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from igny8.billing.v1 import billing_pb2, billing_service_pb2
from igny8.common.v1 import functions_pb2

from services.orchestrator.clients.calls import LONG_S, Call, nothing, same
from services.orchestrator.domain.books import Booked

_BILLING = "/igny8.billing.v1.BillingService/"


@dataclass(frozen=True)
class QuoteLine:
    """Work to be priced."""

    stage: int
    operation: str
    expected_quantity: int
    limit_quantity: int
    pieces: int


@dataclass(frozen=True)
class PricedLine:
    """Work with its price in credits; the version is empty where the price is a constant of billing's."""

    stage: int
    operation: str
    expected_credits: int
    limit_credits: int
    unit_size: int
    unit: str
    unit_credits: int
    price_version: str


@dataclass(frozen=True)
class PricedQuote:
    """A quote of billing.

    Args:
        earlier_credits: what quotes that its run had before have captured and hold still.
        replaced: whether its run has accepted another one since.
    """

    id: UUID
    lines: Sequence[PricedLine]
    expected_credits: int
    limit_credits: int
    expire_time: datetime
    earlier_credits: int = 0
    replaced: bool = False

    @property
    def run_limit_credits(self) -> int:
        """What its run may cost in all, once it has accepted this one."""
        return self.earlier_credits + self.limit_credits


def create_quote(request_id: UUID, lines: Sequence[QuoteLine], max_credits: int) -> Call[PricedQuote]:
    """Have work priced."""
    request = billing_service_pb2.CreateQuoteRequest(
        request_id=str(request_id),
        max_credits=max_credits,
        lines=[
            billing_pb2.QuoteLine(
                stage=line.stage,
                operation=line.operation,
                expected_quantity=line.expected_quantity,
                limit_quantity=line.limit_quantity,
                pieces=line.pieces,
            )
            for line in lines
        ],
    )
    return Call("billing", _BILLING + "CreateQuote", request, billing_pb2.Quote, _quote)


def accept_quote(quote_id: UUID, run_id: UUID) -> Call[PricedQuote]:
    """Bind a quote to a run."""
    request = billing_service_pb2.AcceptQuoteRequest(quote_id=str(quote_id), run_id=str(run_id))
    return Call("billing", _BILLING + "AcceptQuote", request, billing_pb2.Quote, _quote)


def get_quote(quote_id: UUID) -> Call[PricedQuote]:
    """Read a quote as it stands."""
    request = billing_service_pb2.GetQuoteRequest(quote_id=str(quote_id))
    return Call("billing", _BILLING + "GetQuote", request, billing_pb2.Quote, _quote)


def available_credits() -> Call[int]:
    """Ask what new work may use."""
    request = billing_service_pb2.GetBalanceRequest()
    return Call(
        "billing", _BILLING + "GetBalance", request, billing_pb2.Balance, lambda balance: int(balance.available)
    )


@dataclass(frozen=True)
class DayLimit:
    """What a site may use in a day, and when its day began."""

    credits: int
    start_time: datetime


def reserve(
    key: str,
    quote_id: UUID,
    operation: str,
    quantity: int,
    run_id: UUID,
    step_id: UUID,
    day: DayLimit | None = None,
) -> Call[int]:
    """Set credits aside; the answer is how many."""
    request = billing_service_pb2.ReserveRequest(
        key=key,
        quote_id=str(quote_id),
        operation=operation,
        quantity=quantity,
        run_id=str(run_id),
        step_id=str(step_id),
    )
    if day is not None:
        request.day_limit_credits = day.credits
        request.day_start_time.FromDatetime(day.start_time)
    return Call("billing", _BILLING + "Reserve", request, billing_pb2.Hold, lambda hold: int(hold.credits))


def capture(
    key: str, quantity: int, subject_kind: str, subject_id: UUID, answer: functions_pb2.AiAnswer | None
) -> Call[int]:
    """Take what was used, by the answer of a model or by nobody's; the call's answer is how many credits."""
    used = answer or functions_pb2.AiAnswer()
    origin = used.provenance
    request = billing_service_pb2.CaptureRequest(
        key=key,
        quantity=quantity,
        object_kind=subject_kind,
        object_id=str(subject_id),
        provider=origin.provider,
        model=origin.model,
        input_tokens=origin.input_tokens,
        output_tokens=origin.output_tokens,
        cost_usd_micro=used.cost_usd_micro if used.HasField("cost_usd_micro") else None,
    )
    return Call("billing", _BILLING + "Capture", request, billing_pb2.Hold, lambda hold: int(hold.captured_credits))


def release(key: str) -> Call[None]:
    """Free what was set aside; a hold that was never made counts as freed."""
    request = billing_service_pb2.ReleaseRequest(key=key)
    return Call("billing", _BILLING + "Release", request, billing_service_pb2.ReleaseResponse, nothing)


def expire_hold(key: str) -> Call[int]:
    """End a hold of a step that is over; the answer is how many credits it freed."""
    request = billing_service_pb2.ExpireHoldRequest(key=key)
    answer = billing_service_pb2.ExpireHoldResponse
    return Call("billing", _BILLING + "ExpireHold", request, answer, lambda response: int(response.expired_credits))


def lapse_credits(limit: int) -> Call[billing_service_pb2.LapseCreditsResponse]:
    """Have credits begin and end whose time has come, in some accounts."""
    request = billing_service_pb2.LapseCreditsRequest(limit=limit)
    answer = billing_service_pb2.LapseCreditsResponse
    return Call("billing", _BILLING + "LapseCredits", request, answer, same, LONG_S)


def reconcile_accounts(page_token: str) -> Call[billing_service_pb2.ReconcileAccountsResponse]:
    """Have billing compare a page of accounts' books."""
    request = billing_service_pb2.ReconcileAccountsRequest(page_size=200, page_token=page_token)
    answer = billing_service_pb2.ReconcileAccountsResponse
    return Call("billing", _BILLING + "ReconcileAccounts", request, answer, same, LONG_S)


def list_step_captures(run_ids: Sequence[UUID], page_token: str) -> Call[tuple[Sequence[Booked], str]]:
    """Ask what an account's steps have captured and hold; the answer is a page and where the next one begins."""
    request = billing_service_pb2.ListStepCapturesRequest(
        run_ids=[str(run_id) for run_id in run_ids], page_size=1000, page_token=page_token
    )
    answer = billing_service_pb2.ListStepCapturesResponse
    return Call("billing", _BILLING + "ListStepCaptures", request, answer, _booked, LONG_S)


def _quote(quote: billing_pb2.Quote) -> PricedQuote:
    return PricedQuote(
        id=UUID(quote.id),
        lines=[_priced(line) for line in quote.lines],
        expected_credits=quote.expected_credits,
        limit_credits=quote.limit_credits,
        expire_time=quote.expire_time.ToDatetime(tzinfo=UTC),
        earlier_credits=quote.earlier_captured_credits + quote.earlier_held_credits,
        replaced=quote.HasField("replace_time"),
    )


def _priced(line: billing_pb2.QuoteLine) -> PricedLine:
    name = billing_pb2.CreditCost.Unit.Name(line.unit).removeprefix("UNIT_").lower()  # 100_words, item
    size, _, words = name.rpartition("_")
    return PricedLine(
        stage=line.stage,
        operation=line.operation,
        expected_credits=line.expected_credits,
        limit_credits=line.limit_credits,
        unit_size=int(size or 1),
        unit=words if size else f"{words}s",
        unit_credits=line.unit_credits,
        price_version=line.credit_cost_id,
    )


def _booked(response: billing_service_pb2.ListStepCapturesResponse) -> tuple[Sequence[Booked], str]:
    page = [
        Booked(UUID(row.run_id), UUID(row.step_id), row.captured_credits, row.open_holds, row.held_credits)
        for row in response.step_captures
    ]
    return page, response.next_page_token
