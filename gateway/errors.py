"""What goes wrong before a service is asked, beside the chassis' own faults.

Fault
 ├─ InvalidArgument
 │   └─ MalformedBody        the body is not what its media type says          400
 ├─ NotFound
 │   └─ NoSuchRoute          no such path                                      404
 ├─ MethodNotAllowed         the path knows other methods                      405
 ├─ BodyTooSlow              the body did not come in time                     408
 ├─ BodyTooLarge             more bytes than are taken                         413
 ├─ UnsupportedMediaType     not a media type that the path takes              415
 └─ ResourceExhausted
     └─ RateLimited          too many calls; when the next one is welcome      429
"""

from collections.abc import Iterable

from chassis.errors import Fault, InvalidArgument, Kind, NotFound, ResourceExhausted, Violation


class ClientGone(Exception):
    """The client closed the connection; nobody is left to answer."""


class MalformedBody(InvalidArgument):
    """The body is not what its media type says."""

    reason = "MALFORMED_BODY"

    def __init__(self, message: str) -> None:
        super().__init__(message, violations=[Violation("body", message)])


class NoSuchRoute(NotFound):
    """No such path."""

    reason = "NO_SUCH_ROUTE"

    def __init__(self, path: str) -> None:
        super().__init__(f"There is no {path[:200]}; /openapi.json lists every path.")


class MethodNotAllowed(Fault):
    """The path knows other methods."""

    kind, reason = Kind.UNIMPLEMENTED, "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"{method[:20]} is not offered here; use {self.allowed}.", metadata={"allow": self.allowed})


class BodyTooSlow(Fault):
    """The body did not come in time."""

    kind, reason = Kind.DEADLINE_EXCEEDED, "BODY_TOO_SLOW"


class BodyTooLarge(Fault):
    """More bytes than are taken."""

    kind, reason = Kind.INVALID_ARGUMENT, "BODY_TOO_LARGE"

    def __init__(self, limit: int) -> None:
        message = f"The body is larger than {limit} bytes; send less."
        super().__init__(message, metadata={"limit_bytes": str(limit)}, violations=[Violation("body", message)])


class UnsupportedMediaType(Fault):
    """Not a media type that the path takes."""

    kind, reason = Kind.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE"

    def __init__(self, got: str, wanted: str) -> None:
        super().__init__(f"The body is {got[:100] or 'of no named type'}; send {wanted}.", metadata={"accept": wanted})


class RateLimited(ResourceExhausted):
    """Too many calls."""

    reason = "RATE_LIMITED"
