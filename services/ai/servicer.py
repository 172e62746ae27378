"""`igny8.ai.v1.AiService`, thinly."""

import grpc
from igny8.ai.v1 import ai_pb2, ai_service_pb2, ai_service_pb2_grpc

from chassis import call
from chassis.database import Database
from chassis.errors import InvalidArgument
from services.ai import translate
from services.ai.resources import AI_CALL, AI_MODEL
from services.ai.usecases import Calls

TEXTS_MAX = 256


class AiServicer(ai_service_pb2_grpc.AiServiceServicer):
    """Calls to models.

    Args:
        database: under the app role.
        calls: makes them.
    """

    ListAiModels = AI_MODEL.list(ai_service_pb2.ListAiModelsResponse)
    GetAiCall = AI_CALL.get(ai_pb2.AiCall)
    ListAiCalls = AI_CALL.list(ai_service_pb2.ListAiCallsResponse)

    def __init__(self, database: Database, calls: Calls) -> None:
        self.database, self._calls = database, calls

    def Complete(
        self, request: ai_service_pb2.CompleteRequest, context: grpc.ServicerContext
    ) -> ai_service_pb2.CompleteResponse:
        """Have a model write."""
        answer = self._calls.complete(
            call.tenant(), translate.request_id(request.request_id), translate.text_job(request.job)
        )
        return ai_service_pb2.CompleteResponse(answer=translate.answer(answer))

    def GenerateImage(
        self, request: ai_service_pb2.GenerateImageRequest, context: grpc.ServicerContext
    ) -> ai_service_pb2.GenerateImageResponse:
        """Have a model draw."""
        answer = self._calls.draw(call.tenant(), translate.request_id(request.request_id), translate.image(request.job))
        return ai_service_pb2.GenerateImageResponse(answer=translate.answer(answer))

    def Embed(
        self, request: ai_service_pb2.EmbedRequest, context: grpc.ServicerContext
    ) -> ai_service_pb2.EmbedResponse:
        """Turn texts into vectors."""
        if len(request.texts) > TEXTS_MAX:
            raise InvalidArgument.field("texts", f"must be at most {TEXTS_MAX}")
        vectors, origin = self._calls.embed(
            call.tenant(), translate.request_id(request.request_id), list(request.texts)
        )
        return ai_service_pb2.EmbedResponse(
            embeddings=[ai_service_pb2.Embedding(values=vector) for vector in vectors],
            provenance=translate.provenance(origin),
        )
