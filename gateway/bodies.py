"""Reading bodies: no more bytes than are taken, of a media type that is understood, in a bounded time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from gateway.errors import BodyTooLarge, BodyTooSlow, ClientGone, MalformedBody, UnsupportedMediaType

JSON_LIMIT = 1 << 20
_JSON_TIME_S = 30.0
# A client that is still sending does not listen: what is too large is read and thrown away up to here, so that the
# refusal is heard and not lost in a reset connection.
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
        raise MalformedBody(f"The body is not JSON: {error}.") from error


async def limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Yield a body's chunks while they are within a limit.

    Raises:
        BodyTooLarge: there are more bytes; as many as can be were read and thrown away.
        ClientGone: the client closed the connection.
    """
    declared = request.headers.get("content-length", "")
    chunks = _chunks(request)
    if declared.isdecimal() and int(declared) > limit:
        # Who waits for "100 Continue" has sent nothing yet, and hears the refusal.
        if request.headers.get("expect", "").lower() != "100-continue":
            await _throw_away(chunks)
        raise BodyTooLarge(limit)
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            await _throw_away(chunks)
            raise BodyTooLarge(limit)
        yield chunk


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise ClientGone from error


async def _throw_away(chunks: AsyncIterator[bytes]) -> None:
    size = 0
    try:
        async with asyncio.timeout(_LINGER_TIME_S):
            async for chunk in chunks:
                size += len(chunk)
                if size > _LINGER_BYTES:
                    return
    except TimeoutError:
        return  # a client this slow has to do without the explanation
