"""What the orchestrator asks of others: each call is built and read here, and sent from a thread or an event loop."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from google.protobuf import json_format
from igny8.ai.v1 import ai_service_pb2
from igny8.billing.v1 import billing_pb2, billing_service_pb2
from igny8.common.v1 import events_pb2, events_service_pb2, functions_pb2, functions_service_pb2, upkeep_service_pb2
from igny8.identity.v1 import identity_service_pb2

from chassis.aio import AsyncRemote
from chassis.client import Remote
from chassis.passport import Issuer, Passport, SectorClaim, SiteClaim
from chassis.work import Item, Selection
from services.orchestrator.domain.books import Booked

T = TypeVar("T")
Event = events_pb2.Event
_FUNCTIONS = "/igny8.common.v1.FunctionsService/"
_BILLING = "/igny8.billing.v1.BillingService/"
_AI = "/igny8.ai.v1.AiService/"
QUICK_S = 5.0
LONG_S = 30.0
SELECT_S = 30.0
MODEL_S = 180.0


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call to another service: where to, what with, and how its answer is read."""

    peer: str
    path: str
    request: Any
    answer_type: type[Any]
    read: Callable[[Any], T]
    deadline_s: float = QUICK_S


@dataclass(frozen=True)
class StepWork:
    """One step's work, as its owner is told.

    Args:
        owner: the service that does it.
        function: what is done.
        step_id: which step.
        fence: which claim of it: an owner that has heard of a later one refuses.
        run_id: whose it is.
        subject_id: the row it works on.
        options: the run's options for the function.
    """

    owner: str
    function: str
    step_id: UUID
    fence: int
    run_id: UUID
    subject_id: UUID
    options: Mapping[str, Any]


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


@dataclass(frozen=True)
class ResolvedSite:
    """An active site of an active account; no claim when only the account was asked about.

    Args:
        claim: what a passport says of it.
        time_zone: its account's.
    """

    claim: SiteClaim | None
    time_zone: str


def select_work(
    owner: str,
    function: str,
    subject_ids: Sequence[str],
    limit: int,
    options: Mapping[str, Any],
    deadline_s: float = SELECT_S,
) -> Call[Selection]:
    """Ask an owner what a function could be run on."""
    request = functions_service_pb2.SelectWorkRequest(
        function=function, subject_ids=subject_ids, limit=limit, options_json=json.dumps(options)
    )
    return Call(
        owner, _FUNCTIONS + "SelectWork", request, functions_service_pb2.SelectWorkResponse, _selection, deadline_s
    )


def prepare_work(work: StepWork) -> Call[dict[str, Any]]:
    """Ask an owner for the model call of one item."""
    request = functions_service_pb2.PrepareWorkRequest(
        step_id=str(work.step_id),
        fence=work.fence,
        function=work.function,
        subject_id=str(work.subject_id),
        options_json=json.dumps(work.options),
    )
    answer = functions_service_pb2.PrepareWorkResponse
    return Call(work.owner, _FUNCTIONS + "PrepareWork", request, answer, lambda response: _to_json(response.job))


def apply_work(work: StepWork, answer: Mapping[str, Any] | None, deadline_s: float) -> Call[dict[str, Any]]:
    """Have an owner do a step's work, or store its answer."""
    request = functions_service_pb2.ApplyWorkRequest(
        step_id=str(work.step_id),
        fence=work.fence,
        run_id=str(work.run_id),
        function=work.function,
        subject_id=str(work.subject_id),
        options_json=json.dumps(work.options),
        answer=None if answer is None else json_format.ParseDict(dict(answer), functions_pb2.AiAnswer()),
    )
    response = functions_service_pb2.ApplyWorkResponse
    return Call(work.owner, _FUNCTIONS + "ApplyWork", request, response, _applied, deadline_s)


def abandon_work(work: StepWork, error: str, *, failed: bool) -> Call[None]:
    """Tell an owner that a step will never be applied."""
    request = functions_service_pb2.AbandonWorkRequest(
        step_id=str(work.step_id),
        fence=work.fence,
        function=work.function,
        subject_id=str(work.subject_id),
        error=error,
        failed=failed,
    )
    return Call(work.owner, _FUNCTIONS + "AbandonWork", request, functions_service_pb2.AbandonWorkResponse, _nothing)


