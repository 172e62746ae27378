"""What a service counts of itself, for Prometheus: calls by method and status, and how long they took.

`<NAME>_METRICS_LISTEN` ("0.0.0.0:9100") shows them over HTTP; without it nothing listens.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram, start_http_server

_HANDLED = Counter("grpc_server_handled_total", "Calls that ended.", ["grpc_service", "grpc_method", "grpc_code"])
_SECONDS = Histogram(
    "grpc_server_handling_seconds",
    "How long calls took.",
    ["grpc_service", "grpc_method"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
)


class Outcome:
    """How a call ended; OK until somebody says otherwise."""

    code = "OK"


@contextmanager
def measured(method: str) -> Iterator[Outcome]:
    """Count one call.

    Args:
        method: "/igny8.planner.v1.PlannerService/GetKeyword".
    """
    service, _, name = method.removeprefix("/").rpartition("/")
    outcome, began = Outcome(), time.perf_counter()
    try:
        yield outcome
    finally:
        _HANDLED.labels(service, name, outcome.code).inc()
        _SECONDS.labels(service, name).observe(time.perf_counter() - began)


def show(listen: str) -> None:
    """Show what was counted at `host:port`, from a thread of its own."""
    host, _, port = listen.rpartition(":")
    start_http_server(int(port), addr=host or "127.0.0.1")
