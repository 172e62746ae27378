"""`igny8.common.v1.CallsService` over the methods of the service that it is part of."""

import logging
import time
from collections.abc import Mapping
from concurrent import futures
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from igny8.common.v1 import calls_service_pb2, calls_service_pb2_grpc

from chassis import wire
from chassis.errors import Fault, Internal, InvalidArgument, Unimplemented
from chassis.gatekeeper import Gatekeeper, Made
from chassis.together import MOST

log = logging.getLogger(__name__)
LONGEST_S = 1.0  # the others of a lot are not kept waiting for longer by one that takes its time


class CallsServicer(calls_service_pb2_grpc.CallsServiceServicer):
    """Makes many calls in one. Generated `add_..._to_server` functions take it for a server, and add what it can call.

    Args:
        gatekeeper: lets each call in, or not.
        pool: makes them. Not the server's own: threads that wait for a lot could keep it from being done.
    """

    def __init__(self, gatekeeper: Gatekeeper, pool: futures.ThreadPoolExecutor) -> None:
        self._gatekeeper, self._pool = gatekeeper, pool
        self._methods: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Add nothing: what these handlers serve is registered by name as well."""

    def add_registered_method_handlers(
        self, service: str, methods: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Add the unary methods of a gRPC service."""
        self._methods |= {f"/{service}/{name}": method for name, method in methods.items() if method.unary_unary}

    def MakeCalls(
        self, request: calls_service_pb2.MakeCallsRequest, context: grpc.ServicerContext
    ) -> calls_service_pb2.MakeCallsResponse:
        """Make calls side by side."""
        if len(request.calls) > MOST:
            raise InvalidArgument.field("calls", f"must be at most {MOST}")
        until = time.monotonic() + context.time_remaining()
        made = [self._pool.submit(self._make, each, _until(each, until)) for each in request.calls]
        futures.wait(made, timeout=LONGEST_S)
        return calls_service_pb2.MakeCallsResponse(outcomes=[_outcome(each) for each in made])

    def _make(self, one: calls_service_pb2.Call, until: float) -> calls_service_pb2.Outcome:
        """Make one call; return what came of it."""
        made = Made(one.method, one.passport, one.request_id, until - time.monotonic())
        try:
            method = self._methods.get(one.method)
            if method is None:
                raise Unimplemented(f"{one.method} is not offered.")
            try:
                asked = method.request_deserializer(one.request)
            except DecodeError as error:
                raise InvalidArgument.field("request", f"is no request of {one.method}") from error
            answer = self._gatekeeper.serve(made, method.unary_unary, asked, None)
            return calls_service_pb2.Outcome(response=method.response_serializer(answer))
        except Fault as fault:
            return calls_service_pb2.Outcome(error=wire.to_status(fault))
        except Exception:  # an answer that cannot be sent: as for a call alone, it concerns nobody else
            log.exception("%s gave an answer that cannot be sent", one.method)
            return calls_service_pb2.Outcome(error=wire.to_status(Internal("The answer cannot be sent.")))


def _until(one: calls_service_pb2.Call, until: float) -> float:
    """Return when a call's caller gives up, by `time.monotonic`; not later than the lot's."""
    return min(time.monotonic() + one.timeout.ToMilliseconds() / 1000, until)


def _outcome(made: "futures.Future[calls_service_pb2.Outcome]") -> calls_service_pb2.Outcome:
    """Return what came of a call; nothing when it is not over. One that no thread has begun with is not made any more:
    its caller makes it again."""
    made.cancel()
    return made.result() if made.done() and not made.cancelled() else calls_service_pb2.Outcome()
