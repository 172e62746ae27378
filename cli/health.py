"""Whether a process does its work: gRPC health for services, HTTP for what browsers and programs call."""

import http.client
from collections.abc import Callable
from typing import Any

TIMEOUT_S = 1.0


class GrpcHealth:
    """Asks a service's health over a channel that stays open between questions.

    Args:
        address: "127.0.0.1:7001".
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._channel: Any = None

    def __call__(self) -> bool:
        """Return whether the service says that it serves."""
        import grpc  # noqa: PLC0415 - costs 0.2 s, which would be added to every command's start
        from grpc_health.v1 import health_pb2  # noqa: PLC0415 - the same

        if self._channel is None:
            options = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200))
            self._channel = grpc.insecure_channel(self._address, options=options)
        check = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError:
            return False
        serving: bool = answer.status == health_pb2.HealthCheckResponse.SERVING
        if serving:
            self._channel.close()
            self._channel = None
        return serving


def http_answers(address: str, path: str, *, below: int) -> Callable[[], bool]:
    """Return a question: does the server at an address answer a path with a status below the one given?"""

    def ask() -> bool:
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < below
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask
