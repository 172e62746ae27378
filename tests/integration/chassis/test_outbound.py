"""The checked connection against real sockets: who is connected to, how long, how much."""

import contextlib
import datetime
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chassis.outbound import AddressRefused, OutboundClient, OutboundFailed, OutboundTimeout

Answer = Callable[[socket.socket, bytes], None]


class Server:
    """A TCP server on a free loopback port that reads one request head and lets the test answer it."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            connection, _ = self._listener.accept()
            # a client that gave up is what half of these tests are about
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                stream = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
                with stream:
                    self._talk(stream)

    def _talk(self, stream: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (chunk := stream.recv(65_536)):
            head += chunk
        if head:
            self.requests.append(head)
            self._answer(stream, head)

    def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass  # wakes accept()
        self._thread.join(10)
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def start(answer: Answer | bytes, tls: ssl.SSLContext | None = None) -> Server:
        def send(stream: socket.socket, _head: bytes) -> None:
            stream.sendall(answer if isinstance(answer, bytes) else b"")

        running.append(Server(send if isinstance(answer, bytes) else answer, tls))
        return running[-1]

    yield start
    for server in running:
        server.stop()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class TestAnswer:
    def test_gives_status_headers_and_body(self, serve: Callable[..., Server]) -> None:
        server = serve(b'HTTP/1.1 418 T\r\nX-Tea: a\r\nX-Tea: b\r\nContent-Length: 8\r\n\r\n{"a": 1}')
        response = OutboundClient(allow_loopback=True).request("GET", server.url + "/a?b=c")
        assert response.status == 418
        assert response.headers["x-tea"] == "a, b"
        assert response.json() == {"a": 1}
        assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")

    def test_sends_json_and_credentials(self, serve: Callable[..., Server]) -> None:
        server = serve(OK)
        OutboundClient(allow_loopback=True).request("POST", server.url, json={"ä": 1}, auth=("ü", "p:w"))
        assert b'{"\xc3\xa4": 1}' in server.requests[0] or b"Content-Length: 9" in server.requests[0]
        assert b"Authorization: Basic w7w6cDp3\r\n" in server.requests[0]

    def test_returns_redirects_and_does_not_follow_them(self, serve: Callable[..., Server]) -> None:
        inner = serve(OK)
        outer = serve(f"HTTP/1.1 302 F\r\nLocation: {inner.url}/\r\nContent-Length: 0\r\n\r\n".encode())
        response = OutboundClient(allow_loopback=True).request("GET", outer.url)
        assert (response.status, response.headers["location"]) == (302, inner.url + "/")
        assert inner.requests == []

    def test_keeps_no_cookie_and_asks_no_proxy(
        self, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        server = serve(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
        client = OutboundClient(allow_loopback=True)
        for _ in range(2):
            client.request("GET", server.url)
        assert not any(b"ookie" in request for request in server.requests)


class TestAddress:
    def test_loopback_is_closed_by_default(self, serve: Callable[..., Server]) -> None:
        server = serve(OK)
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(AddressRefused):
                OutboundClient().request("GET", f"http://{host}:{server.port}/")
        assert server.requests == []

    def test_one_private_address_behind_a_name_refuses_them_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resolve_to(monkeypatch, "1.1.1.1", "10.0.0.1")
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
            OutboundClient().request("GET", "http://example.com/")

    def test_the_name_is_resolved_once(self, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
        server = serve(OK)
        asked = resolve_to(monkeypatch, "127.0.0.1")
        OutboundClient(allow_loopback=True).request("GET", f"http://rebind.example:{server.port}/")
        assert asked == ["rebind.example"]
        assert f"Host: rebind.example:{server.port}".encode() in server.requests[0]

    def test_a_dead_first_address_does_not_hide_the_second(
        self, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve(OK)
        resolve_to(monkeypatch, "127.0.0.9", "127.0.0.1")
        client = OutboundClient(allow_loopback=True)
        assert client.request("GET", f"http://two.example:{server.port}/").status == 200

    def test_an_unknown_name_says_so(self) -> None:
        with pytest.raises(OutboundFailed) as caught:
            OutboundClient().request("GET", "http://no-such-name.invalid/")
        assert caught.value.reason == "name_not_found"

    def test_a_closed_port_says_so(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(OutboundFailed) as caught:
            OutboundClient(allow_loopback=True).request("GET", f"http://127.0.0.1:{port}/")
        assert caught.value.reason == "connect"


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Stand in for DNS, which a test cannot own; everything behind it is real."""
    asked: list[str] = []

    def resolver(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return asked


def drip_head(stream: socket.socket, _head: bytes) -> None:
    stream.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        stream.sendall(b"x")
        time.sleep(0.05)


def drip_body(stream: socket.socket, _head: bytes) -> None:
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(100):
        stream.sendall(b"x")
        time.sleep(0.05)


def silence(stream: socket.socket, _head: bytes) -> None:
    stream.recv(1)


class TestBounds:
    @pytest.mark.parametrize("answer", [drip_head, drip_body, silence])
    def test_the_time_is_for_the_whole_answer(self, serve: Callable[..., Server], answer: Answer) -> None:
        server = serve(answer)
        began = time.monotonic()
        with pytest.raises(OutboundTimeout):
            OutboundClient(allow_loopback=True, timeout_s=0.4).request("GET", server.url)
        assert time.monotonic() - began < 1.5

    def test_a_resolver_that_hangs_is_left_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        released = threading.Event()

        def hang(*_: object, **__: object) -> list[object]:
            released.wait(10)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", hang)
        with pytest.raises(OutboundTimeout):
            OutboundClient(timeout_s=0.2).request("GET", "http://example.com/")
        released.set()

    @pytest.mark.parametrize(
        "head",
        [b"Content-Length: 2000000\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n1e8480\r\n"],
        ids=["announced", "until close", "chunked"],
    )
    def test_the_size_is_capped(self, serve: Callable[..., Server], head: bytes) -> None:
        server = serve(b"HTTP/1.1 200 OK\r\n" + head + b"x" * 2_000_000)
        with pytest.raises(OutboundFailed) as caught:
            OutboundClient(allow_loopback=True, max_bytes=100_000).request("GET", server.url)
        assert caught.value.reason == "too_large"

    def test_a_compressed_bomb_is_counted_unpacked(self, serve: Callable[..., Server]) -> None:
        bomb = gzip.compress(b"\0" * 50_000_000)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        server = serve(head.encode() + bomb)
        with pytest.raises(OutboundFailed) as caught:
            OutboundClient(allow_loopback=True, max_bytes=1_000_000).request("GET", server.url)
        assert caught.value.reason == "too_large"

    @pytest.mark.parametrize(
        "garbage",
        [
            b"",
            b"\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        ],
    )
    def test_garbage_is_a_failure_with_a_reason(self, serve: Callable[..., Server], garbage: bytes) -> None:
        server = serve(garbage)
        with pytest.raises(OutboundFailed) as caught:
            OutboundClient(allow_loopback=True, timeout_s=3).request("GET", server.url)
        assert caught.value.reason == "protocol"


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for one name, with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


class TestTLS:
    @pytest.fixture
    def trusted(self, tmp_path: Path) -> Path:
        return certificate(tmp_path, "shop.example")

    @pytest.fixture
    def server_context(self, trusted: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(trusted)
        return context

    def test_the_certificate_is_checked_for_the_name_and_the_name_is_announced(
        self,
        serve: Callable[..., Server],
        server_context: ssl.SSLContext,
        trusted: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        announced: list[str | None] = []
        server_context.sni_callback = lambda _socket, name, _context: announced.append(name)
        server = serve(OK, server_context)
        resolve_to(monkeypatch, "127.0.0.1")
        client = OutboundClient(allow_loopback=True, ssl_context=ssl.create_default_context(cafile=str(trusted)))
        assert client.request("GET", f"https://shop.example:{server.port}/").body == b"ok"
        assert announced == ["shop.example"]
        with pytest.raises(OutboundFailed) as caught:
            client.request("GET", f"https://other.example:{server.port}/")
        assert caught.value.reason == "tls"

    def test_an_unknown_authority_is_refused(
        self,
        serve: Callable[..., Server],
        server_context: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        server = serve(OK, server_context)
        resolve_to(monkeypatch, "127.0.0.1")
        with pytest.raises(OutboundFailed) as caught:
            OutboundClient(allow_loopback=True).request("GET", f"https://shop.example:{server.port}/")
        assert caught.value.reason == "tls"

    @pytest.mark.parametrize("answer", [drip_head, drip_body])
    def test_the_time_is_for_the_whole_answer(
        self,
        serve: Callable[..., Server],
        server_context: ssl.SSLContext,
        trusted: Path,
        monkeypatch: pytest.MonkeyPatch,
        answer: Answer,
    ) -> None:
        server = serve(answer, server_context)
        resolve_to(monkeypatch, "127.0.0.1")
        context = ssl.create_default_context(cafile=str(trusted))
        client = OutboundClient(allow_loopback=True, timeout_s=0.5, ssl_context=context)
        began = time.monotonic()
        with pytest.raises(OutboundTimeout):
            client.request("GET", f"https://shop.example:{server.port}/")
        assert time.monotonic() - began < 1.5
