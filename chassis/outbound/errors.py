"""Why an outbound request yielded no answer.

OutboundError
├── AddressRefused    the URL or an address behind its name is not one we may call; never worth a retry
├── OutboundTimeout   the whole exchange (name, connect, TLS, send, read) took longer than allowed
└── OutboundFailed    anything else on the way; `reason` is one of FAILURE_REASONS
"""

from typing import Final

FAILURE_REASONS: Final = ("name_not_found", "connect", "tls", "protocol", "too_large", "bad_header")


class OutboundError(Exception):
    """The request did not yield an answer."""


class AddressRefused(OutboundError):
    """The URL, or an address behind its name, is not one this system calls."""


class OutboundTimeout(OutboundError):
    """The whole exchange took longer than allowed. The other side may have done what was asked."""


class OutboundFailed(OutboundError):
    """No usable answer came back. The other side may have done what was asked.

    Args:
        reason: one of FAILURE_REASONS.
        message: what happened, for the person who gave the address.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
