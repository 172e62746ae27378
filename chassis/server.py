"""A service's gRPC server: one interceptor that checks passport, access, deadline and request, and turns errors into
statuses; health, reflection, and a stop that lets running calls end."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status
from igny8.common.v1 import access_pb2

from chassis import call, telemetry, wire
from chassis.checks import check_request
from chassis.database import DATABASE_AWAY
from chassis.errors import (
    DeadlineTooShort,
    Fault,
    Internal,
    Kind,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from chassis.passport import Passport, Verifier

log = logging.getLogger(__name__)
THREADS = 16
LEAST_TIME_S = 0.01
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
    add: Callable[[Any, grpc.Server], None]
    servicer: object

    @property
    def descriptor(self) -> ServiceDescriptor:
        """The service as its proto describes it."""
        return descriptor_pool.Default().FindServiceByName(self.name)


@dataclass(frozen=True)
class _Rule:
    scope: str
    level: int
    creates: bool


class Gatekeeper(grpc.ServerInterceptor):
    """Lets a call in when its passport may make it, and says in a status why it failed.

    Args:
        verifier: reads passports meant for this service.
        services: whose methods' access it enforces; any other method is open (health, reflection).
    """

    def __init__(self, verifier: Verifier, services: Sequence[ServiceDescriptor]) -> None:
        self._verifier = verifier
        self._rules = {
            f"/{service.full_name}/{method.name}": _rule(method) for service in services for method in service.methods
        }

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap a method with the checks of its access."""
        handler = continuation(handler_call_details)
        rule = self._rules.get(handler_call_details.method)
        if handler is None or rule is None or handler.unary_unary is None:
            return handler
        headers = dict(handler_call_details.invocation_metadata)
        inner = handler.unary_unary

        def guarded(request: Message, context: grpc.ServicerContext) -> Any:
            return self._serve(inner, rule, headers, request, context, handler_call_details.method)

        return grpc.unary_unary_rpc_method_handler(guarded, handler.request_deserializer, handler.response_serializer)

    def _serve(
        self,
        inner: Callable[[Any, Any], Any],
        rule: _Rule,
        headers: dict[str, Any],
        request: Message,
        context: grpc.ServicerContext,
        method: str,
    ) -> Any:
        with call.serving(None, str(headers.get("x-request-id", ""))), telemetry.measured(method) as outcome:
            try:
                passport = self._admit(rule, headers, request, context)
                check_request(request, creates=rule.creates)
                with call.serving(passport, call.request_id(), time.monotonic() + context.time_remaining()):
                    return inner(request, context)
            except Exception as error:
                fault = _as_fault(error, method)
                outcome.code = fault.code.name
                context.abort_with_status(rpc_status.to_status(wire.to_status(fault)))
                raise  # never reached: abort raises

    def _admit(self, rule: _Rule, headers: dict[str, Any], request: Message, context: grpc.ServicerContext) -> Passport:
        if context.time_remaining() < LEAST_TIME_S:
            raise DeadlineTooShort("The deadline leaves no time; call with a later one.")
        token = str(headers.get("authorization", ""))
        if not token.startswith("Bearer "):
            raise Unauthenticated("The call carries no passport.")
        passport = self._verifier.verify(token.removeprefix("Bearer "))
        if not rule.scope or rule.scope not in passport.scopes:
            raise PermissionDenied(
                f"This needs the scope {rule.scope or '(none is declared)'}.", metadata={"scope": rule.scope}
            )
        if rule.level >= access_pb2.LEVEL_ACCOUNT and passport.account_id is None:
            raise Unauthenticated("The passport names no account.")
        if rule.level == access_pb2.LEVEL_SITE and passport.site is None:
            raise NotFound("There is no such site.", metadata={"resource": "site"})
        named = _site_of(request)
        if named and passport.site is not None and named != str(passport.site.id):
            raise NotFound.row("site", named)
        return passport


class Server:
    """One service's server.

    Args:
        address: "127.0.0.1:7001", "unix:/run/igny8/planner.sock"; port 0 takes a free one.
        offers: what it serves.
        verifier: reads passports meant for it.
        threads: how many calls run at once.

    Raises:
        RuntimeError: the address is taken.
    """

    def __init__(self, address: str, offers: Sequence[Offer], verifier: Verifier, *, threads: int = THREADS) -> None:
        descriptors = [offer.descriptor for offer in offers]
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="rpc")
        self._server = grpc.server(self._pool, interceptors=[Gatekeeper(verifier, descriptors)], options=OPTIONS)
        for offer in offers:
            offer.add(offer.servicer, self._server)
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [d.full_name for d in descriptors] + [health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server)
        self.port = self._server.add_insecure_port(address)

    def start(self) -> None:
        """Serve, and say so to health checks."""
        self._server.start()
        self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace_s: float = 10.0) -> None:
        """Refuse new calls, let running ones end within the grace, and stop."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait(grace_s + 1)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop gracefully."""
        done = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        self.start()
        log.info("serving on port %s", self.port)
        done.wait()
        self.stop()


def _rule(method: MethodDescriptor) -> _Rule:
    access = method.GetOptions().Extensions[access_pb2.access]
    scope = "" if not access.scope else access_pb2.Scope.Name(access.scope).removeprefix("SCOPE_").lower()
    return _Rule(scope, access.level, method.name.startswith(("Create", "Import")))


def _site_of(request: Message) -> str:
    """Return the site that a request names, in itself or in the one resource it carries."""
    if "site_id" in request.DESCRIPTOR.fields_by_name:
        return str(getattr(request, "site_id"))  # noqa: B009 - the field is known by its descriptor only
    for field in request.DESCRIPTOR.fields:
        inner = field.message_type
        if (
            inner is not None
            and not field.is_repeated
            and request.HasField(field.name)
            and "site_id" in inner.fields_by_name
        ):
            return str(getattr(request, field.name).site_id)
    return ""


def _as_fault(error: Exception, method: str) -> Fault:
    if isinstance(error, Fault):
        if error.code is Kind.INTERNAL:
            log.error("%s failed: %s", method, error.message, exc_info=error)
        return error
    if isinstance(error, grpc.RpcError):
        return wire.from_rpc_error(error)
    if isinstance(error, NotImplementedError):  # raised by the generated base class of a servicer
        return Unimplemented(f"{method} is not offered.")
    if isinstance(error, DATABASE_AWAY):
        log.warning("%s: the database cannot be reached: %s", method, error)
        return Unavailable("The database cannot be reached just now; try again.", retry_after_s=1.0)
    log.error("%s failed", method, exc_info=error)
    return Internal(
        f"Something went wrong on our side; ask support with the request id {call.request_id() or '(none)'}."
    )
