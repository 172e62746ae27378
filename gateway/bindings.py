"""Which method of which service answers which HTTP method and path: read from the protos' own annotations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from igny8.ai.v1 import ai_service_pb2
from igny8.billing.v1 import billing_service_pb2
from igny8.common.v1 import access_pb2
from igny8.identity.v1 import identity_service_pb2
from igny8.integration.v1 import integration_service_pb2
from igny8.orchestrator.v1 import orchestrator_service_pb2
from igny8.planner.v1 import planner_service_pb2
from igny8.writer.v1 import writer_service_pb2

from gateway.templates import Template

SERVICES: Mapping[str, FileDescriptor] = {
    "identity": identity_service_pb2.DESCRIPTOR,
    "planner": planner_service_pb2.DESCRIPTOR,
    "writer": writer_service_pb2.DESCRIPTOR,
    "ai": ai_service_pb2.DESCRIPTOR,
    "billing": billing_service_pb2.DESCRIPTOR,
    "integration": integration_service_pb2.DESCRIPTOR,
    "orchestrator": orchestrator_service_pb2.DESCRIPTOR,
}
SITE = "site_id"  # the public name of the path variable that names a site
EDGE_SCOPE = "edge"
# What happens before a tenant is known has no annotation: it is not a client's passport that these methods take.
_EDGE_PATHS: Mapping[str, str] = {
    "SignUp": "/v1/signup",
    "LogIn": "/v1/sessions",
    "RefreshSession": "/v1/sessions:refresh",
    "LogOut": "/v1/sessions:end",
}


@dataclass(frozen=True)
class Binding:
    """One method of a service on one HTTP method and path.

    Args:
        service: who answers: "planner".
        rpc: the method.
        method: "GET", "POST", "PATCH", "DELETE", "PUT".
        template: the path.
        body: the request's field that the body is; "*" for the whole request, "" for no body.
        scope: what the caller must be allowed.
        level: how much of a tenant the passport must name.
    """

    service: str
    rpc: MethodDescriptor
    method: str
    template: Template
    body: str
    scope: str
    level: int

    def __post_init__(self) -> None:
        if self.level == access_pb2.LEVEL_SITE and SITE not in self.template.names:
            raise ValueError(f"{self.rpc.full_name} works on a site, but its path has no {SITE}.")

    @property
    def request(self) -> Descriptor:
        """The request's message type."""
        return self.rpc.input_type

    @property
    def response(self) -> Descriptor:
        """The answer's message type."""
        return self.rpc.output_type

    @property
    def is_public(self) -> bool:
        """Whether it is called before anybody has signed in."""
        return self.scope == EDGE_SCOPE

    @property
    def is_read(self) -> bool:
        """Whether calling it twice is as good as once."""
        return self.method == "GET"


def all_bindings() -> list[Binding]:
    """Return every method that REST reaches.

    Raises:
        ValueError: an annotation is not of the supported form.
    """
    return [binding for name in SERVICES for rpc in methods(name) for binding in _of_method(name, rpc)]


def methods(service: str) -> list[MethodDescriptor]:
    """Return the methods of a service, in the order of its proto."""
    return list(SERVICES[service].services_by_name[f"{service.title()}Service"].methods)


def method(service: str, name: str) -> MethodDescriptor:
    """Return one method of a service: ("orchestrator", "StartRun")."""
    return SERVICES[service].services_by_name[f"{service.title()}Service"].methods_by_name[name]


def _of_method(service: str, rpc: MethodDescriptor) -> Iterator[Binding]:
    access = rpc.GetOptions().Extensions[access_pb2.access]
    scope = access_pb2.Scope.Name(access.scope).removeprefix("SCOPE_").lower()
    if scope == EDGE_SCOPE and rpc.name in _EDGE_PATHS:
        yield Binding(service, rpc, "POST", Template.parse(_EDGE_PATHS[rpc.name]), "*", scope, access.level)
    rule = rpc.GetOptions().Extensions[annotations_pb2.http]
    for http in (rule, *rule.additional_bindings):
        if http.WhichOneof("pattern") is not None:
            verb, path = _pattern(http)
            yield Binding(service, rpc, verb, Template.parse(path), http.body, scope, access.level)


def _pattern(http: http_pb2.HttpRule) -> tuple[str, str]:
    kind = http.WhichOneof("pattern")
    if kind == "custom":
        return http.custom.kind, http.custom.path
    return kind.upper(), getattr(http, kind)
