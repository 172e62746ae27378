"""Errors cross whole: kind, reason, message, facts, fields and waiting time."""

import grpc
import pytest
from google.rpc import status_pb2

from chassis import errors, wire

FAULTS = [kind for kind in errors.Fault.__subclasses__() if kind is not errors.RemoteFault]


class Lost(grpc.RpcError):
    """A call that failed without any of our details."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__()
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "gone"

    def trailing_metadata(self) -> tuple[()]:
        return ()


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_a_fault_comes_back_as_it_was(kind: type[errors.Fault]) -> None:
    sent = kind(
        "Something is wrong; do this.",
        metadata={"needed": "12"},
        violations=[errors.Violation("keyword.volume", "must not be negative")],
        retry_after_s=1.5,
    )
    got = wire.from_status(status_pb2.Status.FromString(wire.to_status(sent).SerializeToString()))
    assert (got.code, got.reason, got.message) == (sent.code, sent.reason, sent.message)
    assert (got.metadata, got.violations, got.retry_after_s) == (sent.metadata, sent.violations, 1.5)


def test_no_waiting_time_stays_none() -> None:
    assert wire.from_status(wire.to_status(errors.NotFound.row("site", 1))).retry_after_s is None


def test_a_remote_fault_can_be_passed_on() -> None:
    remote = errors.RemoteFault(errors.Kind.RESOURCE_EXHAUSTED, "INSUFFICIENT_CREDITS", "Buy some.")
    assert wire.from_status(wire.to_status(remote)).reason == "INSUFFICIENT_CREDITS"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.Kind.UNAVAILABLE),
        (grpc.StatusCode.CANCELLED, errors.Kind.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.Kind.DEADLINE_EXCEEDED),
        (grpc.StatusCode.DATA_LOSS, errors.Kind.INTERNAL),
    ],
)
def test_a_server_that_is_gone_says_nothing(code: grpc.StatusCode, kind: errors.Kind) -> None:
    assert wire.from_rpc_error(Lost(code)).code is kind
