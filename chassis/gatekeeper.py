"""Who is let in: one interceptor that checks passport, access, deadline and request, and turns errors into statuses."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
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
LEAST_TIME_S = 0.01


@dataclass(frozen=True)
class _Rule:
    scope: str
    level: int
    creates: bool


@dataclass(frozen=True)
class Made:
    """A call as it was made.

    Args:
        method: "/igny8.planner.v1.PlannerService/GetKeyword".
        token: the passport it came with; "" for none.
        request_id: under which it is found in logs.
        time_left_s: until its caller gives up.
    """

    method: str
    token: str
    request_id: str
    time_left_s: float


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
        scheme, _, token = str(headers.get("authorization", "")).partition(" ")
        made = partial(
            Made,
            handler_call_details.method,
            token if scheme == "Bearer" else "",
            str(headers.get("x-request-id", "")),
        )
        inner = handler.unary_unary

        def guarded(request: Message, context: grpc.ServicerContext) -> Any:
            try:
                return self.serve(made(context.time_remaining()), inner, request, context)
            except Fault as fault:
                context.abort_with_status(rpc_status.to_status(wire.to_status(fault)))
                raise  # never reached: abort raises

        return grpc.unary_unary_rpc_method_handler(guarded, handler.request_deserializer, handler.response_serializer)

    def serve(self, made: Made, method: Callable[[Any, Any], Any], request: Message, context: Any) -> Any:
        """Serve one call, if its passport may make it.

        Args:
            made: the call.
            method: what serves it.
            request: its request.
            context: gRPC's, for the method.

        Raises:
            Fault: it may not, or it failed.
        """
        with call.serving(None, made.request_id), telemetry.measured(made.method) as outcome:
            try:
                rule = self._rules[made.method]
                passport = self._admit(rule, made, request)
                check_request(request, creates=rule.creates)
                with call.serving(passport, made.request_id, time.monotonic() + made.time_left_s):
                    return method(request, context)
            except Exception as error:
                fault = _as_fault(error, made.method)
                outcome.code = fault.code.name
                if fault is error:
                    raise
                raise fault from error

    def _admit(self, rule: _Rule, made: Made, request: Message) -> Passport:
        if made.time_left_s < LEAST_TIME_S:
            raise DeadlineTooShort("The deadline leaves no time; call with a later one.")
        if not made.token:
            raise Unauthenticated("The call carries no passport.")
        passport = self._verifier.verify(made.token)
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
