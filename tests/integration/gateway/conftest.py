"""A real gateway on a free port, before services that answer from memory over real gRPC."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from igny8.billing.v1 import billing_service_pb2_grpc
from igny8.identity.v1 import identity_service_pb2_grpc
from igny8.orchestrator.v1 import orchestrator_service_pb2_grpc
from igny8.planner.v1 import planner_service_pb2_grpc

from chassis.objects import FolderStore
from chassis.passport import Issuer, Trust, Verifier, generate_key
from chassis.server import Offer, Server
from gateway.__main__ import Server as GatewayServer
from gateway.app import Gateway, Limits
from gateway.bindings import SERVICES
from gateway.callers import ISSUER
from gateway.remotes import Remotes
from tests.integration.gateway.servicer import Billing, Identity, Orchestrator, Planner, World

GATEWAY_SCOPES = frozenset({"read", "write", "manage", "operator", "edge"})
NOWHERE = "127.0.0.1:9"  # the discard port: nobody serves there
TIMEOUT_S = 20


@dataclass
class Client:
    """Calls the gateway as the holder of a credential."""

    url: str
    credential: str = ""

    def __call__(self, method: str, path: str, **parts: Any) -> requests.Response:
        headers = dict(parts.pop("headers", {}))
        if self.credential:
            headers.setdefault("Authorization", f"Bearer {self.credential}")
        return requests.request(method, self.url + path, headers=headers, timeout=TIMEOUT_S, **parts)

    def holding(self, credential: str) -> "Client":
        return Client(self.url, credential)


@dataclass
class House:
    """The gateway and what stands behind it."""

    url: str
    world: World
    identity: Identity
    planner: Planner
    orchestrator: Orchestrator
    objects: Path
    server: GatewayServer
    addresses: dict[str, str]
    issuer: Issuer

    def client(self, credential: str = "owner") -> Client:
        return Client(self.url, credential)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for a module; what a test adds to the world is its own."""
    private, public = generate_key()
    world = World()
    identity = Identity(world)  # type: ignore[abstract]  # it answers what the tests ask, as the next three
    planner = Planner()  # type: ignore[abstract]
    orchestrator = Orchestrator(world.account_id)  # type: ignore[abstract]
    billing = Billing()  # type: ignore[abstract]
    offers: dict[str, tuple[Callable[..., None], object]] = {
        "identity": (identity_service_pb2_grpc.add_IdentityServiceServicer_to_server, identity),
        "planner": (planner_service_pb2_grpc.add_PlannerServiceServicer_to_server, planner),
        "billing": (billing_service_pb2_grpc.add_BillingServiceServicer_to_server, billing),
        "orchestrator": (orchestrator_service_pb2_grpc.add_OrchestratorServiceServicer_to_server, orchestrator),
    }
    objects = tmp_path_factory.mktemp("objects")
    with ExitStack() as stack:
        addresses = dict.fromkeys(SERVICES, NOWHERE)
        for name, (add, servicer) in offers.items():
            offer = Offer(f"igny8.{name}.v1.{name.title()}Service", add, servicer)
            addresses[name] = stack.enter_context(service(name, offer, public))
        issuer = Issuer(ISSUER, private)
        limits = Limits(upload_bytes=1_000_000, stream_poll_s=0.05, stream_heartbeat_s=0.2, calls_per_minute=100_000)
        url, server = stack.enter_context(gateway(addresses, issuer, objects, limits))
        yield House(url, world, identity, planner, orchestrator, objects, server, addresses, issuer)


@pytest.fixture
def owner(house: House) -> Client:
    return house.client("owner")


@contextmanager
def service(name: str, offer: Offer, public_key: str) -> Iterator[str]:
    """Serve one service that believes the gateway what the gateway may say, and nobody else."""
    verifier = Verifier(name, {ISSUER: Trust(public_key, GATEWAY_SCOPES)})
    server = Server("127.0.0.1:0", [offer], verifier, threads=8)
    server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.stop(grace_s=0.2)


@contextmanager
def gateway(
    addresses: dict[str, str], issuer: Issuer, objects: Path, limits: Limits
) -> Iterator[tuple[str, GatewayServer]]:
    """Serve a gateway on a free port in a thread of its own."""
    made = Gateway(Remotes(addresses), issuer, FolderStore(objects), limits=limits)
    settings = uvicorn.Config(made.application(), port=0, log_config=None, timeout_graceful_shutdown=3)
    server = GatewayServer(settings, made.feeds)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + TIMEOUT_S
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
