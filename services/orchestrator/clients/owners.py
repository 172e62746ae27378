"""The work of steps: what their owners are asked for, and the models between."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from igny8.ai.v1 import ai_service_pb2
from igny8.common.v1 import functions_pb2, functions_service_pb2

from chassis.work import Item, Selection
from services.orchestrator.clients.calls import Call, nothing

_FUNCTIONS = "/igny8.common.v1.FunctionsService/"
_AI = "/igny8.ai.v1.AiService/"
SELECT_S = 30.0
MODEL_S = 180.0


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


def prepare_work(work: StepWork) -> Call[functions_pb2.AiJob]:
    """Ask an owner for the model call of one item."""
    request = functions_service_pb2.PrepareWorkRequest(
        step_id=str(work.step_id),
        fence=work.fence,
        function=work.function,
        subject_id=str(work.subject_id),
        options_json=json.dumps(work.options),
    )
    answer = functions_service_pb2.PrepareWorkResponse
    return Call(work.owner, _FUNCTIONS + "PrepareWork", request, answer, lambda response: response.job)


def apply_work(work: StepWork, answer: functions_pb2.AiAnswer | None, deadline_s: float) -> Call[dict[str, Any]]:
    """Have an owner do a step's work, or store its answer."""
    request = functions_service_pb2.ApplyWorkRequest(
        step_id=str(work.step_id),
        fence=work.fence,
        run_id=str(work.run_id),
        function=work.function,
        subject_id=str(work.subject_id),
        options_json=json.dumps(work.options),
        answer=answer,
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
    return Call(work.owner, _FUNCTIONS + "AbandonWork", request, functions_service_pb2.AbandonWorkResponse, nothing)


def ask_model(kind: str, request_id: str, job: functions_pb2.AiJob) -> Call[functions_pb2.AiAnswer]:
    """Have a model write or draw; the same request id is answered from the record."""
    if kind == "image":
        image = ai_service_pb2.GenerateImageRequest(request_id=request_id, job=job)
        answer_type: type[Any] = ai_service_pb2.GenerateImageResponse
        return Call("ai", _AI + "GenerateImage", image, answer_type, lambda r: r.answer, MODEL_S)
    text = ai_service_pb2.CompleteRequest(request_id=request_id, job=job)
    return Call("ai", _AI + "Complete", text, ai_service_pb2.CompleteResponse, lambda r: r.answer, MODEL_S)


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
