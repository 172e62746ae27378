"""Calls to the services: grpc.aio channels that live as long as the gateway, a deadline on every call."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2

from chassis import call, client, wire
from chassis.errors import Kind

_DEADLINES_S: Mapping[str, float] = {
    "AddKeywordsFromSeeds": 30.0,  # adds as many as a filter finds
    "ApplyLibraryChange": 60.0,  # writes as many lines as an operator's file has
    "InspectKeywordFile": 30.0,  # reads the whole upload
    "PreviewLibraryImport": 60.0,  # reads the whole upload, and compares and keeps each line
    "QuoteRun": 30.0,  # asks every service for its queue
    "QuoteReplay": 30.0,  # the same, of one
    "TestSiteIntegration": 30.0,  # asks somebody's website
}
_RETRY_PAUSES_S = (0.05, 0.2, 0.5, 1.0)
_HEALTH_PATH = "/grpc.health.v1.Health/Check"
_HEALTH_DEADLINE_S = 1.0


class Remotes:
    """The services, by name.

    Args:
        addresses: {"planner": "127.0.0.1:7002", ...}.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = dict(addresses)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._methods: dict[tuple[str, str], Any] = {}

    @property
    def names(self) -> list[str]:
        """Every service's name."""
        return list(self._addresses)

    async def call(
        self, service: str, rpc: MethodDescriptor, request: Message, token: str, *, repeatable: bool = False
    ) -> Any:
        """Call a method.

        Args:
            service: whose: "planner".
            rpc: the method.
            request: its message.
            token: a passport for this service.
            repeatable: whether a server that cannot be reached may be asked again within the deadline.

        Raises:
            Fault: as the service raised it, or Unavailable.
        """
        method = self._method(service, rpc)
        metadata = client.metadata_for(token, call.request_id())
        until = time.monotonic() + _DEADLINES_S.get(rpc.name, client.DEADLINE_S)
        for pause in (*_RETRY_PAUSES_S, None):
            try:
                return await method(request, timeout=max(until - time.monotonic(), 0.001), metadata=metadata)
            except grpc.RpcError as error:
                fault = wire.from_rpc_error(error)
                last = pause is None or time.monotonic() + pause >= until
                if last or not repeatable or fault.code is not Kind.UNAVAILABLE:
                    raise fault from error
            await asyncio.sleep(pause or 0)
        raise AssertionError("the loop ends by returning or raising")

    async def is_serving(self, service: str) -> bool:
        """Return whether a service says within a second that it serves."""
        check = self._channel(service).unary_unary(
            _HEALTH_PATH,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_DEADLINE_S)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, service: str) -> grpc.aio.Channel:
        """Return a service's channel, opened on first use: it belongs to the loop that runs then."""
        if service not in self._channels:
            self._channels[service] = grpc.aio.insecure_channel(self._addresses[service], options=client.OPTIONS)
        return self._channels[service]

    def _method(self, service: str, rpc: MethodDescriptor) -> Any:
        key = (service, rpc.full_name)
        if key not in self._methods:
            self._methods[key] = self._channel(service).unary_unary(
                f"/{rpc.containing_service.full_name}/{rpc.name}",
                request_serializer=GetMessageClass(rpc.input_type).SerializeToString,
                response_deserializer=GetMessageClass(rpc.output_type).FromString,
            )
        return self._methods[key]
