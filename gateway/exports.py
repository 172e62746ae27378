"""Keywords as a CSV file: the planner writes pieces, and each is passed on before the next is asked for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message_factory import GetMessageClass
from starlette.responses import Response, StreamingResponse

from chassis.errors import InvalidArgument
from chassis.passport import Passport
from gateway.admission import Admission
from gateway.bindings import SITE, method
from gateway.callers import Credential
from gateway.exchange import Exchange
from gateway.remotes import Remotes

QUERY = ("filter", "order_by", "search")
MEDIA_TYPE = "text/csv"


@dataclass(frozen=True)
class Export:
    """A file that can be asked for.

    Args:
        path: where.
        rpc: the planner's method that writes a piece of it.
        scope: what the caller must be allowed.
        at_site: whether it is of the site that the path names; else it is the platform's.
        filename: what it is called when it is saved.
    """

    path: str
    rpc: str
    scope: str
    at_site: bool
    filename: str


KEYWORDS = Export("/v1/sites/{site_id}/keywords:export", "ExportKeywords", "read", True, "keywords.csv")
LIBRARY = Export("/v1/seed-keywords:export", "ExportSeedKeywords", "operator", False, "library.csv")


class CsvExport:
    """Answers with all rows that a list of the same filter, order and search has.

    Args:
        export: which file.
        admission: who may read.
        remotes: the planner is asked.
    """

    def __init__(self, export: Export, admission: Admission, remotes: Remotes) -> None:
        self._export = export
        self._rpc = method("planner", export.rpc)
        self._admission = admission
        self._remotes = remotes

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the file. Raises Fault; after the first lines one cuts the connection: no half file looks whole."""
        export = self._export
        passport = await self._admission.passport(
            exchange, export.scope, at_site=export.at_site, of_account=export.at_site
        )
        asked = _asked(exchange)
        first = await self._piece(exchange, passport, asked, "")
        pieces = self._pieces(exchange, passport, asked, first)
        shown = f'attachment; filename="{export.filename}"'
        headers = {"Content-Disposition": shown, "X-Accel-Buffering": "no"}
        return StreamingResponse(pieces, headers=headers, media_type=MEDIA_TYPE)

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
        place = {SITE: exchange.variables[SITE]} if self._export.at_site else {}
        request = GetMessageClass(self._rpc.input_type)(page_token=token, **place, **asked)
        ticket = await self._admission.callers.token(passport, "planner")
        return await self._remotes.call("planner", self._rpc, request, ticket, repeatable=True)


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
