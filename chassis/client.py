"""Calls to other services: long-lived channels, a deadline always, errors as they were raised there.

A call is repeated only when the server could not be reached and the caller says that repeating is harmless.
"""

import time
from collections.abc import Callable
from typing import Any

import grpc

from chassis import call, wire
from chassis.errors import Fault, Kind
from chassis.passport import Issuer, Passport

DEADLINE_S = 5.0
_RETRY_PAUSES_S = (0.05, 0.2, 0.5)
OPTIONS = (
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),  # a service restarts in about a second; do not sleep past it
)


class Remote:
    """Another service, as one service sees it.

    Args:
        name: the service's name, the audience of passports for it.
        address: "planner:7000", "127.0.0.1:7002".
        issuer: mints our passports.
    """

    def __init__(self, name: str, address: str, issuer: Issuer) -> None:
        self.name = name
        self.channel = grpc.insecure_channel(address, options=OPTIONS)
        self._issuer = issuer

    def call(
        self,
        method: Callable[..., Any],
        request: Any,
        passport: Passport,
        *,
        deadline_s: float = DEADLINE_S,
        repeatable: bool = False,
    ) -> Any:
        """Call a stub's method.

        Args:
            method: `PlannerServiceStub(remote.channel).GetCluster`.
            request: its message.
            passport: for whom, allowed what; minted under our own name.
            deadline_s: seconds until the call is given up.
            repeatable: whether an unreachable server may be tried again within the deadline.

        Raises:
            Fault: as the other service raised it, or Unavailable.
            RuntimeError: this thread holds a transaction open.
        """
        call.check_no_transaction()
        metadata = metadata_for(self._issuer.mint(passport, self.name), call.request_id())
        until = time.monotonic() + deadline_s
        for pause in (*_RETRY_PAUSES_S, None):
            try:
                return method(request, timeout=max(until - time.monotonic(), 0.001), metadata=metadata)
            except grpc.RpcError as error:
                fault = wire.from_rpc_error(error)
                if not (repeatable and _worth_repeating(fault, pause, until)):
                    raise fault from error
            time.sleep(pause or 0)
        raise AssertionError("the loop ends by returning or raising")

    def call_path(
        self,
        path: str,
        request: Any,
        answer_type: type[Any],
        passport: Passport,
        *,
        deadline_s: float = DEADLINE_S,
        repeatable: bool = False,
    ) -> Any:
        """Call a method by its path, "/igny8.ai.v1.AiService/Complete"; else as `call`.

        Raises:
            Fault: as the other service raised it, or Unavailable.
        """
        method = self.channel.unary_unary(
            path, request_serializer=type(request).SerializeToString, response_deserializer=answer_type.FromString
        )
        return self.call(method, request, passport, deadline_s=deadline_s, repeatable=repeatable)

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()


def metadata_for(token: str, request_id: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of a call: the passport, and the request id of the call that caused it, if any."""
    headers = [("authorization", f"Bearer {token}")]
    if request_id:
        headers.append(("x-request-id", request_id))
    return tuple(headers)


def _worth_repeating(fault: Fault, pause: float | None, until: float) -> bool:
    return fault.code is Kind.UNAVAILABLE and pause is not None and time.monotonic() + pause < until
