"""A service's gRPC server: what it offers behind its gatekeeper; health, reflection, and a stop that lets running calls
end."""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from igny8.common.v1.calls_service_pb2_grpc import add_CallsServiceServicer_to_server

from chassis.calls_servicer import CallsServicer
from chassis.gatekeeper import Gatekeeper
from chassis.passport import Verifier

log = logging.getLogger(__name__)
THREADS = 16
_CALLS = "igny8.common.v1.CallsService"
OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second start fails loudly instead of sharing the port with another database
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
    ("grpc.max_connection_age_ms", 300_000),  # so that clients find new replicas behind a headless Service
    ("grpc.keepalive_permit_without_calls", 1),
)


@dataclass(frozen=True)
class Offer:
    """A gRPC service that a server offers.

    Args:
        name: full name, "igny8.planner.v1.PlannerService".
        add: the generated `add_..._to_server`.
        servicer: the implementation.
    """

    name: str
    add: Callable[[Any, Any], None]
    servicer: object


class Server:
    """One service's server.

    Args:
        address: "127.0.0.1:7001", "unix:/run/igny8/planner.sock"; port 0 takes a free one.
        offers: what it serves.
        verifier: reads passports meant for it.
        threads: how many calls run at once; and as many of those that travel together.

    Raises:
        RuntimeError: the address is taken.
    """

    def __init__(self, address: str, offers: Sequence[Offer], verifier: Verifier, *, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="rpc")
        names = [*[offer.name for offer in offers], _CALLS]
        gatekeeper = Gatekeeper(verifier, [descriptor_pool.Default().FindServiceByName(name) for name in names])
        self._lots = ThreadPoolExecutor(threads, thread_name_prefix="call")
        calls = CallsServicer(gatekeeper, self._lots)
        self._server = grpc.server(self._pool, interceptors=[gatekeeper], options=OPTIONS)
        for offer in offers:
            offer.add(offer.servicer, calls)
        for offer in (*offers, Offer(_CALLS, add_CallsServiceServicer_to_server, calls)):
            offer.add(offer.servicer, self._server)
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self.port = self._server.add_insecure_port(address)

    def start(self) -> None:
        """Serve, and say so to health checks."""
        self._server.start()
        self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace_s: float = 10.0) -> None:
        """Refuse new calls, let running ones end within the grace, and stop."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait(grace_s + 1)
        for pool in (self._pool, self._lots):
            pool.shutdown(wait=False, cancel_futures=True)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop gracefully."""
        done = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        self.start()
        log.info("serving on port %s", self.port)
        done.wait()
        self.stop()
