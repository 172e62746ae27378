"""A site's keywords as a CSV file: the planner writes pieces, and each is passed on before the next is asked for."""

from collections.abc import AsyncIterator
from typing import Any

from igny8.planner.v1 import planner_service_pb2
from starlette.responses import Response, StreamingResponse

from chassis.errors import InvalidArgument
from chassis.passport import Passport
from gateway.admission import Admission
from gateway.bindings import SITE, method
from gateway.callers import Credential
from gateway.exchange import Exchange
from gateway.remotes import Remotes

PATH = "/v1/sites/{site_id}/keywords:export"
QUERY = ("filter", "order_by", "search")
MEDIA_TYPE = "text/csv"
_HEADERS = {"Content-Disposition": 'attachment; filename="keywords.csv"', "X-Accel-Buffering": "no"}


class KeywordExport:
    """Answers with all keywords that a list of the same filter, order and search has.

    Args:
        admission: who may read.
        remotes: the planner is asked.
    """

    def __init__(self, admission: Admission, remotes: Remotes) -> None:
        self._admission = admission
        self._remotes = remotes

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the file. Raises Fault; after the first lines one cuts the connection: no half file looks whole."""
        passport = await self._admission.passport(exchange, "read", at_site=True)
        asked = _asked(exchange)
        first = await self._piece(exchange, passport, asked, "")
        pieces = self._pieces(exchange, passport, asked, first)
        return StreamingResponse(pieces, headers=_HEADERS, media_type=MEDIA_TYPE)

    async def _pieces(
        self, exchange: Exchange, passport: Passport, asked: dict[str, str], first: Any
    ) -> AsyncIterator[bytes]:
        piece = first
        yield piece.csv.encode()
        while piece.next_page_token:
            await self._admission.callers.principal(Credential.of(exchange.request.headers))  # still valid?
            piece = await self._piece(exchange, passport, asked, piece.next_page_token)
            yield piece.csv.encode()

    async def _piece(self, exchange: Exchange, passport: Passport, asked: dict[str, str], token: str) -> Any:
        request = planner_service_pb2.ExportKeywordsRequest(site_id=exchange.variables[SITE], page_token=token, **asked)
        ticket = await self._admission.callers.token(passport, "planner")
        rpc = method("planner", "ExportKeywords")
        return await self._remotes.call("planner", rpc, request, ticket, repeatable=True)


def _asked(exchange: Exchange) -> dict[str, str]:
    """Return the query's parameters. Raises InvalidArgument: one is unknown, or given twice."""
    asked: dict[str, str] = {}
    for name, text in exchange.request.query_params.multi_items():
        if name not in QUERY:
            known = ", ".join(QUERY)
            raise InvalidArgument.field(name[:60], f"is not a query parameter of this path; known are {known}")
        if name in asked:
            raise InvalidArgument.field(name, "is given twice")
        asked[name] = text
    return asked
