"""The client: one request, one checked connection, one answer read to its end within its bounds."""

import base64
import json as jsonlib
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, SSLError

from chassis.outbound.errors import OutboundError, OutboundFailed, OutboundTimeout
from chassis.outbound.sockets import Deadline, DeadlineTLSSocket, open_checked
from chassis.outbound.target import Target, parse_target

_CHUNK_BYTES: Final = 65_536
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


@dataclass(frozen=True)
class OutboundResponse:
    """An answer read to its end. `headers` has lower-case names; repeated ones are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: the body is not JSON in UTF-8, or is nested beyond what the parser follows.
        """
        try:
            return jsonlib.loads(self.body)
        except RecursionError as error:
            raise ValueError("the answer is nested too deeply") from error


def _connection(target: Target, deadline: Deadline, context: ssl.SSLContext, *, allow_loopback: bool) -> HTTPConnection:
    """An urllib3 connection that opens its own checked socket; everything above the socket is urllib3's."""

    class CheckedHTTP(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return open_checked(target, deadline, allow_loopback=allow_loopback)

    class CheckedHTTPS(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return open_checked(target, deadline, allow_loopback=allow_loopback)

        def connect(self) -> None:
            super().connect()
            if isinstance(self.sock, DeadlineTLSSocket):
                self.sock.deadline = deadline

    if target.scheme == "http":
        return CheckedHTTP(target.host, target.port)
    return CheckedHTTPS(target.host, target.port, ssl_context=context)


def _prepare(
    headers: Mapping[str, str], json: object, data: bytes | None, auth: tuple[str, str] | None
) -> tuple[bytes | None, dict[str, str]]:
    """The body and the headers of a request; nothing in either can begin a second one."""
    if json is not None and data is not None:
        raise TypeError("a request has either json or data")
    sent = {"User-Agent": "igny8", "Accept": "*/*", **headers}
    sent |= {"Accept-Encoding": "identity", "Connection": "close"}
    if json is not None:
        data = jsonlib.dumps(json, ensure_ascii=False).encode()
        sent["Content-Type"] = "application/json"
    if auth is not None:
        sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode("ascii")
    for name, value in sent.items():
        if name.lower() in ("host", "content-length", "transfer-encoding") or not _HEADER_NAME.match(name):
            raise OutboundFailed("bad_header", f"The header {name!r} cannot be sent; remove it.")
        if not value.isprintable() or not value.isascii():
            raise OutboundFailed("bad_header", f"The value of the header {name} must be printable ASCII.")
    return data, sent


class OutboundClient:
    """Calls addresses that users give. Threads and tenants may share one: it keeps nothing of a request.

    Args:
        allow_loopback: development only: opens this machine's loopback, on any port.
        timeout_s: seconds for a whole request, from resolving the name to the last byte of the answer.
        max_bytes: the largest body accepted, counted after decompression.
        ssl_context: trust of one's own; by default the public authorities that certifi ships.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        timeout_s: float = 20.0,
        max_bytes: int = 8_000_000,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.allow_loopback = allow_loopback
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._context = ssl_context or ssl.create_default_context(cafile=certifi.where())
        self._context.sslsocket_class = DeadlineTLSSocket

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: bytes | None = None,
        auth: tuple[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> OutboundResponse:
        """Send one request and read its whole answer. Any status is an answer, redirects included.

        Args:
            method: GET, POST, ...
            url: http or https, as the user gave it or built upon that.
            headers: sent as they are; Host, Content-Length and Connection are set here.
            json: sent as a JSON body.
            data: sent as the body as it is; with `json` it is an error.
            auth: user name and password for HTTP Basic.
            timeout_s: seconds for the whole request when it needs others than the client's.

        Raises:
            AddressRefused: see `parse_target` and `check_address`.
            OutboundTimeout: the time was up; the other side may have acted.
            OutboundFailed: see FAILURE_REASONS; the other side may have acted.
        """
        target = parse_target(url)
        allowed_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = Deadline(allowed_s)
        body, sent_headers = _prepare(headers or {}, json, data, auth)
        connection = _connection(target, deadline, self._context, allow_loopback=self.allow_loopback)
        try:
            connection.request(method, target.path, body, sent_headers, preload_content=False)
            return self._read(connection.getresponse())
        except OutboundError:
            raise
        except (TimeoutError, urllib3.exceptions.TimeoutError) as error:
            raise OutboundTimeout(f"{target.host} gave no whole answer within {allowed_s:g} s.") from error
        except (ssl.SSLError, SSLError) as error:
            raise OutboundFailed("tls", f"No safe connection to {target.host}: {error}.") from error
        except (HTTPError, HTTPException, OSError) as error:
            raise OutboundFailed("protocol", f"{target.host} gave no HTTP answer: {error}.") from error
        finally:
            connection.close()

    def _read(self, response: urllib3.BaseHTTPResponse) -> OutboundResponse:
        body = bytearray()
        try:
            while chunk := response.read(_CHUNK_BYTES):
                body += chunk
                if len(body) > self._max_bytes:
                    raise OutboundFailed("too_large", f"The answer is larger than {self._max_bytes} bytes.")
        finally:
            response.close()
        headers = {name.lower(): response.headers[name] for name in response.headers}  # repeated ones joined
        return OutboundResponse(response.status, headers, bytes(body))
