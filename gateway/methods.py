"""The endpoint of a method of a service: who is calling, what is asked, the call, the answer."""

from typing import Any

import orjson
from google.protobuf.message import Message
from igny8.common.v1 import access_pb2
from starlette.responses import Response

from chassis.errors import Fault
from chassis.passport import Passport
from gateway.admission import Admission
from gateway.bindings import SITE, Binding
from gateway.bodies import read_json
from gateway.exchange import Exchange
from gateway.remotes import Remotes
from gateway.transcoding import REQUEST_ID, Transcoder


class MethodEndpoint:
    """Answers one method of a service.

    Args:
        binding: the method and where it is bound.
        admission: who may call.
        remotes: the services.
    """

    def __init__(self, binding: Binding, admission: Admission, remotes: Remotes) -> None:
        self._binding = binding
        self._admission = admission
        self._remotes = remotes
        self._transcoder = Transcoder(binding)

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the service's answer as JSON. Raises Fault."""
        passport = await self._enter(exchange)
        body = await read_json(exchange.request) if self._transcoder.takes_body else {}
        query = exchange.request.query_params.multi_items()
        request = self._transcoder.request(exchange.values, query, body, exchange.idempotency_key)
        token = await self._token(passport)
        answer = await exchange.unless_gone(self._call(request, token))
        self._forget(exchange, passport)
        return json_response(self._transcoder.answer(answer))

    async def _enter(self, exchange: Exchange) -> Passport | None:
        if self._binding.is_public:
            self._admission.admit_stranger(exchange)
            return None
        at_site, of_account = self._binding.level == access_pb2.LEVEL_SITE, self._binding.level != access_pb2.LEVEL_NONE
        return await self._admission.passport(exchange, self._binding.scope, at_site=at_site, of_account=of_account)

    async def _token(self, passport: Passport | None) -> str:
        callers = self._admission.callers
        return await (callers.edge_token() if passport is None else callers.token(passport, self._binding.service))

    async def _call(self, request: Message, token: str) -> Message:
        binding = self._binding
        repeatable = binding.is_read or bool(getattr(request, REQUEST_ID, ""))  # a request id makes a repeat harmless
        try:
            answer: Message = await self._remotes.call(
                binding.service, binding.rpc, request, token, repeatable=repeatable
            )
        except Fault as fault:
            raise self._transcoder.in_rest(fault) from fault
        return answer

    def _forget(self, exchange: Exchange, passport: Passport | None) -> None:
        """A sector that was just added must be known to the next call."""
        site = exchange.variables.get(SITE)
        if passport is not None and site and self._binding.service == "identity" and not self._binding.is_read:
            self._admission.callers.forget_site(passport, site)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return JSON values as an answer."""
    return Response(orjson.dumps(value), status, headers, "application/json")
