"""Billing as a process: what it says when it cannot start."""

import pytest

from chassis.config import ConfigurationError, Environment
from services.billing.__main__ import build


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as failed:
        build(Environment({}))
    for name in ("BILLING_LISTEN", "BILLING_DATABASE_URL", "BILLING_SWEEP_URL"):
        assert f"{name} is not set" in str(failed.value)
