"""The ai service's resources, as the standard methods know them."""

from igny8.ai.v1 import ai_pb2

from chassis.resource import Resource
from services.ai.models import AiCall, AiModel

AI_MODEL = Resource(
    message=ai_pb2.AiModel,
    table=AiModel,
    plural="ai_models",
    noun="model",
    filters=("provider", "name", "kind", "is_default"),
    orders=("name", "provider"),
    search=("name",),
    catalogue=True,
)

AI_CALL = Resource(
    message=ai_pb2.AiCall,
    table=AiCall,
    plural="ai_calls",
    noun="call",
    filters=("status", "template", "provider", "model", "error_reason", "request_id"),
    orders=("create_time", "duration_ms", "cost_micros"),
)