def ask_model(kind: str, request_id: str, job: Mapping[str, Any]) -> Call[dict[str, Any]]:
    """Have a model write or draw; the same request id is answered from the record."""
    parsed = json_format.ParseDict(dict(job), functions_pb2.AiJob())
    if kind == "image":
        image = ai_service_pb2.GenerateImageRequest(request_id=request_id, job=parsed)
        answer_type: type[Any] = ai_service_pb2.GenerateImageResponse
        return Call("ai", _AI + "GenerateImage", image, answer_type, lambda r: _to_json(r.answer), MODEL_S)
    text = ai_service_pb2.CompleteRequest(request_id=request_id, job=parsed)
    return Call("ai", _AI + "Complete", text, ai_service_pb2.CompleteResponse, lambda r: _to_json(r.answer), MODEL_S)


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


def capture(key: str, quantity: int, subject_kind: str, subject_id: UUID, origin: Mapping[str, Any]) -> Call[int]:
    """Take what was used; the answer is how many credits."""
    request = billing_service_pb2.CaptureRequest(
        key=key,
        quantity=quantity,
        object_kind=subject_kind,
        object_id=str(subject_id),
        provider=str(origin.get("provider", "")),
        model=str(origin.get("model", "")),
        input_tokens=int(origin.get("input_tokens", 0)),
        output_tokens=int(origin.get("output_tokens", 0)),
    )
    return Call("billing", _BILLING + "Capture", request, billing_pb2.Hold, lambda hold: int(hold.captured_credits))


def release(key: str) -> Call[None]:
    """Free what was set aside; a hold that was never made counts as freed."""
    request = billing_service_pb2.ReleaseRequest(key=key)
    return Call("billing", _BILLING + "Release", request, billing_service_pb2.ReleaseResponse, _nothing)


def expire_hold(key: str) -> Call[int]:
    """End a hold of a step that is over; the answer is how many credits it freed."""
    request = billing_service_pb2.ExpireHoldRequest(key=key)
    answer = billing_service_pb2.ExpireHoldResponse
    return Call("billing", _BILLING + "ExpireHold", request, answer, lambda response: int(response.expired_credits))


def lapse_credits(limit: int) -> Call[billing_service_pb2.LapseCreditsResponse]:
    """Have credits begin and end whose time has come, in some accounts."""
    request = billing_service_pb2.LapseCreditsRequest(limit=limit)
    answer = billing_service_pb2.LapseCreditsResponse
    return Call("billing", _BILLING + "LapseCredits", request, answer, _same, LONG_S)


def reconcile_accounts(page_token: str) -> Call[billing_service_pb2.ReconcileAccountsResponse]:
    """Have billing compare a page of accounts' books."""
    request = billing_service_pb2.ReconcileAccountsRequest(page_size=200, page_token=page_token)
    answer = billing_service_pb2.ReconcileAccountsResponse
    return Call("billing", _BILLING + "ReconcileAccounts", request, answer, _same, LONG_S)


def list_step_captures(run_ids: Sequence[UUID], page_token: str) -> Call[tuple[Sequence[Booked], str]]:
    """Ask what an account's steps have captured and hold; the answer is a page and where the next one begins."""
    request = billing_service_pb2.ListStepCapturesRequest(
        run_ids=[str(run_id) for run_id in run_ids], page_size=1000, page_token=page_token
    )
    answer = billing_service_pb2.ListStepCapturesResponse
    return Call("billing", _BILLING + "ListStepCaptures", request, answer, _booked, LONG_S)


def purge_answers(service: str, limit: int) -> Call[int]:
    """Have a service forget old answers; the answer is how many."""
    request = upkeep_service_pb2.PurgeAnswersRequest(limit=limit)
    path, answer = "/igny8.common.v1.UpkeepService/PurgeAnswers", upkeep_service_pb2.PurgeAnswersResponse
    return Call(service, path, request, answer, lambda response: int(response.purged), LONG_S)


def resolve_site(account_id: UUID, site_id: UUID | None, *, even_inactive: bool = False) -> Call[ResolvedSite]:
    """Ask identity whether account and site are active, what a passport says of the site, and whose time it keeps.

    With `even_inactive`, what a passport says of a site that is deleted, or whose account is suspended, too.
    """
    request = identity_service_pb2.ResolveSiteRequest(
        account_id=str(account_id), site_id=str(site_id) if site_id else "", even_inactive=even_inactive
    )
    path = "/igny8.identity.v1.IdentityService/ResolveSite"
    return Call("identity", path, request, identity_service_pb2.ResolveSiteResponse, _site)


