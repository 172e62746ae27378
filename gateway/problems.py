"""Faults as problem documents (RFC 9457)."""

import math
from typing import Any

import orjson
from starlette.responses import Response

from chassis.errors import Fault, Kind
from gateway.errors import BodyTooLarge, BodyTooSlow, MethodNotAllowed, UnsupportedMediaType

MEDIA_TYPE = "application/problem+json"
STATUS_BY_KIND: dict[Kind, int] = {
    Kind.INVALID_ARGUMENT: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.PERMISSION_DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.ALREADY_EXISTS: 409,
    Kind.FAILED_PRECONDITION: 409,
    Kind.ABORTED: 409,
    Kind.RESOURCE_EXHAUSTED: 429,
    Kind.INTERNAL: 500,
    Kind.UNIMPLEMENTED: 501,
    Kind.UNAVAILABLE: 503,
    Kind.DEADLINE_EXCEEDED: 504,
}
# Credits have a status of their own, whatever kind of failure the service says it is.
STATUS_BY_REASON: dict[str, int] = {
    "INSUFFICIENT_CREDITS": 402,
    "QUOTE_EXHAUSTED": 402,
    MethodNotAllowed.reason: 405,
    BodyTooSlow.reason: 408,
    BodyTooLarge.reason: 413,
    UnsupportedMediaType.reason: 415,
}
TITLES: dict[int, str] = {
    400: "The request is wrong",
    401: "Nobody known is calling",
    402: "Not enough credits",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The body came too slowly",
    409: "The state does not allow it",
    413: "The body is too large",
    415: "Unsupported media type",
    429: "Too many requests",
    500: "A fault of ours",
    501: "Not offered",
    503: "Not available just now",
    504: "It took too long",
}
_RETRY_AFTER_S = 1.0  # when the service named no better time


def status_of(fault: Fault) -> int:
    """Return the HTTP status of a fault."""
    return STATUS_BY_REASON.get(fault.reason) or STATUS_BY_KIND[fault.code]


def problem(fault: Fault, *, instance: str, request_id: str) -> dict[str, Any]:
    """Return a fault as a problem document.

    Args:
        fault: what happened.
        instance: the path that was called.
        request_id: under which the call is found in the logs.
    """
    status = status_of(fault)
    return {
        "type": f"/problems/{fault.reason.lower().replace('_', '-')}",
        "title": TITLES[status],
        "status": status,
        "detail": fault.message,
        "instance": instance,
        "request_id": request_id,
        "reason": fault.reason,
        "violations": [{"field": v.field, "description": v.description} for v in fault.violations],
        "metadata": fault.metadata,
    }


def response(fault: Fault, *, instance: str, request_id: str) -> Response:
    """Return the answer that tells a client of a fault."""
    document = problem(fault, instance=instance, request_id=request_id)
    status: int = document["status"]
    headers = {}
    if status == 401:  # noqa: PLR2004 - Unauthorized
        headers["WWW-Authenticate"] = 'Bearer realm="igny8"'
    if status in {429, 503}:
        seconds = _RETRY_AFTER_S if fault.retry_after_s is None else fault.retry_after_s
        headers["Retry-After"] = str(max(math.ceil(seconds), 1))
    if isinstance(fault, MethodNotAllowed):
        headers["Allow"] = fault.allowed
    return Response(orjson.dumps(document), status, headers, MEDIA_TYPE)
