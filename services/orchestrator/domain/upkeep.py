"""The platform's own periodic work: what there is, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Duty:
    """One kind of periodic work.

    Args:
        every_s: seconds from its end to its next start.
        description: what it does, for operators.
    """

    every_s: int
    description: str


DUTIES: Mapping[str, Duty] = {
    "lapse_credits": Duty(300, "Begins and ends credits whose time has come."),
    "purge_answers": Duty(3600, "Forgets stored answers of requests that are older than 48 hours."),
    "reconcile": Duty(3600, "Compares every account's books with each other, and with the work that was done."),
}
RETRY_S = 60
"""Seconds until what could not be done is tried again: somebody was away."""
