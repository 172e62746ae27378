"""Calls to other services from an event loop: what `chassis.client` does for threads."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from igny8.common.v1 import calls_service_pb2

from chassis import call, wire
from chassis.client import OPTIONS, metadata_for
from chassis.errors import Fault, Kind
from chassis.passport import Issuer, Passport
from chassis.together import Together

SOON_S = 15.0  # a call that may take longer travels alone: with others it would be made twice
SMALL_BYTES = 100_000  # so does one with a larger request: a hundred of them would not fit into a message
_MAKE_CALLS = "/igny8.common.v1.CallsService/MakeCalls"
_ENGINE = Passport(frozenset({"engine"}))
_OLDER_FOR_S = 60.0  # a release that does not know lots is asked for one again after so long


@dataclass(frozen=True)
class _Asked:
    path: str
    request: Any
    answer_type: type[Any]
    passport: Passport
    until: float
    request_id: str

    @property
    def left_s(self) -> float:
        """Seconds until its caller gives up."""
        return max(self.until - time.monotonic(), 0.001)


class _Alone:
    """Says that a call must be made alone."""


class AsyncRemote:
    """Another service, as an event loop sees it; made inside the loop that uses it.

    Small calls that are made in the same turn of the loop travel in one (`igny8.common.v1.CallsService`): a call costs
    more than what it carries, and a worker makes the same one for many steps at once. One that is not done within a
    second while it travels with others is made again alone, so that they need not wait; calls must be idempotent.
    Whoever is cancelled while he waits for one that travels with others does not stop it.

    Args:
        name: the service's name, the audience of passports for it.
        address: "planner:7000".
        issuer: mints our passports.
    """

    def __init__(self, name: str, address: str, issuer: Issuer) -> None:
        self.name = name
        self.channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._issuer = issuer
        self._methods: dict[str, Any] = {}
        self._together: Together[_Asked, Any] = Together(self._make_calls, abreast=True)
        self._older_until = 0.0

    async def call(
        self, path: str, request: Any, answer_type: type[Any], passport: Passport, *, deadline_s: float
    ) -> Any:
        """Call a method by its path, "/igny8.ai.v1.AiService/Complete".

        Raises:
            Fault: as the other service raised it, or Unavailable.
        """
        asked = _Asked(path, request, answer_type, passport, time.monotonic() + deadline_s, call.request_id())
        if deadline_s <= SOON_S and request.ByteSize() <= SMALL_BYTES:
            answer = await self._together.ask(asked)
            if not isinstance(answer, _Alone):
                return answer
        return await self._make_call(asked)

    async def _make_call(self, asked: _Asked) -> Any:
        method = self._methods.get(asked.path)
        if method is None:
            method = self._methods[asked.path] = self.channel.unary_unary(
                asked.path,
                request_serializer=type(asked.request).SerializeToString,
                response_deserializer=asked.answer_type.FromString,
            )
        metadata = metadata_for(self._issuer.mint(asked.passport, self.name), asked.request_id)
        try:
            return await method(asked.request, timeout=asked.left_s, metadata=metadata)
        except grpc.RpcError as error:
            raise _fault(error) from error

    async def _make_calls(self, lot: Sequence[_Asked]) -> Sequence[Any]:
        """Make calls in one; return of each the answer, or the Fault, or that it must be made alone."""
        alone = [_Alone()] * len(lot)
        if len(lot) == 1 or time.monotonic() < self._older_until:
            return alone
        request = calls_service_pb2.MakeCallsRequest(calls=[self._packed(asked) for asked in lot])
        until = max(asked.until for asked in lot)
        try:
            response = await self._make_call(
                _Asked(_MAKE_CALLS, request, calls_service_pb2.MakeCallsResponse, _ENGINE, until, lot[0].request_id)
            )
        except Fault as fault:
            if fault.code is Kind.UNIMPLEMENTED:
                self._older_until = time.monotonic() + _OLDER_FOR_S
                return alone
            return alone if fault.code is Kind.RESOURCE_EXHAUSTED else [fault] * len(lot)  # answers that do not fit
        return [_read(asked, outcome) for asked, outcome in zip(lot, response.outcomes, strict=True)]

    def _packed(self, asked: _Asked) -> calls_service_pb2.Call:
        packed = calls_service_pb2.Call(
            method=asked.path,
            passport=self._issuer.mint(asked.passport, self.name),
            request=asked.request.SerializeToString(),
            request_id=asked.request_id,
        )
        packed.timeout.FromMilliseconds(int(asked.left_s * 1000))
        return packed

    async def close(self) -> None:
        """Close the channel."""
        await self.channel.close()


def _read(asked: _Asked, outcome: calls_service_pb2.Outcome) -> Any:
    match outcome.WhichOneof("end"):
        case "response":
            return asked.answer_type.FromString(outcome.response)
        case "error":
            return wire.from_status(outcome.error)
    return _Alone()


def _fault(error: grpc.RpcError) -> Fault:
    if isinstance(error, asyncio.CancelledError):
        raise error
    return wire.from_rpc_error(error)