def pull_events(service: str, limit: int, after: str = "") -> Call[list[Event]]:
    """Look at facts in a service's outbox, those after the one with an id."""
    request = events_service_pb2.PullEventsRequest(limit=limit, after=after)
    path = "/igny8.common.v1.OutboxService/PullEvents"
    return Call(service, path, request, events_service_pb2.PullEventsResponse, lambda response: list(response.events))


def ack_events(service: str, event_ids: Sequence[str]) -> Call[None]:
    """Have a service forget facts that were delivered."""
    request = events_service_pb2.AckEventsRequest(event_ids=event_ids)
    return Call(
        service, "/igny8.common.v1.OutboxService/AckEvents", request, events_service_pb2.AckEventsResponse, _nothing
    )


def deliver_event(service: str, event: Event) -> Call[None]:
    """Hand a fact to a service that asked for its kind."""
    request = events_service_pb2.DeliverEventRequest(event=event)
    path = "/igny8.common.v1.InboxService/DeliverEvent"
    return Call(service, path, request, events_service_pb2.DeliverEventResponse, _nothing)


class Peers:
    """The other services, from threads."""

    def __init__(self, addresses: Mapping[str, str], issuer: Issuer) -> None:
        self._remotes = {name: Remote(name, address, issuer) for name, address in addresses.items()}

    def send(self, call: Call[T], passport: Passport, *, repeatable: bool = True) -> T:
        """Make a call; all of ours are idempotent, so an unreachable server is tried again.

        Raises:
            Fault: as the other service raised it, or Unavailable.
        """
        remote = self._remotes[call.peer]
        answer = remote.call_path(
            call.path, call.request, call.answer_type, passport, deadline_s=call.deadline_s, repeatable=repeatable
        )
        return call.read(answer)

    def close(self) -> None:
        """Close the channels."""
        for remote in self._remotes.values():
            remote.close()


class AsyncPeers:
    """The other services, from an event loop; made inside the loop that uses it."""

    def __init__(self, addresses: Mapping[str, str], issuer: Issuer) -> None:
        self._remotes = {name: AsyncRemote(name, address, issuer) for name, address in addresses.items()}

    async def send(self, call: Call[T], passport: Passport) -> T:
        """Make a call, once: the engine tries again by itself.

        Raises:
            Fault: as the other service raised it, or Unavailable.
        """
        remote = self._remotes[call.peer]
        answer = await remote.call(call.path, call.request, call.answer_type, passport, deadline_s=call.deadline_s)
        return call.read(answer)

    async def close(self) -> None:
        """Close the channels."""
        for remote in self._remotes.values():
            await remote.close()


def _to_json(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _selection(response: functions_service_pb2.SelectWorkResponse) -> Selection:
    items = [
        Item(UUID(i.subject_id), i.subject_kind, i.label, i.expected_quantity, i.limit_quantity) for i in response.items
    ]
    return Selection(items, response.total, response.skip_reason)


def _applied(response: functions_service_pb2.ApplyWorkResponse) -> dict[str, Any]:
    return {
        "actual_quantity": response.actual_quantity,
        "made": [{"kind": made.kind, "id": made.id} for made in response.made],
        "notes": list(response.notes),
    }


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


def _site(response: identity_service_pb2.ResolveSiteResponse) -> ResolvedSite:
    if not response.HasField("site"):
        return ResolvedSite(None, "")
    site = response.site
    claim = SiteClaim(
        id=UUID(site.site_id),
        industry_id=UUID(site.industry_id),
        sectors=tuple(SectorClaim(UUID(s.sector_id), UUID(s.industry_sector_id), s.name) for s in site.sectors),
        name=site.name,
        domain=site.domain,
        language=site.language,
        industry=site.industry_name,
    )
    return ResolvedSite(claim, response.time_zone)


def _nothing(_: object) -> None:
    return None


def _same(response: T) -> T:
    return response


def _booked(response: billing_service_pb2.ListStepCapturesResponse) -> tuple[Sequence[Booked], str]:
    page = [
        Booked(UUID(row.run_id), UUID(row.step_id), row.captured_credits, row.open_holds, row.held_credits)
        for row in response.step_captures
    ]
    return page, response.next_page_token
