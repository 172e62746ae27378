"""The other services as a worker sees them, answering at once, and a model that takes its time.

`python -m bench._peers SECONDS`.

Stand-ins of the real rpcs over real gRPC, so that a benchmark of the worker measures the worker. Everything a step asks
for is answered in the shape the owners answer in; a call to the model is answered after SECONDS, and what is in flight
is counted. Prints its address, then, on a line of standard input, what it has seen, as one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any
from uuid import uuid4

import grpc
from igny8.ai.v1 import ai_service_pb2
from igny8.billing.v1 import billing_pb2, billing_service_pb2
from igny8.common.v1 import calls_service_pb2, functions_pb2, functions_service_pb2
from igny8.identity.v1 import identity_service_pb2

WORDS = " ".join(["coffee"] * 900)
JOB = functions_pb2.AiJob(
    kind=functions_pb2.AiJob.KIND_TEXT,
    template="generate_content",
    variables_json=json.dumps({"outline": WORDS}),
    limit_quantity=1200,
)


class Model:
    """Calls in flight: when each began and ended, by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began: list[float] = []
        self.ended: list[float] = []

    async def complete(self, _: ai_service_pb2.CompleteRequest) -> ai_service_pb2.CompleteResponse:
        """Answer an article after the model's time."""
        self.began.append(time.monotonic())
        await asyncio.sleep(self.seconds)
        self.ended.append(time.monotonic())
        origin = functions_pb2.Provenance(provider="bench", model="bench", input_tokens=900, output_tokens=1200)
        answer = functions_pb2.AiAnswer(text=json.dumps({"html": WORDS}), provenance=origin)
        return ai_service_pb2.CompleteResponse(answer=answer)


def _handlers(model: Model) -> dict[str, tuple[Any, Any]]:
    """Return what is served: by path, the request's type and the function that answers."""
    functions, billing = "/igny8.common.v1.FunctionsService/", "/igny8.billing.v1.BillingService/"

    async def resolve(request: identity_service_pb2.ResolveSiteRequest) -> identity_service_pb2.ResolveSiteResponse:
        claim = identity_service_pb2.ResolveSiteResponse()
        claim.site.site_id, claim.site.industry_id = request.site_id, request.site_id
        return claim

    async def prepare(_: Any) -> functions_service_pb2.PrepareWorkResponse:
        return functions_service_pb2.PrepareWorkResponse(job=JOB)

    async def apply(_: Any) -> functions_service_pb2.ApplyWorkResponse:
        made = functions_pb2.MadeObject(kind="content", id=str(uuid4()))
        return functions_service_pb2.ApplyWorkResponse(actual_quantity=900, made=[made])

    async def reserve(request: billing_service_pb2.ReserveRequest) -> billing_pb2.Hold:
        return billing_pb2.Hold(id=str(uuid4()), key=request.key, state=billing_pb2.Hold.STATE_OPEN, credits=12)

    async def capture(request: billing_service_pb2.CaptureRequest) -> billing_pb2.Hold:
        return billing_pb2.Hold(key=request.key, state=billing_pb2.Hold.STATE_CAPTURED, credits=12, captured_credits=9)

    return {
        "/igny8.identity.v1.IdentityService/ResolveSite": (identity_service_pb2.ResolveSiteRequest, resolve),
        functions + "PrepareWork": (functions_service_pb2.PrepareWorkRequest, prepare),
        functions + "ApplyWork": (functions_service_pb2.ApplyWorkRequest, apply),
        billing + "Reserve": (billing_service_pb2.ReserveRequest, reserve),
        billing + "Capture": (billing_service_pb2.CaptureRequest, capture),
        "/igny8.ai.v1.AiService/Complete": (ai_service_pb2.CompleteRequest, model.complete),
    }


class _Served(grpc.GenericRpcHandler):
    def __init__(self, model: Model) -> None:
        self._answers = _handlers(model)
        calls = (calls_service_pb2.MakeCallsRequest, self._make_calls)
        handlers = self._answers | {"/igny8.common.v1.CallsService/MakeCalls": calls}
        self._methods = {path: self._method(*pair) for path, pair in handlers.items()}

    async def _make_calls(self, request: calls_service_pb2.MakeCallsRequest) -> calls_service_pb2.MakeCallsResponse:
        async def make(call: calls_service_pb2.Call) -> calls_service_pb2.Outcome:
            request_type, answer = self._answers[call.method]
            response = await answer(request_type.FromString(call.request))
            return calls_service_pb2.Outcome(response=response.SerializeToString())

        return calls_service_pb2.MakeCallsResponse(outcomes=[await make(call) for call in request.calls])

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._methods.get(details.method)

    def _method(self, request_type: Any, answer: Any) -> grpc.RpcMethodHandler[Any, Any]:
        async def handle(request: Any, _context: Any) -> Any:
            return await answer(request)

        return grpc.unary_unary_rpc_method_handler(
            handle, request_deserializer=request_type.FromString, response_serializer=lambda m: m.SerializeToString()
        )


async def serve(seconds: float) -> None:
    """Serve until standard input says something; then print what was seen."""
    model = Model(seconds)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Served(model),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps({"began": model.began, "ended": model.ended}), flush=True)
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
