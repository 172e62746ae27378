"""HTTP to addresses that users give: a site's URL is an enemy.

How a request is kept away from our own network:

- The URL is parsed once, strictly, and rebuilt from its parts: no second parser reads another host out of it.
- The name is resolved once, where the socket is opened. If any of its addresses is refused, the request is;
  otherwise the socket goes to one of the addresses that were checked. There is no gap for DNS rebinding.
- Host header, SNI and the certificate check use the name.
- Redirects are returned to the caller and never followed. Proxies, cookies and netrc are never consulted.
- Every request has a connection of its own, so no state leaks from one tenant's site to another.

Rooms: `errors`, `target` (what may be called; pure), `sockets` (the checked connection), `client`.
"""

from chassis.outbound.client import OutboundClient, OutboundResponse
from chassis.outbound.errors import (
    FAILURE_REASONS,
    AddressRefused,
    OutboundError,
    OutboundFailed,
    OutboundTimeout,
)
from chassis.outbound.target import Target, check_address, parse_target

__all__ = [
    "FAILURE_REASONS",
    "AddressRefused",
    "OutboundClient",
    "OutboundError",
    "OutboundFailed",
    "OutboundResponse",
    "OutboundTimeout",
    "Target",
    "check_address",
    "parse_target",
]
