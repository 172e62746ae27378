"""Errors on the wire: `chassis.errors` to and from `google.rpc.Status` in a gRPC trailer."""

from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from chassis import errors

DOMAIN = "igny8"


def to_status(fault: errors.Fault) -> status_pb2.Status:
    """Return the status of an error, with ErrorInfo and, where they apply, BadRequest and RetryInfo."""
    details = [error_details_pb2.ErrorInfo(reason=fault.reason, domain=DOMAIN, metadata=fault.metadata)]
    packed = [_pack(detail) for detail in details]
    if fault.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in fault.violations
        ]
        packed.append(_pack(error_details_pb2.BadRequest(field_violations=fields)))
    if fault.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(fault.retry_after_s * 1000))
        packed.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=code_pb2.Code.Value(fault.code.name), message=fault.message[:4000], details=packed)


def from_rpc_error(error: grpc.RpcError) -> errors.Fault:
    """Return what a failed call said. Without our details (a server that is gone) the kind is the status code's."""
    failed: Any = error  # every error that a call raises is a grpc.Call too, which its type does not say
    status = rpc_status.from_call(failed)
    if status is None:
        return _without_details(failed.code(), failed.details() or "")
    return from_status(status)


def from_status(status: status_pb2.Status) -> errors.Fault:
    """Return the error that a status describes."""
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    has_retry = False
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        has_retry = detail.Unpack(retry) or has_retry
    kind = _kind(code_pb2.Code.Name(status.code))
    return errors.RemoteFault(
        kind,
        info.reason or kind.name,
        status.message,
        metadata=dict(info.metadata),
        violations=[errors.Violation(v.field, v.description) for v in bad.field_violations],
        retry_after_s=retry.retry_delay.ToMilliseconds() / 1000 if has_retry else None,
    )


def _without_details(code: grpc.StatusCode, details: str) -> errors.Fault:
    kind = errors.Kind.UNAVAILABLE if code is grpc.StatusCode.CANCELLED else _kind(code.name)
    return errors.RemoteFault(kind, kind.name, details or f"The call failed with {code.name}.")


def _kind(name: str) -> errors.Kind:
    return errors.Kind[name] if name in errors.Kind.__members__ else errors.Kind.INTERNAL


def _pack(
    detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
