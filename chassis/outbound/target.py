"""Which URLs and addresses may be called: no sockets here, only the rules (GUARANTEES 14)."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

import idna

from chassis.outbound.errors import AddressRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

PUBLIC_PORTS: Final = {"http": 80, "https": 443}
URL_CHARS_MAX: Final = 8_192  # web servers take about as much
HOST_CHARS_MAX: Final = 253  # RFC 1035, without the root's dot

# IANA special-purpose registries (RFC 6890 and its updates), written out because `is_global` changed its mind
# between patch releases of Python. 168.63.129.16 is Azure's host agent: public by number, internal by use.
_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only 2000::/3 is handed out as global unicast, so v4-mapped, NAT64, unique-local, link-local, multicast and
# the rest fall outside by themselves. Inside it: Teredo and ORCHID (2001::/23), documentation, 6to4.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

# Up to 3.12 urlsplit drops what stands between "]" and the port.
_NETLOC: Final = re.compile(r"(?:\[[^\[\]]*\]|[^\[\]:]+)(?::[0-9]+)?\Z")
_HOST_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
# What WHATWG calls "ends in a number": resolvers read such names as IPv4 in octal, hex or with parts missing.
_NUMERIC_LABEL: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")


@dataclass(frozen=True)
class Target:
    """A URL taken apart.

    `host` is ASCII (IDNA, no trailing dot) or a bare IP literal; `path` has the query and is percent-encoded.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def literal(self) -> IPAddress | None:
        """The address when the host is one, else None."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def parse_target(url: str) -> Target:
    """Take a user's URL apart, strictly.

    Raises:
        AddressRefused: not http(s), credentials, characters that parsers read differently, no usable host.
    """
    if len(url) > URL_CHARS_MAX:
        raise AddressRefused(f"The URL is longer than {URL_CHARS_MAX} characters; use a shorter one.")
    if any(c <= " " or c == "\\" or "\x7f" <= c <= "\xa0" for c in url):
        raise AddressRefused("The URL has spaces, control characters or backslashes in it; remove them.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"This is not a URL: {error}.") from error
    if parts.scheme not in PUBLIC_PORTS:
        raise AddressRefused("Only http:// and https:// addresses can be called.")
    if "@" in parts.netloc:
        raise AddressRefused("The URL has credentials in it; give user name and password in their own fields.")
    if port == 0 or not _NETLOC.match(parts.netloc):
        raise AddressRefused("The URL has no readable host and port; write it as https://example.com/.")
    host = _canonical_host(parts.hostname or "", bracketed=parts.netloc.startswith("["))
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    if query:
        path = f"{path}?{query}"
    return Target(parts.scheme, host, port or PUBLIC_PORTS[parts.scheme], path)


def _canonical_host(host: str, *, bracketed: bool) -> str:
    if bracketed:
        if "%" in host:
            raise AddressRefused("The URL names a network interface; use a public address.")
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise AddressRefused(f"[{host}] is not an IPv6 address.") from error
    try:
        # UTS 46 also folds full-width digits and dots, so the check below sees what a resolver would.
        name = idna.encode(host, uts46=True).decode("ascii") if not host.isascii() else host.lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise AddressRefused(f"{host!r} is not a valid host name.") from error
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > HOST_CHARS_MAX or not all(_HOST_LABEL.match(label) for label in labels):
        raise AddressRefused(f"{host!r} is not a valid host name.")
    if _NUMERIC_LABEL.match(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError as error:
            raise AddressRefused(f"{host!r} is not an IPv4 address in its usual form.") from error
    return name


def check_address(address: IPAddress, port: int, *, allow_loopback: bool) -> None:
    """Refuse every address that is not public, and every port but 80 and 443.

    Args:
        address: what the socket would be connected to.
        port: its TCP port.
        allow_loopback: development only: 127.0.0.0/8 and ::1 are open, on any port.

    Raises:
        AddressRefused: this address and port may not be called.
    """
    if allow_loopback and address.is_loopback:
        return
    if isinstance(address, ipaddress.IPv4Address):
        refused = any(address in network for network in _REFUSED_V4)
    else:
        refused = address not in _GLOBAL_V6 or any(address in network for network in _REFUSED_V6)
    if refused:
        raise AddressRefused(f"{address} is not a public address; use the one that visitors reach the site by.")
    if port not in PUBLIC_PORTS.values():
        raise AddressRefused(f"Port {port} is not open to us; the site must answer on port 80 or 443.")
