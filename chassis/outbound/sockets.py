"""A TCP socket to an address that was checked, and that never outlives the deadline of its request."""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from chassis.outbound.errors import OutboundFailed
from chassis.outbound.target import IPAddress, Target, check_address

ADDRESSES_TRIED_MAX: Final = 4


class Deadline:
    """The moment by which the whole exchange must be over (monotonic seconds)."""

    def __init__(self, timeout_s: float) -> None:
        self._at = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        """Seconds left; raises TimeoutError when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole request is used up")
        return left


class DeadlineSocket(socket.socket):
    """Each operation waits only for what is left of the whole, so that a drip of bytes cannot hold us."""

    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """As in the standard library, within the deadline."""
        self.settimeout(self.deadline.remaining_s())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """As in the standard library, within the deadline."""
        self.settimeout(self.deadline.remaining_s())
        super().sendall(*args, **kwargs)


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same over TLS, where one sendall is many sends. Until `deadline` is set only the handshake runs."""

    deadline: Deadline | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """As in the standard library, within the deadline."""
        if self.deadline:
            self.settimeout(self.deadline.remaining_s())
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        """As in the standard library, within the deadline."""
        if self.deadline:
            self.settimeout(self.deadline.remaining_s())
        return super().send(*args, **kwargs)


def _lookup(host: str, port: int, deadline: Deadline) -> list[IPAddress]:
    """All addresses of a name; getaddrinfo knows no timeout, so it waits in a thread of its own."""
    answer: queue.SimpleQueue[Sequence[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=ask, name="outbound-resolve", daemon=True).start()
    try:
        found = answer.get(timeout=deadline.remaining_s())
    except queue.Empty:
        raise TimeoutError(f"resolving {host} took too long") from None
    if isinstance(found, Exception):
        raise OutboundFailed("name_not_found", f"{host} cannot be resolved; check its spelling.") from found
    return list(dict.fromkeys(ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in found))


def open_checked(target: Target, deadline: Deadline, *, allow_loopback: bool) -> DeadlineSocket:
    """Resolve once, check every address, connect to the first that answers.

    Raises:
        AddressRefused: one of the addresses may not be called; no connection was tried.
        OutboundFailed: the name has no address, or none of them takes connections.
        TimeoutError: the deadline passed.
    """
    literal = target.literal
    addresses = [literal] if literal else _lookup(target.host, target.port, deadline)
    for address in addresses:
        check_address(address, target.port, allow_loopback=allow_loopback)
    tried = addresses[:ADDRESSES_TRIED_MAX]
    failure: OSError | None = None
    for left, address in zip(range(len(tried), 0, -1), tried, strict=True):
        family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
        sock = DeadlineSocket(family, socket.SOCK_STREAM)
        sock.deadline = deadline
        try:
            # A silent first address must leave time for the next one.
            sock.settimeout(deadline.remaining_s() / left)
            sock.connect((str(address), target.port))
            sock.settimeout(deadline.remaining_s())
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise failure
    raise OutboundFailed("connect", f"No connection to {target.host}:{target.port}: {failure}.") from failure
