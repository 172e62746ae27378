"""A proxy in front of a test site that loses, refuses or replaces answers, the way the internet does."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote_plus, urlsplit

_FORWARD_S = 30


@dataclass(frozen=True)
class Canned:
    """An answer given in place of the site's."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Rule = Callable[[str, str], bool]


class Proxy:
    """Forwards to a site; `lose` drops the next matching answer after the site has acted, `refuse` never asks it.

    Rules get the method and the decoded path with its query.
    """

    def __init__(self, site_url: str) -> None:
        site = urlsplit(site_url)
        self.site = site.netloc
        self.seen: list[tuple[str, str]] = []
        self.lost = 0
        self._losing: list[Rule] = []
        self._refusing: list[tuple[Rule, Canned]] = []
        self._stripped = ""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _pass(self) -> None:
                proxy._serve(self)

            do_GET = do_POST = _pass  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing: the tests look at `seen`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{site.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def lose(self, rule: Rule) -> None:
        """Let the next matching request reach the site, and cut the connection instead of answering."""
        self._losing.append(rule)

    def refuse(self, rule: Rule, answer: Canned) -> None:
        """Answer every matching request with this; the site never sees it."""
        self._refusing.append((rule, answer))

    def remove(self, header: str) -> None:
        """Remove a header from every request, as some web servers do."""
        self._stripped = header

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        method, path = handler.command, unquote_plus(handler.path)
        self.seen.append((method, path))
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        answer = next((canned for rule, canned in self._refusing if rule(method, path)), None)
        answer = answer or self._forward(method, handler.path, body, dict(handler.headers))
        losing = next((rule for rule in self._losing if rule(method, path)), None)
        handler.close_connection = True
        if losing:
            self._losing.remove(losing)
            self.lost += 1
            return
        handler.send_response(answer.status)
        for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _forward(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Canned:
        connection = http.client.HTTPConnection(self.site, timeout=_FORWARD_S)
        try:
            headers.pop(self._stripped, None)
            connection.request(method, path, body, {**headers, "Host": self.site})
            response = connection.getresponse()
            kept = [(n, v) for n, v in response.getheaders() if n.lower() in ("content-type", "location")]
            return Canned(response.status, response.read(), tuple(kept))
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def request(method: str, *parts: str) -> Rule:
    """Requests of a method whose path and query have all the parts."""
    return lambda asked, path: asked == method and all(part in path for part in parts)


def exactly(method: str, ending: str) -> Rule:
    """Requests of a method whose path and query end so."""
    return lambda asked, path: asked == method and path.endswith(ending)
