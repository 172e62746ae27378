"""Calls to other services from an event loop: what `chassis.client` does for threads."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from igny8.common.v1 import calls_service_pb2

from chassis import wire
from chassis.client import OPTIONS, metadata_for
from chassis.errors import Fault, Kind
from chassis.passport import Issuer, Passport
from chassis.together import Together

SOON_S = 15.0  # a call that may take longer travels alone: those that went with it would wait for it
SMALL_BYTES = 100_000  # so does a larger one: a hundred of them would not fit into a message
_MAKE_CALLS = "/igny8.common.v1.CallsService/MakeCalls"
_ONE_BY_ONE = {Kind.RESOURCE_EXHAUSTED, Kind.UNIMPLEMENTED}  # the answers do not fit; an older release serves there
_ENGINE = Passport(frozenset({"engine"}))


@dataclass(frozen=True)
class _Asked:
    path: str
    request: Any
    answer_type: type[Any]
    token: str
    deadline_s: float


class AsyncRemote:
    """Another service, as an event loop sees it; made inside the loop that uses it.

    Small calls that are made in the same turn of the loop travel in one (`igny8.common.v1.CallsService`): a call costs
    more than what it carries, and a worker makes the same one for many steps at once.

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

    async def call(
        self, path: str, request: Any, answer_type: type[Any], passport: Passport, *, deadline_s: float
    ) -> Any:
        """Call a method by its path, "/igny8.ai.v1.AiService/Complete".

        Raises:
            Fault: as the other service raised it, or Unavailable.
        """
        asked = _Asked(path, request, answer_type, self._issuer.mint(passport, self.name), deadline_s)
        if deadline_s > SOON_S or request.ByteSize() > SMALL_BYTES:
            return await self._make_call(asked)
        return await self._together.ask(asked)

    async def _make_call(self, asked: _Asked) -> Any:
        method = self._methods.get(asked.path)
        if method is None:
            method = self._methods[asked.path] = self.channel.unary_unary(
                asked.path,
                request_serializer=type(asked.request).SerializeToString,
                response_deserializer=asked.answer_type.FromString,
            )
        try:
            return await method(asked.request, timeout=asked.deadline_s, metadata=metadata_for(asked.token))
        except grpc.RpcError as error:
            raise _fault(error) from error

    async def _make_calls(self, lot: Sequence[_Asked]) -> Sequence[Any]:
        """Make calls in one; return the answer or the Fault of each. Raises what says that they must go one by one."""
        if len(lot) == 1:
            return [await self._make_call(lot[0])]
        request = calls_service_pb2.MakeCallsRequest()
        for asked in lot:
            call = request.calls.add(method=asked.path, passport=asked.token, request=asked.request.SerializeToString())
            call.timeout.FromMilliseconds(int(asked.deadline_s * 1000))
        token = self._issuer.mint(_ENGINE, self.name)
        longest_s = max(asked.deadline_s for asked in lot)
        one = _Asked(_MAKE_CALLS, request, calls_service_pb2.MakeCallsResponse, token, longest_s)
        try:
            response = await self._make_call(one)
        except Fault as fault:
            if fault.code in _ONE_BY_ONE:
                raise
            return [fault] * len(lot)
        return [_read(asked, outcome) for asked, outcome in zip(lot, response.outcomes, strict=True)]

    async def close(self) -> None:
        """Close the channel."""
        await self.channel.close()


def _read(asked: _Asked, outcome: calls_service_pb2.Outcome) -> Any:
    if outcome.HasField("error"):
        return wire.from_status(outcome.error)
    return asked.answer_type.FromString(outcome.response)


def _fault(error: grpc.RpcError) -> Fault:
    if isinstance(error, asyncio.CancelledError):
        raise error
    return wire.from_rpc_error(error)
