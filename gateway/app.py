"""The gateway as an ASGI application: one table of routes, and what every answer has in common."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chassis import call
from chassis.clock import Clock, SystemClock
from chassis.errors import Fault, Internal
from chassis.objects import ObjectStore
from chassis.passport import Issuer
from gateway import exports, health, library, problems, streams, uploads
from gateway.admission import Admission
from gateway.bindings import Binding, all_bindings
from gateway.bodies import throw_away
from gateway.callers import Callers
from gateway.errors import ClientGone
from gateway.exchange import Endpoint, Exchange, request_id_of
from gateway.limits import Buckets
from gateway.methods import MethodEndpoint
from gateway.metrics import Metrics
from gateway.pages import Pages
from gateway.remotes import Remotes
from gateway.streams import EventStream, Feeds
from gateway.templates import Router, Template
from gateway.uploads import KeywordImports

log = logging.getLogger(__name__)
_CLIENT_GONE = 499  # nginx's number for it; seen in metrics only
_UNROUTED = "(none)"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Limits:
    """How much is let through: calls with one credential, and sign-ins from one address, a minute and at once."""

    calls_per_minute: int = 3000
    sign_ins_per_minute: int = 30
    calls_at_once: int = 500
    sign_ins_at_once: int = 20
    upload_bytes: int = uploads.UPLOAD_LIMIT
    stream_poll_s: float = streams.POLL_S
    stream_heartbeat_s: float = streams.HEARTBEAT_S


class Gateway:
    """Answers every request: finds its route, names the request, turns faults into problem documents, counts.

    Args:
        remotes: the services; closed with the application.
        issuer: mints passports under the name "gateway".
        objects: where uploads go.
        limits: how much is let through.
        clock: for caches and buckets.
    """

    def __init__(
        self,
        remotes: Remotes,
        issuer: Issuer,
        objects: ObjectStore,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        limits, clock = limits or Limits(), clock or SystemClock()
        self.feeds = Feeds(poll_s=limits.stream_poll_s)
        self._remotes = remotes
        self._metrics = Metrics(self.feeds)
        self._router: Router[Endpoint] = Router()
        admission = Admission(
            Callers(remotes, issuer, clock),
            Buckets(clock, per_minute=limits.calls_per_minute, burst=limits.calls_at_once),
            Buckets(clock, per_minute=limits.sign_ins_per_minute, burst=limits.sign_ins_at_once),
        )
        bindings = all_bindings()
        self._add_methods(bindings, admission)
        self._add_by_hand(admission, objects, limits)
        self._add_pages(bindings, clock)

    def application(self) -> Starlette:
        """Return the gateway as Starlette runs it."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            self.feeds.close()
            await self._remotes.close()

        return Starlette(routes=[Route("/{path:path}", _Every(self))], lifespan=lifespan)

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request, whatever happens."""
        request_id, began = request_id_of(request), time.perf_counter()
        exchange = Exchange(request, request_id, Template((), "", ()), ())
        with call.serving(None, request_id):
            response = await self._answer(exchange)
        for name, value in ({**_HEADERS, "X-Request-Id": request_id} | exchange.headers).items():
            response.headers.setdefault(name, value)
        route = exchange.template.public if exchange.template.segments else _UNROUTED
        method = request.method if exchange.template.segments else "(any)"
        self._metrics.count(route, method, response.status_code, time.perf_counter() - began)
        return response

    async def _answer(self, exchange: Exchange) -> Response:
        request = exchange.request
        try:
            match = self._router.find(request.method, request.scope["path"])
            exchange.template, exchange.values = match.template, match.values
            return await match.target(exchange)
        except ClientGone:
            return Response(status_code=_CLIENT_GONE)
        except Fault as fault:
            if not exchange.is_read:
                await throw_away(request)
            return _problem(exchange, fault)
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            message = f"Something went wrong on our side; ask support with the request id {exchange.request_id}."
            return _problem(exchange, Internal(message))

    def _add_methods(self, bindings: list[Binding], admission: Admission) -> None:
        for binding in bindings:
            self._router.add(binding.method, binding.template, MethodEndpoint(binding, admission, self._remotes))

    def _add_by_hand(self, admission: Admission, objects: ObjectStore, limits: Limits) -> None:
        imports = KeywordImports(admission, self._remotes, objects, limit=limits.upload_bytes)
        events = EventStream(admission, self._remotes, self.feeds, heartbeat_s=limits.stream_heartbeat_s)
        self._router.add("POST", Template.parse(uploads.PATH), imports)
        self._router.add("GET", Template.parse(streams.PATH), events)
        preview = library.LibraryPreview(admission, self._remotes, objects)
        self._router.add("POST", Template.parse(library.PATH), preview)
        for export in (exports.KEYWORDS, exports.LIBRARY):
            self._router.add("GET", Template.parse(export.path), exports.CsvExport(export, admission, self._remotes))

    def _add_pages(self, bindings: list[Binding], clock: Clock) -> None:
        pages: dict[str, Endpoint] = {
            "/healthz": health.alive,
            "/readyz": health.Readiness(self._remotes, clock),
            "/metrics": self._metrics,
            **Pages(bindings).endpoints,
        }
        for path, endpoint in pages.items():
            self._router.add("GET", Template.parse(path), endpoint)


class _Every:
    """The gateway for every method there is: Starlette would answer those it does not know itself."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._gateway.answer(Request(scope, receive, send))
        await response(scope, receive, send)


def _problem(exchange: Exchange, fault: Fault) -> Response:
    return problems.response(fault, instance=exchange.instance, request_id=exchange.request_id)
