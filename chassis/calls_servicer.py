"""`igny8.common.v1.CallsService` over the methods of the service that it is part of."""

from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from igny8.common.v1 import calls_service_pb2, calls_service_pb2_grpc

from chassis import call, wire
from chassis.errors import Fault, InvalidArgument, Unimplemented
from chassis.gatekeeper import Gatekeeper, Made

MOST = 100


class CallsServicer(calls_service_pb2_grpc.CallsServiceServicer):
    """Makes many calls in one. Generated `add_..._to_server` functions take it for a server, and add what it can call.

    Args:
        gatekeeper: lets each call in, or not.
        pool: the server's: whose threads are free help, and the one that serves the call works through them too, so
            that calls which wait for help cannot wait for each other.
    """

    def __init__(self, gatekeeper: Gatekeeper, pool: ThreadPoolExecutor) -> None:
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
        response = calls_service_pb2.MakeCallsResponse(
            outcomes=[calls_service_pb2.Outcome() for _ in range(len(request.calls))]
        )
        left = deque(zip(request.calls, response.outcomes, strict=True))
        request_id, time_left_s = call.request_id(), context.time_remaining()

        def work() -> None:
            while left:
                try:
                    one, outcome = left.popleft()
                except IndexError:  # another thread took the last one
                    return
                timeout_s = min(one.timeout.ToMilliseconds() / 1000, time_left_s)
                self._make(one, Made(one.method, one.passport, request_id, timeout_s), outcome)

        helpers = [self._pool.submit(work) for _ in range(len(request.calls) - 1)]
        work()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
        return response

    def _make(self, one: calls_service_pb2.Call, made: Made, outcome: calls_service_pb2.Outcome) -> None:
        """Make one call, and write down what came of it."""
        try:
            method = self._methods.get(one.method)
            if method is None:
                raise Unimplemented(f"{one.method} is not offered.")
            try:
                asked = method.request_deserializer(one.request)
            except DecodeError as error:
                raise InvalidArgument.field("request", f"is no request of {one.method}") from error
            outcome.response = method.response_serializer(self._gatekeeper.serve(made, method.unary_unary, asked, None))
        except Fault as fault:
            outcome.error.CopyFrom(wire.to_status(fault))
