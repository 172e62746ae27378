"""Files for the platform's library, from its operators: looked at by the planner, beside identity's catalogue.

The catalogue is identity's and the library the planner's, and neither calls the other: the gateway shows the one to the
other.
"""

import asyncio
from typing import Any

from igny8.identity.v1 import identity_service_pb2
from igny8.planner.v1 import planner_pb2, planner_service_pb2
from starlette.responses import Response

from chassis.objects import ObjectStore
from chassis.passport import Passport
from gateway import intake
from gateway.admission import Admission
from gateway.bindings import method
from gateway.convert import writer
from gateway.exchange import Exchange
from gateway.methods import json_response
from gateway.remotes import Remotes

PATH = "/v1/library-changes:preview"
FILE_LIMIT = 32_000_000
FIELDS = ("industry", "sector")


class LibraryPreview:
    """Answers a file with what it would do to the library.

    Args:
        admission: who may call.
        remotes: identity and the planner are asked.
        objects: where the file lies meanwhile, under "imports/library/<id>".
    """

    def __init__(self, admission: Admission, remotes: Remotes, objects: ObjectStore) -> None:
        self._admission = admission
        self._remotes = remotes
        self._objects = objects

    async def __call__(self, exchange: Exchange) -> Response:
        """Have the file compared with the library: 201. Raises Fault."""
        passport = await self._admission.passport(exchange, "operator", at_site=False, of_account=False)
        idempotency_key = exchange.idempotency_key
        async with intake.receive(exchange.request, FILE_LIMIT, FIELDS) as received:
            object_id = await asyncio.to_thread(intake.object_id, received.file, idempotency_key)
            request = planner_service_pb2.PreviewLibraryImportRequest(
                object_key=f"imports/library/{object_id}",
                filename=received.filename,
                request_id=idempotency_key,
                catalogue=await self._catalogue(passport),
                **received.fields,
            )
            await asyncio.to_thread(intake.store, self._objects, request.object_key, received.file)
        try:
            change = await self._ask(passport, "planner", "PreviewLibraryImport", request)
        finally:  # the planner keeps what it has read
            await asyncio.to_thread(self._objects.delete, request.object_key)
        answer = writer(planner_pb2.LibraryChange.DESCRIPTOR).write(change)
        return json_response(answer, 201, {"Location": f"/v1/library-changes/{answer['id']}"})

    async def _catalogue(self, passport: Passport) -> list[Any]:
        answer = await self._ask(passport, "identity", "GetCatalogue", identity_service_pb2.GetCatalogueRequest())
        industries = {industry.id: industry for industry in answer.industries}
        return [
            planner_service_pb2.PreviewLibraryImportRequest.CatalogueSector(
                id=sector.id,
                slug=sector.slug,
                name=sector.name,
                industry_id=sector.industry_id,
                industry_slug=industries[sector.industry_id].slug,
                industry_name=industries[sector.industry_id].name,
            )
            for sector in answer.industry_sectors
        ]

    async def _ask(self, passport: Passport, service: str, name: str, request: Any) -> Any:
        token = await self._admission.callers.token(passport, service)
        # Repeatable: at worst the same file is looked at twice.
        return await self._remotes.call(service, method(service, name), request, token, repeatable=True)
