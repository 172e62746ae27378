"""A file on its way in: as a form or as the body itself, into a temporary file and from there to the object store."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast
from uuid import NAMESPACE_OID, UUID, uuid5

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from chassis.errors import InvalidArgument
from chassis.ids import new_id
from chassis.objects import ObjectStore
from gateway.bodies import limited, media_type
from gateway.errors import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMediaType

MULTIPART = "multipart/form-data"
RAW_TYPES = (
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/csv",
    "application/octet-stream",
    "application/vnd.ms-excel",  # what Windows browsers call a CSV file
)
_RECEIVE_TIME_S = 900.0
_IN_MEMORY = 1 << 20
_MULTIPART_OVERHEAD = 64 << 10  # boundaries, headers and the small fields


@dataclass(frozen=True)
class Received:
    """A file with its name for people, and what was said beside it; "" for a field that was not."""

    file: BinaryIO
    filename: str
    fields: Mapping[str, str]


@asynccontextmanager
async def receive(request: Request, limit: int, fields: Sequence[str]) -> AsyncIterator[Received]:
    """Read a file into a temporary one, whichever of the two ways it comes.

    Args:
        request: whose body it is, or is in.
        limit: bytes that it may have.
        fields: what may be said beside it, in the form or the query.

    Raises:
        Fault: it is too large or too slow, no form, of another media type, or not there.
    """
    kind = media_type(request)
    if kind != MULTIPART and kind not in RAW_TYPES:
        raise UnsupportedMediaType(kind, f"{MULTIPART} with a file, or the file itself as {RAW_TYPES[0]}")
    try:
        async with asyncio.timeout(_RECEIVE_TIME_S) as time, _body(request, kind, limit, fields) as received:
            time.reschedule(None)  # the limit is for receiving
            yield received
    except TimeoutError as error:
        raise BodyTooSlow(f"The file did not come within {_RECEIVE_TIME_S:.0f} seconds; send a smaller one.") from error


def store(objects: ObjectStore, key: str, file: BinaryIO) -> None:
    """Put a received file into the object store.

    Raises:
        InvalidArgument: it is empty.
    """
    file.seek(0)
    if objects.put_file(key, file) == 0:
        objects.delete(key)
        raise InvalidArgument.field("file", "is empty; choose a file with one keyword a line")


def object_id(file: BinaryIO, idempotency_key: str) -> UUID:
    """Return the object's id: the same for the same file under the same key, so that a repeat is one."""
    if not idempotency_key:
        return new_id()
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # a BinaryIO is what it reads
    digest.update(idempotency_key.encode())
    return uuid5(NAMESPACE_OID, digest.hexdigest())


@asynccontextmanager
async def _body(request: Request, kind: str, limit: int, fields: Sequence[str]) -> AsyncIterator[Received]:
    query = request.query_params
    if kind != MULTIPART:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            async for chunk in limited(request, limit):
                await asyncio.to_thread(file.write, chunk)
            said = {name: query.get(name, "") for name in fields}
            yield Received(cast("BinaryIO", file), _name(query.get("filename")), said)
        return
    async with _form(request, limit) as form:
        file_part = form.get("file")
        if not isinstance(file_part, UploadFile):
            raise InvalidArgument.field("file", "is missing; send the file as the form field 'file'")
        filename = form.get("filename") or query.get("filename") or file_part.filename
        said = {name: str(form.get(name) or query.get(name, "")) for name in fields}
        yield Received(file_part.file, _name(str(filename or "")), said)


class _Limited(Request):
    """A request whose body ends in an error beyond a limit."""

    def __init__(self, request: Request, limit: int) -> None:
        super().__init__(request.scope, request.receive)
        self._inner = request
        self._limit = limit

    async def stream(self) -> AsyncIterator[bytes]:  # type: ignore[override]  # Starlette's says AsyncGenerator; only iteration is used
        async for chunk in limited(self._inner, self._limit):
            yield chunk


@asynccontextmanager
async def _form(request: Request, limit: int) -> AsyncIterator[dict[str, UploadFile | str]]:
    body = _Limited(request, limit + _MULTIPART_OVERHEAD)
    try:
        form = await body.form(max_files=1, max_fields=5, max_part_size=10_000)
    except BodyTooLarge as error:
        raise BodyTooLarge(limit) from error  # the file's limit, which is what the client knows
    except HTTPException as error:
        raise MalformedBody(f"The form cannot be read: {error.detail}") from error
    try:
        yield dict(form.items())
    finally:
        await form.close()


def _name(given: str | None) -> str:
    """Return a file's name for people, without a path or control characters."""
    base = (given or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in base if character.isprintable())[:200] or "keywords.csv"
