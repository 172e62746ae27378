"""Calls to other services from an event loop: what `chassis.client` does for threads."""

import asyncio
from typing import Any

import grpc
import grpc.aio

from chassis import wire
from chassis.client import OPTIONS, metadata_for
from chassis.errors import Fault
from chassis.passport import Issuer, Passport


class AsyncRemote:
    """Another service, as an event loop sees it; made inside the loop that uses it.

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

    async def call(
        self, path: str, request: Any, answer_type: type[Any], passport: Passport, *, deadline_s: float
    ) -> Any:
        """Call a method by its path, "/igny8.ai.v1.AiService/Complete".

        Raises:
            Fault: as the other service raised it, or Unavailable.
        """
        method = self._methods.get(path)
        if method is None:
            method = self._methods[path] = self.channel.unary_unary(
                path,
                request_serializer=type(request).SerializeToString,
                response_deserializer=answer_type.FromString,
            )
        try:
            metadata = metadata_for(self._issuer.mint(passport, self.name))
            return await method(request, timeout=deadline_s, metadata=metadata)
        except grpc.RpcError as error:
            raise _fault(error) from error

    async def close(self) -> None:
        """Close the channel."""
        await self.channel.close()


def _fault(error: grpc.RpcError) -> Fault:
    if isinstance(error, asyncio.CancelledError):
        raise error
    return wire.from_rpc_error(error)
