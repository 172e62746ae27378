"""The OpenAPI document of the REST API, made from the protos: paths, schemas, and every comment."""

from gateway.openapi.document import for_swagger_ui, make_document

__all__ = ["for_swagger_ui", "make_document"]
