"""Keyword files: streamed to the object store, and a run that imports them. The file never passes through gRPC."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson
from google.protobuf.message import Message
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2
from igny8.planner.v1 import planner_service_pb2
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import Fault, InvalidArgument, Kind
from chassis.ids import new_id
from chassis.objects import ObjectStore
from chassis.passport import Passport
from gateway.admission import Admission
from gateway.bindings import SITE, method
from gateway.bodies import limited, media_type
from gateway.convert import writer
from gateway.errors import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMediaType
from gateway.exchange import Exchange
from gateway.methods import json_response
from gateway.remotes import Remotes

PATH = "/v1/sites/{site_id}/keyword-imports"
UPLOAD_LIMIT = 200_000_000
MULTIPART = "multipart/form-data"
RAW_TYPES = (
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/csv",
    "application/octet-stream",
    "application/vnd.ms-excel",  # what Windows browsers call a CSV file
)
_UPLOAD_TIME_S = 900.0
_IN_MEMORY = 1 << 20
_MULTIPART_OVERHEAD = 64 << 10  # boundaries, headers and the small fields
_UNKNOWN_OUTCOME = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED, Kind.INTERNAL})


@dataclass(frozen=True)
class _Upload:
    file: BinaryIO
    filename: str
    sector_id: str


class KeywordImports:
    """Answers uploads with the run that imports them.

    Args:
        admission: who may call.
        remotes: the orchestrator is asked.
        objects: where files go, under "imports/<account>/<id>".
        limit: bytes that a file may have.
    """

    def __init__(
        self, admission: Admission, remotes: Remotes, objects: ObjectStore, *, limit: int = UPLOAD_LIMIT
    ) -> None:
        self._admission = admission
        self._remotes = remotes
        self._objects = objects
        self._limit = limit

    async def __call__(self, exchange: Exchange) -> Response:
        """Store the file and start its run: 202. Raises Fault."""
        passport = await self._admission.passport(exchange, "write", at_site=True)
        idempotency_key = exchange.idempotency_key
        async with self._receive(exchange.request) as upload:
            _check_sector(passport, upload.sector_id)
            object_id = await asyncio.to_thread(_object_id, upload.file, idempotency_key)
            key = f"imports/{passport.account_id}/{object_id}"
            await asyncio.to_thread(self._store, key, upload.file)
        options = {"object_key": key, "filename": upload.filename, "sector_id": upload.sector_id}
        try:
            await self._inspect(exchange, passport, key)
            run = await self._start(exchange, passport, options, idempotency_key or str(object_id))
        except Fault as fault:
            # Under a key of the client's own an earlier request may have begun to read the same object.
            if not idempotency_key and fault.code not in _UNKNOWN_OUTCOME:
                await asyncio.to_thread(self._objects.delete, key)
            raise
        answer = writer(orchestrator_pb2.Run.DESCRIPTOR).write(run)
        return json_response(answer, 202, {"Location": f"/v1/runs/{answer['id']}"})

    async def _inspect(self, exchange: Exchange, passport: Passport, key: str) -> None:
        """Have the planner look at the file: one that cannot be read is refused now, not by a run that fails later."""
        request = planner_service_pb2.InspectKeywordFileRequest(site_id=exchange.variables[SITE], object_key=key)
        token = await self._admission.callers.token(passport, "planner")
        rpc = method("planner", "InspectKeywordFile")
        await self._remotes.call("planner", rpc, request, token, repeatable=True)

    async def _start(self, exchange: Exchange, passport: Passport, options: dict[str, str], request_id: str) -> Message:
        plan = orchestrator_pb2.RunPlan(function="import_keywords", options_json=orjson.dumps(options).decode())
        request = orchestrator_service_pb2.StartRunRequest(
            site_id=exchange.variables[SITE], plan=plan, request_id=request_id
        )
        token = await self._admission.callers.token(passport, "orchestrator")
        rpc = method("orchestrator", "StartRun")
        # Repeatable: the request id makes a second start the first one's.
        return cast("Message", await self._remotes.call("orchestrator", rpc, request, token, repeatable=True))

    def _store(self, key: str, file: BinaryIO) -> None:
        file.seek(0)
        if self._objects.put_file(key, file) == 0:
            self._objects.delete(key)
            raise InvalidArgument.field("file", "is empty; choose a file with one keyword a line")

    @asynccontextmanager
    async def _receive(self, request: Request) -> AsyncIterator[_Upload]:
        """Read the body into a temporary file, whichever of the two ways it comes."""
        kind = media_type(request)
        if kind != MULTIPART and kind not in RAW_TYPES:
            raise UnsupportedMediaType(kind, f"{MULTIPART} with a file, or the file itself as {RAW_TYPES[0]}")
        try:
            async with asyncio.timeout(_UPLOAD_TIME_S) as time, self._body(request, kind) as upload:
                time.reschedule(None)  # the limit is for receiving
                yield upload
        except TimeoutError as error:
            raise BodyTooSlow(
                f"The file did not come within {_UPLOAD_TIME_S:.0f} seconds; send a smaller one."
            ) from error

    @asynccontextmanager
    async def _body(self, request: Request, kind: str) -> AsyncIterator[_Upload]:
        query = request.query_params
        if kind != MULTIPART:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
                async for chunk in limited(request, self._limit):
                    await asyncio.to_thread(file.write, chunk)
                yield _Upload(cast("BinaryIO", file), _name(query.get("filename")), query.get("sector_id", ""))
            return
        async with _form(request, self._limit) as form:
            file_part = form.get("file")
            if not isinstance(file_part, UploadFile):
                raise InvalidArgument.field("file", "is missing; send the file as the form field 'file'")
            filename = form.get("filename") or query.get("filename") or file_part.filename
            sector_id = form.get("sector_id") or query.get("sector_id", "")
            yield _Upload(file_part.file, _name(str(filename or "")), str(sector_id))


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


def _check_sector(passport: Passport, sector_id: str) -> None:
    sectors = passport.site.sectors if passport.site is not None else ()
    if sector_id not in {str(sector.id) for sector in sectors}:
        known = ", ".join(f"{sector.id} ({sector.name})" for sector in sectors) or "none yet"
        problem = f"{sector_id[:60]!r} is not a sector of this site" if sector_id else "is required"
        raise InvalidArgument.field("sector_id", f"{problem}; its sectors are {known}")


def _object_id(file: BinaryIO, idempotency_key: str) -> UUID:
    """Return the object's id: the same for the same file under the same key, so that a repeat is one."""
    if not idempotency_key:
        return new_id()
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # a BinaryIO is what it reads
    digest.update(idempotency_key.encode())
    return uuid5(NAMESPACE_OID, digest.hexdigest())


def _name(given: str | None) -> str:
    """Return a file's name for people, without a path or control characters."""
    base = (given or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in base if character.isprintable())[:200] or "keywords.csv"
