"""Keyword files: streamed to the object store, and a run that imports them. The file never passes through gRPC."""

import asyncio
from typing import cast

import orjson
from google.protobuf.message import Message
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2
from igny8.planner.v1 import planner_service_pb2
from starlette.responses import Response

from chassis.errors import Fault, InvalidArgument, Kind
from chassis.objects import ObjectStore
from chassis.passport import Passport
from gateway import intake
from gateway.admission import Admission
from gateway.bindings import SITE, method
from gateway.convert import writer
from gateway.exchange import Exchange
from gateway.methods import json_response
from gateway.remotes import Remotes

PATH = "/v1/sites/{site_id}/keyword-imports"
UPLOAD_LIMIT = 200_000_000
_SECTOR = "sector_id"
_UNKNOWN_OUTCOME = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED, Kind.INTERNAL})


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
        async with intake.receive(exchange.request, self._limit, [_SECTOR]) as received:
            sector_id = received.fields[_SECTOR]
            _check_sector(passport, sector_id)
            object_id = await asyncio.to_thread(intake.object_id, received.file, idempotency_key)
            key = f"imports/{passport.account_id}/{object_id}"
            await asyncio.to_thread(intake.store, self._objects, key, received.file)
        options = {"object_key": key, "filename": received.filename, "sector_id": sector_id}
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


def _check_sector(passport: Passport, sector_id: str) -> None:
    sectors = passport.site.sectors if passport.site is not None else ()
    if sector_id not in {str(sector.id) for sector in sectors}:
        known = ", ".join(f"{sector.id} ({sector.name})" for sector in sectors) or "none yet"
        problem = f"{sector_id[:60]!r} is not a sector of this site" if sector_id else "is required"
        raise InvalidArgument.field("sector_id", f"{problem}; its sectors are {known}")
