"""`igny8.common.v1.FunctionsService`, `OutboxService`, `InboxService`, `UpkeepService` over what a service declares."""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

import grpc
from igny8.common.v1 import (
    events_pb2,
    events_service_pb2,
    events_service_pb2_grpc,
    functions_pb2,
    functions_service_pb2,
    functions_service_pb2_grpc,
    upkeep_service_pb2,
    upkeep_service_pb2_grpc,
)

from chassis import call, idempotency, outbox
from chassis.database import Database
from chassis.errors import InvalidArgument
from chassis.ids import parse_id, require_id
from chassis.resource.columns import to_message
from chassis.work import Answer, Applied, Function, Job, JobKind, Provenance, Work


class FunctionsServicer(functions_service_pb2_grpc.FunctionsServiceServicer):
    """The functions of a service on the wire.

    Args:
        functions: by name.
    """

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = dict(functions)

    def SelectWork(
        self, request: functions_service_pb2.SelectWorkRequest, context: grpc.ServicerContext
    ) -> functions_service_pb2.SelectWorkResponse:
        """List what a function could be run on."""
        ids = [require_id("subject_ids", text) for text in request.subject_ids]
        found = self._function(request.function).select(
            call.tenant(), ids, request.limit, _object(request.options_json)
        )
        items = [
            functions_pb2.WorkItem(
                subject_id=str(item.subject_id),
                subject_kind=item.subject_kind,
                label=item.label,
                expected_quantity=item.expected_quantity,
                limit_quantity=item.limit_quantity,
            )
            for item in found.items
        ]
        return functions_service_pb2.SelectWorkResponse(items=items, total=found.total, skip_reason=found.skip_reason)

    def PrepareWork(
        self, request: functions_service_pb2.PrepareWorkRequest, context: grpc.ServicerContext
    ) -> functions_service_pb2.PrepareWorkResponse:
        """Prepare the model call of one item."""
        return functions_service_pb2.PrepareWorkResponse(
            job=_job(self._function(request.function).prepare(_work(request)))
        )

    def ApplyWork(
        self, request: functions_service_pb2.ApplyWorkRequest, context: grpc.ServicerContext
    ) -> functions_service_pb2.ApplyWorkResponse:
        """Do the work of a step, or store what a model answered."""
        answer = _answer(request.answer) if request.HasField("answer") else None
        return _applied(self._function(request.function).apply(_work(request), answer))

    def AbandonWork(
        self, request: functions_service_pb2.AbandonWorkRequest, context: grpc.ServicerContext
    ) -> functions_service_pb2.AbandonWorkResponse:
        """Let go of an item whose step will never be applied."""
        self._function(request.function).abandon(_work(request), request.error, failed=request.failed)
        return functions_service_pb2.AbandonWorkResponse()

    def _function(self, name: str) -> Function:
        if name not in self._functions:
            raise InvalidArgument.field("function", f"{name!r} is unknown; use one of {', '.join(self._functions)}")
        return self._functions[name]


class OutboxServicer(events_service_pb2_grpc.OutboxServiceServicer):
    """The outbox of a service on the wire.

    Args:
        sweep: the service's database under its sweep role.
    """

    def __init__(self, sweep: Database) -> None:
        self._sweep = sweep

    def PullEvents(
        self, request: events_service_pb2.PullEventsRequest, context: grpc.ServicerContext
    ) -> events_service_pb2.PullEventsResponse:
        """List undelivered facts."""
        if not 1 <= request.limit <= 1000:  # noqa: PLR2004 - the proto's comment
            raise InvalidArgument.field("limit", "must be from 1 to 1000")
        after = require_id("after", request.after) if request.after else UUID(int=0)
        facts = outbox.pull(self._sweep, request.limit, after)
        return events_service_pb2.PullEventsResponse(events=[_event(fact) for fact in facts])

    def AckEvents(
        self, request: events_service_pb2.AckEventsRequest, context: grpc.ServicerContext
    ) -> events_service_pb2.AckEventsResponse:
        """Forget delivered facts."""
        outbox.acknowledge(self._sweep, [require_id("event_ids", text) for text in request.event_ids])
        return events_service_pb2.AckEventsResponse()


