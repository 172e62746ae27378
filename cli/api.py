"""The gateway's REST interface, as a command uses it: every call bounded, every refusal a problem document."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import requests

from cli.errors import CommandError, Unreachable

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 300.0
SILENCE_TIMEOUT_S = 40.0  # a stream says that it is still there every 15 s
PAGE_SIZE = 1000

Json = dict[str, Any]


class Refused(CommandError):
    """The gateway answered with a problem document (RFC 9457): what happened, which field, what to do.

    Args:
        status: the HTTP status.
        document: the problem; empty when the answer was none.
    """

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.reason = str(document.get("reason", ""))
        lines = [str(document.get("detail") or f"The gateway answered with the status {status}.")]
        violations = [(v["field"], v["description"]) for v in document.get("violations", [])]
        lines += [f"  {name}: {description}" for name, description in violations if f"{name}: " not in lines[0]]
        if document.get("request_id") and status >= 500:  # noqa: PLR2004 - HTTP's own line between theirs and ours
            lines.append(f"  request id: {document['request_id']}")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Event:
    """One server-sent event: its name, and the position to resume from."""

    kind: str
    position: str


class Api:
    """Calls one gateway under one credential.

    Args:
        url: "http://127.0.0.1:8080".
        credential: an API key or an access token; empty for what needs none.
        account: for an operator, the account to act for.
    """

    def __init__(self, url: str, credential: str = "", *, account: str = "") -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the user's must not see a local key
        if credential:
            self._session.headers["Authorization"] = f"Bearer {credential}"
        if account:
            self._session.headers["X-Igny8-Account"] = account

    def get(self, path: str, **query: object) -> Json:
        """Read. Raises Refused, Unreachable."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Json | None = None) -> Json:
        """Write, under an idempotency key of its own. Raises Refused, Unreachable."""
        return self._call("POST", path, json=body or {}, headers={"Idempotency-Key": str(uuid.uuid4())})

    def patch(self, path: str, body: Json) -> Json:
        """Change what the body names. Raises Refused, Unreachable."""
        return self._call("PATCH", path, json=body)

    def upload(self, path: str, file: Path, **query: str) -> Json:
        """Send a file as the body. Raises Refused, Unreachable."""
        with file.open("rb") as content:
            headers = {"Content-Type": "text/csv", "Idempotency-Key": str(uuid.uuid4())}
            return self._call("POST", path, data=content, params=query, headers=headers, timeout_s=UPLOAD_TIMEOUT_S)

    def download(self, path: str, target: BinaryIO, **query: str) -> None:
        """Write an answer's body into a file as it comes. Raises Refused, Unreachable, also when it is cut short."""
        with self._reaching():
            response = self._session.get(
                self.url + path, params=query, stream=True, timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S)
            )
            with response:
                _check(response)
                for piece in response.iter_content(1 << 16):
                    target.write(piece)

    def all(self, path: str, field: str, **query: object) -> Iterator[Json]:
        """Give every row of a list, page by page. Raises Refused, Unreachable."""
        token = ""
        while True:
            page = self.get(path, page_size=PAGE_SIZE, page_token=token, **query)
            yield from page[field]
            token = page.get("next_page_token") or ""
            if not token:
                return

    def count(self, path: str, filter_text: str = "") -> int:
        """Return how many rows a list has. Raises Refused, Unreachable."""
        return int(self.get(path, page_size=1, with_total_size="true", filter=filter_text)["total_size"])

    @contextmanager
    def events(self, run_id: str, after: str) -> Iterator[Iterator[Event]]:
        """Open a run's stream of events after a position. Raises Refused, Unreachable, also while it is read."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        with self._reaching():
            response = self._session.get(
                f"{self.url}/v1/runs/{run_id}/events:stream",
                headers=headers,
                stream=True,
                timeout=(CONNECT_TIMEOUT_S, SILENCE_TIMEOUT_S),
            )
        with response:
            _check(response)
            yield self._read_events(response)

    def _read_events(self, response: requests.Response) -> Iterator[Event]:
        kind, position = "message", ""
        with self._reaching():
            for line in response.iter_lines(chunk_size=64, decode_unicode=True):
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    position = value
                elif name == "data":
                    yield Event(kind, position)
                    kind = "message"

    def _call(self, method: str, path: str, *, timeout_s: float = ANSWER_TIMEOUT_S, **request: Any) -> Json:
        with self._reaching():
            response = self._session.request(
                method, self.url + path, timeout=(CONNECT_TIMEOUT_S, timeout_s), allow_redirects=False, **request
            )
        _check(response)
        answer: Json = response.json()
        return answer

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise Unreachable(
                f"No answer from {self.url}. Is it running? Start it with `igny8 up`, or name another with --api."
            ) from error


def _check(response: requests.Response) -> None:
    if response.status_code < 300:  # noqa: PLR2004 - HTTP's own line between success and the rest
        return
    try:
        document = response.json()
    except requests.exceptions.JSONDecodeError:
        document = {}
    raise Refused(response.status_code, document if isinstance(document, dict) else {})
