"""Errors that cross: one base with a reason, raised in a rule, read by a person.

    Fault
     ├─ InvalidArgument        a field is wrong; each is named
     ├─ Unauthenticated        nobody known is calling
     ├─ PermissionDenied       the caller may not
     ├─ NotFound               no such row for this tenant
     ├─ AlreadyExists          the natural key is taken
     ├─ FailedPrecondition     the state does not allow it
     ├─ Aborted                somebody else changed it meanwhile
     ├─ ResourceExhausted      a limit is reached
     ├─ Unavailable            a part cannot be reached now; try again
     ├─ DeadlineTooShort       too little time is left to begin
     ├─ Unimplemented          not offered
     ├─ Internal               a fault of ours
     └─ RemoteFault            any of these, as another service said it

A service draws its own below these in its `errors.py`: a class with a `reason` that stands in its proto's enum. Nothing
here knows gRPC or HTTP: `chassis.wire` maps a kind to a gRPC status, the gateway maps it to a problem document.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


class Kind(enum.Enum):
    """What sort of failure it is; the names are those of `google.rpc.Code`."""

    INVALID_ARGUMENT = enum.auto()
    UNAUTHENTICATED = enum.auto()
    PERMISSION_DENIED = enum.auto()
    NOT_FOUND = enum.auto()
    ALREADY_EXISTS = enum.auto()
    FAILED_PRECONDITION = enum.auto()
    ABORTED = enum.auto()
    RESOURCE_EXHAUSTED = enum.auto()
    UNAVAILABLE = enum.auto()
    DEADLINE_EXCEEDED = enum.auto()
    UNIMPLEMENTED = enum.auto()
    INTERNAL = enum.auto()


@dataclass(frozen=True)
class Violation:
    """One field that is wrong.

    Args:
        field: its path in the request, in snake_case: "keyword.volume".
        description: why, and what would be right.
    """

    field: str
    description: str


class Fault(Exception):
    """A failure with a reason.

    Args:
        message: what happened and what to do, for a person.
        metadata: facts for programs: {"needed": "12", "available": "3"}.
        violations: fields that are wrong.
        retry_after_s: seconds to wait before another try, when waiting helps.
    """

    kind: ClassVar[Kind] = Kind.INTERNAL
    reason: str = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s

    @property
    def code(self) -> Kind:
        """What sort of failure this one is."""
        return self.kind


class InvalidArgument(Fault):
    """One or more fields are wrong."""

    kind, reason = Kind.INVALID_ARGUMENT, "INVALID_ARGUMENT"

    @classmethod
    def field(cls, field: str, description: str) -> "InvalidArgument":
        """Return the error for one wrong field."""
        return cls(f"{field}: {description}", violations=[Violation(field, description)])


class Unauthenticated(Fault):
    """Nobody known is calling."""

    kind, reason = Kind.UNAUTHENTICATED, "UNAUTHENTICATED"


class PermissionDenied(Fault):
    """The caller may not do this."""

    kind, reason = Kind.PERMISSION_DENIED, "PERMISSION_DENIED"


class NotFound(Fault):
    """No such row for this tenant, whether it is missing or somebody else's."""

    kind, reason = Kind.NOT_FOUND, "NOT_FOUND"

    @classmethod
    def row(cls, noun: str, row_id: object) -> "NotFound":
        """Return the error for one missing row."""
        return cls(f"There is no {noun} {row_id}.", metadata={"resource": noun})


class AlreadyExists(Fault):
    """A row with that natural key exists."""

    kind, reason = Kind.ALREADY_EXISTS, "ALREADY_EXISTS"


class FailedPrecondition(Fault):
    """The row's state does not allow it."""

    kind, reason = Kind.FAILED_PRECONDITION, "WRONG_STATE"


class UnusableAnswer(FailedPrecondition):
    """A model's answer could not be used; nothing was stored."""

    reason = "UNUSABLE_ANSWER"


class Aborted(Fault):
    """Somebody else changed it meanwhile."""

    kind, reason = Kind.ABORTED, "ETAG_MISMATCH"


class StepTakenOver(Aborted):
    """A later worker of the same step was here first; nothing is done for the one that is late."""

    reason = "STEP_TAKEN_OVER"


class RequestIdReused(Fault):
    """The request id was used with another body."""

    kind, reason = Kind.ALREADY_EXISTS, "REQUEST_ID_REUSED"


class ResourceExhausted(Fault):
    """A limit is reached."""

    kind, reason = Kind.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"


class Unavailable(Fault):
    """A part that is needed cannot be reached just now."""

    kind, reason = Kind.UNAVAILABLE, "UNAVAILABLE"


class DeadlineTooShort(Fault):
    """Too little time is left to begin."""

    kind, reason = Kind.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT"


class Unimplemented(Fault):
    """The method is not offered."""

    kind, reason = Kind.UNIMPLEMENTED, "UNIMPLEMENTED"


class Internal(Fault):
    """A fault of ours."""

    kind, reason = Kind.INTERNAL, "INTERNAL"


class RemoteFault(Fault):
    """A failure as another service said it: kind, reason, fields and facts are kept."""

    def __init__(
        self,
        remote_kind: Kind,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, metadata=metadata, violations=violations, retry_after_s=retry_after_s)
        self.remote_kind = remote_kind
        self.reason = reason

    @property
    def code(self) -> Kind:
        """What sort of failure the other service said it is."""
        return self.remote_kind
