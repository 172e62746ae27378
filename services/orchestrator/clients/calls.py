"""A call to another service, and how it is sent: from a thread or from an event loop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from chassis.aio import AsyncRemote
from chassis.client import Remote
from chassis.passport import Issuer, Passport

T = TypeVar("T")
M = TypeVar("M", bound=Message)
QUICK_S = 5.0
LONG_S = 30.0


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call to another service: where to, what with, and how its answer is read."""

    peer: str
    path: str
    request: Any
    answer_type: type[Any]
    read: Callable[[Any], T]
    deadline_s: float = QUICK_S


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


def to_json(message: Message) -> dict[str, Any]:
    """Return a message as it is kept in a step's row."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def from_json(kept: Mapping[str, Any] | None, message: M) -> M | None:
    """Return what a step's row keeps as a message, by filling an empty one; None where it keeps nothing.

    What a newer release keeps and this one does not know is left out.
    """
    return None if kept is None else json_format.ParseDict(dict(kept), message, ignore_unknown_fields=True)


def nothing(_: object) -> None:
    """Read an answer that says nothing."""
    return


def same(response: T) -> T:
    """Read an answer as it is."""
    return response
