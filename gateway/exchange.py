"""One request on its way through the gateway, and what every endpoint is."""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import InvalidArgument
from chassis.ids import new_id
from gateway.errors import ClientGone
from gateway.templates import Template

T = TypeVar("T")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,100}\Z")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


@dataclass
class Exchange:
    """A request with its route.

    Args:
        request: as Starlette gives it.
        request_id: under which it is found in every log.
        template: of the route.
        values: of the template's variables.
        headers: that the answer carries, whatever it is.
        is_read: whether nothing of the body is left.
    """

    request: Request
    request_id: str
    template: Template
    values: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)
    is_read: bool = False

    @property
    def variables(self) -> dict[str, str]:
        """The path's variables by their public names."""
        return dict(zip(self.template.names, self.values, strict=True))

    @property
    def instance(self) -> str:
        """The path that was called, as a URI reference."""
        return quote(self.request.scope["path"][:500])

    @property
    def client_address(self) -> str:
        """The IP address of whoever calls."""
        return self.request.client.host if self.request.client else "unknown"

    @property
    def idempotency_key(self) -> str:
        """The header Idempotency-Key; "" without one.

        Raises:
            InvalidArgument: it is too long or not of visible ASCII characters.
        """
        key = self.request.headers.get("idempotency-key", "")
        if key and not _IDEMPOTENCY_KEY.match(key):
            raise InvalidArgument.field("Idempotency-Key", "must be 1 to 200 visible ASCII characters")
        return key

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that is cancelled when the client closes the connection. The body must have been read.

        Raises:
            ClientGone: the client closed the connection first.
        """
        self.is_read = True
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGone
            return task.result()
        finally:
            task.cancel()
            gone.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)

    async def _gone(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass


class Endpoint(Protocol):
    """Answers the requests of one route."""

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the answer. Raises Fault."""


def request_id_of(request: Request) -> str:
    """Return the request id that the client chose, when it is a sane one, or a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _SANE_ID.match(given) else str(new_id())
