"""A run's events as they happen: server-sent events (WHATWG HTML, 9.2), resumed from an id.

However many watch a run, one reader asks the orchestrator for its new events. Whoever comes with an older position
catches up with questions of its own, under its own passport.
"""

import asyncio
import logging
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import orjson
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2
from starlette.responses import Response, StreamingResponse

from chassis.errors import Fault, Internal, InvalidArgument, Kind
from chassis.passport import Passport
from gateway.admission import Admission
from gateway.bindings import method
from gateway.callers import ISSUER, Credential
from gateway.convert import writer
from gateway.errors import RateLimited
from gateway.exchange import Exchange
from gateway.problems import problem
from gateway.remotes import Remotes

log = logging.getLogger(__name__)
PATH = "/v1/runs/{run_id}/events:stream"
PAGE = 500
POLL_S = 0.5
HEARTBEAT_S = 15.0
_RETRY_MS = 2000
_KEPT = 2000  # events that a reader remembers for watchers who are a little behind
_MOST_PER_ACCOUNT = 100
_EVENT = writer(orchestrator_pb2.RunEvent.DESCRIPTOR)
_POSITION = re.compile(r"[0-9]{1,18}\Z")
_PASSING = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED})

Fetch = Callable[[int], Awaitable[Any]]
Frame = tuple[int, bytes]


