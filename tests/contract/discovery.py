"""What there is to hold to the contracts: services by their folders, methods by their descriptors."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from igny8.common.v1 import access_pb2

ROOT = Path(__file__).resolve().parents[2]
COMMON = ("igny8.common.v1.OutboxService", "igny8.common.v1.InboxService", "igny8.common.v1.FunctionsService")


def services_with(pattern: str) -> list[str]:
    """Return the services that have a file of this pattern, by name."""
    found = ROOT.glob(f"services/*/{pattern}")
    return sorted({path.relative_to(ROOT / "services").parts[0] for path in found})


def models_of(service: str) -> ModuleType:
    """Return a service's models."""
    return importlib.import_module(f"services.{service}.models")


@cache
def load_protos() -> tuple[str, ...]:
    """Load every generated message and return the names of the gRPC services, sorted."""
    names = []
    for path in sorted((ROOT / "protos").rglob("*.proto")):
        module = path.relative_to(ROOT / "protos").with_suffix("").as_posix().replace("/", ".")
        loaded = importlib.import_module(f"{module}_pb2")
        names += [service.full_name for service in loaded.DESCRIPTOR.services_by_name.values()]
    return tuple(sorted(names))


def service(name: str) -> ServiceDescriptor:
    """Return a gRPC service by its full name."""
    load_protos()
    return descriptor_pool.Default().FindServiceByName(name)


@dataclass(frozen=True)
class Rpc:
    """One method: its path, what it takes and gives, and who may call it."""

    descriptor: MethodDescriptor

    @property
    def path(self) -> str:
        """Where it is called: "/igny8.identity.v1.IdentityService/GetSite"."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def label(self) -> str:
        """How a test shows it: "IdentityService.GetSite"."""
        return f"{self.descriptor.containing_service.name}.{self.descriptor.name}"

    @property
    def access(self) -> Any:
        """What a passport must carry."""
        return self.descriptor.GetOptions().Extensions[access_pb2.access]

    @property
    def request(self) -> type[Message]:
        """The class of its request."""
        return GetMessageClass(self.descriptor.input_type)

    @property
    def response(self) -> type[Message]:
        """The class of its answer."""
        return GetMessageClass(self.descriptor.output_type)

    def on(self, channel: Any) -> Any:
        """Return the method as a stub would have it."""
        return channel.unary_unary(
            self.path, request_serializer=self.request.SerializeToString, response_deserializer=self.response.FromString
        )


def rpcs(*names: str) -> Iterator[Rpc]:
    """Return the methods of gRPC services; of all of them when none is named."""
    for name in names or load_protos():
        for method in service(name).methods:
            yield Rpc(method)


def own_service(name: str) -> str:
    """Return the full name of a service's own gRPC service."""
    return next(full for full in load_protos() if full.startswith(f"igny8.{name}.v1."))
