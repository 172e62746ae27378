"""A model server that says what a test tells it to, over real HTTP, in the shapes of the OpenAI API.

For what a real server does not show on demand: rate limits, cut answers, refusals, broken JSON, prose, silence.
"""

from __future__ import annotations

import json
import sys
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the server answers with.

    Args:
        body: as it is sent.
        status: of HTTP.
        headers: beside those of every answer.
        after_s: how long the server is silent before.
        every_s: how long it is silent after each byte; 0 sends all at once.
        cut_at: how many bytes of the body are sent before the connection is closed; -1 sends all, and 0 closes it
            without a word.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    every_s: float = 0.0
    cut_at: int = -1


def chat(
    text: str | None, *, finish_reason: str = "stop", refusal: str | None = None, model: str = "stub-text-1"
) -> Reply:
    """Return the answer of a chat completion: 11 tokens read, 7 written."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "finish_reason": finish_reason, "message": message, "logprobs": None}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": model}
    return _json(head | {"choices": [choice], "usage": usage})


def image(data: bytes) -> Reply:
    """Return the answer of an image generation."""
    return _json({"created": 1_790_000_000, "data": [{"b64_json": b64encode(data).decode()}]})


def embeddings(vectors: Sequence[Sequence[float]]) -> Reply:
    """Return the answer of an embedding, the last vector first: their index says which is which."""
    items = [{"object": "embedding", "index": n, "embedding": list(vector)} for n, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return _json({"object": "list", "model": "stub-embed-1", "data": items[::-1], "usage": usage})


def failure(status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an error as the API words it."""
    error = {"message": message, "type": "stub_error", "param": None, "code": code}
    return _json({"error": error}, status, headers)


def _json(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(json.dumps(body).encode(), status, {"Content-Type": "application/json", **(headers or {})})


@dataclass(frozen=True)
class Asked:
    """A request that came in; header names are lower-case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class ModelServer:
    """A running server: `base_url` to call, `will(...)` to say what comes next, `asked` for what came in."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: deque[Reply] = deque()
        self._stopped = threading.Event()
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="model-server")

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def unsaid(self) -> int:
        """How many replies nobody has fetched yet."""
        return len(self._replies)

    def will(self, *replies: Reply) -> None:
        """Answer the next requests like this, in order; a request too many is answered with 500."""
        self._replies.extend(replies)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End every silence, and the server."""
        self._stopped.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()  # joins the threads of requests

    def next_reply(self, asked: Asked) -> Reply:
        """Take a request down and return what it is answered with."""
        self.asked.append(asked)
        return self._replies.popleft() if self._replies else Reply(b"nothing was said to answer", 500)

    def silent(self, seconds: float) -> bool:
        """Wait, and return whether the server still runs."""
        return not self._stopped.wait(seconds)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A server for the length of a `with` block."""
    server = ModelServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Http(ThreadingHTTPServer):
    request_queue_size = 128  # a service that was frozen connects for all its callers at once

    def __init__(self, owner: ModelServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away between two requests; all else is a fault of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self._owner.next_reply(Asked(self.path, headers, json.loads(raw)))
        try:
            self._send(reply)
        except OSError:
            self.close_connection = True  # the client did not wait for the end: that is what such a test is about

    @property
    def _owner(self) -> ModelServer:
        assert isinstance(self.server, _Http)
        return self.server.owner

    def _send(self, reply: Reply) -> None:
        if reply.after_s and not self._owner.silent(reply.after_s):
            return
        if reply.cut_at == 0:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.cut_at > 0:
            self.wfile.write(reply.body[: reply.cut_at])
            self.close_connection = True
        elif reply.every_s:
            self._drip(reply)
        else:
            self.wfile.write(reply.body)

    def _drip(self, reply: Reply) -> None:
        for position in range(len(reply.body)):
            self.wfile.write(reply.body[position : position + 1])
            if not self._owner.silent(reply.every_s):
                return

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: tests read `asked`."""