class Feed:
    """Reads one run's events for all who watch it.

    Args:
        fetch: asks for the events after a position.
        after: where to begin.
        poll_s: seconds between two questions.
    """

    def __init__(self, fetch: Fetch, after: int, *, poll_s: float = POLL_S) -> None:
        self._fetch = fetch
        self._poll_s = poll_s
        self._frames: deque[Frame] = deque()
        self._last = after
        self.start = after
        self.ended = False
        self.fault: Fault | None = None
        self.watchers = 0
        self.changed = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._over)

    def after(self, position: int) -> list[Frame]:
        """Return the remembered events after a position that is not before `start`."""
        return [frame for frame in self._frames if frame[0] > position]

    def stop(self) -> None:
        """Ask no more."""
        self._task.cancel()

    async def _run(self) -> None:
        while not self.ended:
            try:
                page = await self._fetch(self._last)
            except Fault as fault:
                if fault.code not in _PASSING:
                    raise
                await asyncio.sleep(1.0)  # the orchestrator restarts in about a second; watchers need not know
                continue
            self._take(page)
            if not page.ended and len(page.run_events) < PAGE:
                await asyncio.sleep(self._poll_s)

    def _take(self, page: Any) -> None:
        for event in page.run_events:
            self._frames.append((event.position, frame_of(event)))
            self._last = event.position
        while len(self._frames) > _KEPT:
            self.start = self._frames.popleft()[0]
        self.ended = page.ended
        if page.run_events or self.ended:
            self._tell()

    def _over(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            if not isinstance(error, Fault):
                log.error("reading a run's events failed", exc_info=error)
            self.fault = error if isinstance(error, Fault) else Internal("The events cannot be read just now.")
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Feeds:
    """The feeds that somebody watches.

    Args:
        poll_s: seconds between two questions of a feed.
    """

    def __init__(self, *, poll_s: float = POLL_S) -> None:
        self._poll_s = poll_s
        self._feeds: dict[tuple[UUID | None, str], Feed] = {}
        self._watchers: Counter[UUID | None] = Counter()
        self.closing = asyncio.Event()

    @property
    def count(self) -> int:
        """How many runs are watched."""
        return len(self._feeds)

    def close(self) -> None:
        """End every stream; clients come back to another gateway with the position that they have."""
        self.closing.set()

    @contextmanager
    def watching(self, account_id: UUID | None, run_id: str, fetch: Fetch, after: int) -> Iterator[Feed]:
        """Give the feed of a run for as long as somebody watches it.

        Raises:
            RateLimited: the account watches too much at once.
        """
        self.check(account_id)
        key = (account_id, run_id)
        feed = self._feeds.get(key)
        if feed is None or feed.fault is not None:
            feed = self._feeds[key] = Feed(fetch, after, poll_s=self._poll_s)
        feed.watchers += 1
        self._watchers[account_id] += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            self._watchers[account_id] -= 1
            if not feed.watchers:
                feed.stop()
                if self._feeds.get(key) is feed:
                    del self._feeds[key]

    def check(self, account_id: UUID | None) -> None:
        """Refuse an account that watches too much at once. Raises RateLimited."""
        if self._watchers[account_id] >= _MOST_PER_ACCOUNT:
            raise RateLimited(f"At most {_MOST_PER_ACCOUNT} streams at once; close one first.", retry_after_s=5.0)


class EventStream:
    """Answers with the events of a run as they happen.

    Args:
        admission: who may watch.
        remotes: the orchestrator is asked.
        feeds: shared by all watchers.
        heartbeat_s: seconds of silence after which a comment is sent, and the credential looked at again.
    """

    def __init__(
        self, admission: Admission, remotes: Remotes, feeds: Feeds, *, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._admission = admission
        self._remotes = remotes
        self._feeds = feeds
        self._heartbeat_s = heartbeat_s

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the stream; 204, which ends a client's attempts, when the run has ended and nothing is new."""
        passport = await self._admission.passport(exchange, "read", at_site=False)
        run_id, after = exchange.variables["run_id"], _position(exchange)
        self._feeds.check(passport.account_id)
        first = await self._fetch(passport, run_id, after)  # may this watcher see this run?
        if first.ended and not first.run_events:
            return Response(status_code=204)
        frames = self._frames(exchange, passport, run_id, after, first)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(frames, media_type="text/event-stream", headers=headers)

    async def _frames(
        self, exchange: Exchange, passport: Passport, run_id: str, after: int, first: Any
    ) -> AsyncIterator[bytes]:
        yield f"retry: {_RETRY_MS}\n\n".encode()
        position = after
        for event in first.run_events:
            yield frame_of(event)
            position = event.position
        try:
            if not first.ended:
                async for chunk in self._follow(exchange, passport, run_id, position):
                    yield chunk
            if not self._feeds.closing.is_set():
                yield b"event: end\ndata: {}\n\n"
        except Fault as fault:
            document = problem(fault, instance=exchange.instance, request_id=exchange.request_id)
            yield b"event: problem\ndata: " + orjson.dumps(document) + b"\n\n"

    async def _follow(self, exchange: Exchange, passport: Passport, run_id: str, position: int) -> AsyncIterator[bytes]:
        reader = Passport(frozenset({"read"}), passport.account_id, actor_kind="service", actor_id=ISSUER)

        async def fetch(after: int) -> Any:
            return await self._fetch(reader, run_id, after)

        with self._feeds.watching(passport.account_id, run_id, fetch, position) as feed:
            while not self._feeds.closing.is_set():
                changed = feed.changed
                frames = await self._new_frames(feed, passport, run_id, position)
                for _, frame in frames:
                    yield frame
                if frames:
                    position = frames[-1][0]
                    continue
                if feed.fault is not None:
                    raise feed.fault
                if feed.ended:
                    return
                if not await self._wait(changed):
                    await self._admission.callers.principal(Credential.of(exchange.request.headers))  # still valid?
                    yield b": still here\n\n"

    async def _new_frames(self, feed: Feed, passport: Passport, run_id: str, position: int) -> list[Frame]:
        if position >= feed.start:
            return feed.after(position)
        page = await self._fetch(passport, run_id, position)
        return [(event.position, frame_of(event)) for event in page.run_events]

    async def _wait(self, changed: asyncio.Event) -> bool:
        """Return whether something happened before the next heartbeat."""
        waits = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(self._feeds.closing.wait())]
        try:
            done, _ = await asyncio.wait(waits, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)

    async def _fetch(self, passport: Passport, run_id: str, after: int) -> Any:
        request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run_id, after_position=after, page_size=PAGE)
        token = await self._admission.callers.token(passport, "orchestrator")
        rpc = method("orchestrator", "ListRunEvents")
        return await self._remotes.call("orchestrator", rpc, request, token, repeatable=True)


def frame_of(event: orchestrator_pb2.RunEvent) -> bytes:
    """Return an event as a frame of the stream: its position is the id, its kind the event's name."""
    kind = event.kind if event.kind.isidentifier() else "message"
    return f"id: {event.position}\nevent: {kind}\ndata: ".encode() + orjson.dumps(_EVENT.write(event)) + b"\n\n"


def _position(exchange: Exchange) -> int:
    """Return the position to go on from: the header Last-Event-ID, or the query's after_position."""
    header = exchange.request.headers.get("last-event-id", "")
    text = header or exchange.request.query_params.get("after_position", "0")
    if not _POSITION.match(text):
        raise InvalidArgument.field("Last-Event-ID" if header else "after_position", "must be the id of an event")
    return int(text)
