"""What billing refuses with."""

import pytest
from igny8.billing.v1 import billing_pb2

from chassis.errors import Fault
from services.billing import errors

FAULTS: list[Fault] = [
    errors.InsufficientCredits(needed=12, available=3, held=4),
    errors.QuoteExhausted(needed=5, limit=500, captured=498, held=0),
    errors.DailyLimitReached(needed=5, limit=200, captured=198, held=0),
    errors.QuoteReplaced(),
    errors.NoCreditAccount(),
    errors.QuoteExpired(),
    errors.HoldClosed("step:1", "released"),
    errors.CaptureAboveHold(needed=5, held=4),
    errors.RefundAboveCapture(credits_=5, left=4),
    errors.RefundAboveCapture(credits_=5, left=0),
    errors.AlreadyReversed(),
    errors.NotReversible("Adjust the balance instead"),
    errors.UnknownOperation("foo", field="operation", known=["content"]),
    errors.KeyReused("step:1", "reservation"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_every_reason_stands_in_the_proto(fault: Fault) -> None:
    assert f"BILLING_ERROR_REASON_{fault.reason}" in billing_pb2.BillingErrorReason.keys()  # noqa: SIM118 - an enum
    assert fault.message.endswith(".")


@pytest.mark.parametrize(
    ("fault", "held_by_others"),
    [
        (errors.InsufficientCredits(needed=12, available=3, held=9), "9"),
        (errors.InsufficientCredits(needed=13, available=3, held=9), "0"),
        (errors.QuoteExhausted(needed=2, limit=10, captured=8, held=1), "1"),
        (errors.QuoteExhausted(needed=3, limit=10, captured=8, held=1), "0"),
        (errors.DailyLimitReached(needed=2, limit=10, captured=8, held=1), "1"),
        (errors.DailyLimitReached(needed=3, limit=10, captured=8, held=1), "0"),
    ],
)
def test_waiting_is_advised_only_where_it_can_help(fault: Fault, held_by_others: str) -> None:
    assert fault.metadata["held_by_others"] == held_by_others