class UpkeepServicer(upkeep_service_pb2_grpc.UpkeepServiceServicer):
    """What has to be done to a service from time to time.

    Args:
        sweep: the service's database under its sweep role.
    """

    def __init__(self, sweep: Database) -> None:
        self._sweep = sweep

    def PurgeAnswers(
        self, request: upkeep_service_pb2.PurgeAnswersRequest, context: grpc.ServicerContext
    ) -> upkeep_service_pb2.PurgeAnswersResponse:
        """Forget answers that are kept no longer."""
        if not 1 <= request.limit <= 10_000:  # noqa: PLR2004 - the proto's comment
            raise InvalidArgument.field("limit", "must be from 1 to 10000")
        return upkeep_service_pb2.PurgeAnswersResponse(purged=idempotency.purge(self._sweep, request.limit))


class InboxServicer(events_service_pb2_grpc.InboxServiceServicer):
    """The inbox of a service on the wire.

    Args:
        database: the service's database under its app role.
        handlers: by kind of fact.
    """

    def __init__(self, database: Database, handlers: Mapping[str, outbox.Handler]) -> None:
        self._database, self._handlers = database, dict(handlers)

    def DeliverEvent(
        self, request: events_service_pb2.DeliverEventRequest, context: grpc.ServicerContext
    ) -> events_service_pb2.DeliverEventResponse:
        """Take a fact in, once."""
        event = request.event
        if event.kind not in self._handlers:
            raise InvalidArgument.field("event.kind", f"{event.kind!r} is not wanted here")
        tenant = call.tenant()
        if event.account_id != str(tenant.account_id):
            raise InvalidArgument.field("event.account_id", "is not the passport's")
        applied = outbox.take_in(self._database, tenant, fact_of(event), self._handlers)
        return events_service_pb2.DeliverEventResponse(applied=applied)


def fact_of(event: events_pb2.Event) -> outbox.Fact:
    """Return the fact that a message tells.

    Raises:
        InvalidArgument: an id of it is none, or its payload is no JSON object.
    """
    return outbox.Fact(
        id=require_id("event.id", event.id),
        kind=event.kind,
        account_id=require_id("event.account_id", event.account_id),
        site_id=parse_id(event.site_id),
        sector_id=parse_id(event.sector_id),
        payload=_object(event.payload_json),
        create_time=event.create_time.ToDatetime(tzinfo=UTC),
    )


def _work(request: Any) -> Work:
    return Work(
        tenant=call.tenant(),
        step_id=require_id("step_id", request.step_id),
        subject_id=require_id("subject_id", request.subject_id),
        options=_object(getattr(request, "options_json", "")),
        run_id=parse_id(getattr(request, "run_id", "")),
        fence=request.fence,
    )


def _job(job: Job) -> functions_pb2.AiJob:
    made = functions_pb2.AiJob(
        kind=functions_pb2.AiJob.KIND_TEXT if job.kind is JobKind.TEXT else functions_pb2.AiJob.KIND_IMAGE,
        template=job.template,
        variables_json=json.dumps(job.variables),
        prompt_override=job.prompt_override,
        answer_schema_json=json.dumps(job.answer_schema) if job.answer_schema else "",
        max_output_tokens=job.max_output_tokens,
        limit_quantity=job.limit_quantity,
    )
    if job.image is not None:
        image = job.image
        made.image.CopyFrom(
            functions_pb2.ImageSpec(prompt=image.prompt, width=image.width, height=image.height, title=image.title)
        )
    return made


def _answer(answer: functions_pb2.AiAnswer) -> Answer:
    origin = answer.provenance
    return Answer(
        text=answer.text,
        object_key=answer.object_key,
        mime_type=answer.mime_type,
        width=answer.width,
        height=answer.height,
        provenance=Provenance(
            call_id=origin.call_id,
            provider=origin.provider,
            model=origin.model,
            template=origin.template,
            template_version=origin.template_version,
            input_tokens=origin.input_tokens,
            output_tokens=origin.output_tokens,
        ),
    )


def _applied(result: Applied) -> functions_service_pb2.ApplyWorkResponse:
    return functions_service_pb2.ApplyWorkResponse(
        actual_quantity=result.actual_quantity,
        made=[functions_pb2.MadeObject(kind=made.kind, id=made.id) for made in result.made],
        notes=list(result.notes),
    )


def _event(fact: outbox.Fact) -> events_pb2.Event:
    row = {
        "id": fact.id,
        "kind": fact.kind,
        "account_id": fact.account_id,
        "site_id": fact.site_id,
        "sector_id": fact.sector_id,
        "payload": fact.payload,
        "create_time": fact.create_time,
    }
    return to_message(events_pb2.Event, row)


def _object(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidArgument.field("options_json", "must be a JSON object") from error
    if not isinstance(value, dict):
        raise InvalidArgument.field("options_json", "must be a JSON object")
    return value
