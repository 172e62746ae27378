"""Reading bodies: no more bytes than are taken, of a media type that is understood, in a bounded time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from gateway.errors import BodyTooLarge, BodyTooSlow, ClientGone, MalformedBody, UnsupportedMediaType

JSON_LIMIT = 1 << 20
_JSON_TIME_S = 30.0
_LINGER_BYTES = 64 << 20
_LINGER_TIME_S = 20.0
_JSON = "application/json"


def media_type(request: Request) -> str:
    """Return the media type of a body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, limit: int = JSON_LIMIT) -> Any:
    """Return the JSON value of a body; {} for an empty one.

    Raises:
        BodyTooLarge: it has more than `limit` bytes; it is not parsed.
        BodyTooSlow: it did not come within 30 seconds.
        UnsupportedMediaType: it is not JSON.
        MalformedBody: it says that it is JSON, but is not.
        ClientGone: the client closed the connection.
    """
    try:
        async with asyncio.timeout(_JSON_TIME_S):
            data = b"".join([chunk async for chunk in limited(request, limit)])
    except TimeoutError as error:
        raise BodyTooSlow(f"The body did not come within {_JSON_TIME_S:.0f} seconds; send it again.") from error
    if not data:
        return {}
    if media_type(request) != _JSON:
        raise UnsupportedMediaType(media_type(request), _JSON)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error}; send one JSON object.") from error


async def limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Yield a body's chunks while they are within a limit.

    Raises:
        BodyTooLarge: there are more bytes, or it says so.
        ClientGone: the client closed the connection.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(limit)
    size = 0
    async for chunk in _chunks(request):
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        yield chunk


async def throw_away(request: Request) -> None:
    """Read what is left of a body that was refused, within bounds.

    A client that is still sending does not listen: without this the refusal is lost in a reset connection.
    """
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    if headers.get("expect", "").lower() == "100-continue":
        return  # it has sent nothing yet, and hears the refusal
    size = 0
    with suppress(TimeoutError, ClientGone, RuntimeError):  # Starlette's for a body that was read to its end
        async with asyncio.timeout(_LINGER_TIME_S):
            async for chunk in _chunks(request):
                size += len(chunk)
                if size > _LINGER_BYTES:
                    return


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise ClientGone from error
