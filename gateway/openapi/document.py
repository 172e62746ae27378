"""The document itself: OpenAPI 3.1, and the same as 3.0 for a page that knows no newer one."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from igny8.orchestrator.v1 import orchestrator_pb2
from igny8.planner.v1 import planner_pb2

from chassis.errors import Fault, InvalidArgument, NotFound
from gateway import exports, intake, library, problems, streams, uploads
from gateway.bindings import SERVICES, SITE, Binding
from gateway.convert.fields import rest_name
from gateway.openapi.comments import comment
from gateway.openapi.schemas import Schema, Schemas, Use
from gateway.transcoding import REQUEST_ID, Transcoder

_INTRODUCTION = (
    "Plans, writes and publishes a site's content from its keywords.\n\n"
    "Sign up or in for an access token, or make an API key, and send it as `Authorization: Bearer`. Answers have every "
    "key; what is absent is null. Times are RFC 3339 in UTC. Failures are problem documents (RFC 9457) with a stable "
    "`reason` and the request id. Lists are paged: send `next_page_token` back as `page_token` until it is empty. "
    "`Idempotency-Key` makes repeating a call that creates or spends harmless for 48 hours."
)
_FAILURES: dict[int, str] = {
    400: "A field is wrong; `violations` names each.",
    401: "Nobody known is calling: the credential is missing, unknown, expired or revoked.",
    402: "Not enough credits.",
    403: "The credential does not have the scope.",
    404: "No such thing, or not yours.",
    409: "The state does not allow it, it exists already, or somebody else changed it meanwhile.",
    413: "The body is too large.",
    415: "The body is not of a media type that is taken.",
    429: "Too often; `Retry-After` says when again.",
    503: "A part cannot be reached just now; `Retry-After` says when to try again.",
}
_EXAMPLE_ID = "01990a5e-7c1f-7000-8000-0242ac120002"
_EXAMPLES: dict[int, Fault] = {
    400: InvalidArgument.field("page_size", "must be from 0 to 1000"),
    404: NotFound.row("keyword", _EXAMPLE_ID),
}
_ALWAYS = (400, 429, 503)
_WITH_BODY = (402, 409, 413, 415)
_JSON = "application/json"
_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}


def make_document(bindings: Sequence[Binding]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the given bindings and of the paths made by hand."""
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for binding in bindings:
        paths.setdefault(binding.template.public, {})[binding.method.lower()] = _operation(binding, schemas)
    paths.setdefault(uploads.PATH, {})["post"] = _upload(schemas)
    paths.setdefault(library.PATH, {})["post"] = _preview(schemas)
    paths.setdefault(streams.PATH, {})["get"] = _stream()
    for export in (exports.KEYWORDS, exports.LIBRARY):
        paths.setdefault(export.path, {})["get"] = _export(export)
    return {
        "openapi": "3.1.0",
        "info": {"title": "IGNY8", "version": "1", "description": _INTRODUCTION},
        "security": [{"bearer": []}, {"api_key": []}],
        "tags": [_tag(service) for service in SERVICES],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())) | {"Problem": _problem_schema()},
            "responses": {str(status): _failure(status, text) for status, text in _FAILURES.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API key."},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "An API key."},
            },
        },
    }


def for_swagger_ui(document: Any) -> Any:
    """Return the document as OpenAPI 3.0, which the bundled Swagger UI understands: null is said another way there."""
    if isinstance(document, list):
        return [for_swagger_ui(item) for item in document]
    if not isinstance(document, dict):
        return document
    made = {key: for_swagger_ui(value) for key, value in document.items()}
    if "openapi" in made:
        made["openapi"] = "3.0.3"
    if isinstance(made.get("type"), list):
        made |= {"type": made["type"][0], "nullable": True}
    if {"type": "null"} in made.get("anyOf", []):
        reference = made.pop("anyOf")[0]
        made |= {"allOf": [reference], "nullable": True}
    return made


def _operation(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    transcoder = Transcoder(binding)
    text = comment(binding.rpc.full_name)
    operation: dict[str, Any] = {
        "operationId": binding.rpc.name,
        "tags": [binding.service],
        "summary": text.partition(". ")[0].rstrip("."),
        "description": f"{text}\n\nNeeds the scope `{binding.scope}`." if not binding.is_public else text,
        "parameters": [
            *[_path_parameter(name) for name in binding.template.names],
            *[_query_parameter(field, schemas) for field in transcoder.query_fields],
            *_idempotency(binding),
        ],
        "responses": _responses(binding, schemas),
    }
    if binding.is_public:
        operation["security"] = []
    if binding.body:
        operation["requestBody"] = {"content": {_JSON: {"schema": _body(binding, schemas)}}}
    return operation


def _body(binding: Binding, schemas: Schemas) -> Schema:
    if binding.body == "*":
        return schemas.object(binding.request, Use.INPUT, without=frozenset(binding.template.fields))
    inner = binding.request.fields_by_name[binding.body].message_type
    assert inner is not None  # noqa: S101 - the transcoder was made, which checks it
    without = frozenset({SITE}) if SITE in binding.template.names else frozenset[str]()
    return schemas.reference(inner, Use.CHANGES if binding.method == "PATCH" else Use.INPUT, without=without)


def _responses(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    statuses = [*_ALWAYS, *(_WITH_BODY if binding.method != "GET" else ())]
    statuses += [401] if binding.is_public else [401, 403, 404]
    content = {_JSON: {"schema": schemas.reference(binding.response, Use.ANSWER)}}
    return {"200": {"description": comment(binding.response.full_name), "content": content}} | _refused(statuses)


def _refused(statuses: Sequence[int]) -> dict[str, Any]:
    named = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    other = {"description": "Any other failure.", "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM_REF}}}
    return named | {"default": other}


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _query_parameter(field: FieldDescriptor, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.value(field, Use.INPUT)
    if field.is_repeated:
        schema = {"type": "array", "items": schema}
    return {"name": rest_name(field), "in": "query", "description": comment(field.full_name), "schema": schema}


def _idempotency(binding: Binding) -> list[dict[str, Any]]:
    return _key_header() if REQUEST_ID in binding.request.fields_by_name else []


def _key_header() -> list[dict[str, Any]]:
    text = "Any text of up to 200 visible ASCII characters; the same call with the same key is made once."
    schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
    return [{"name": "Idempotency-Key", "in": "header", "description": text, "schema": schema}]


def _upload(schemas: Schemas) -> dict[str, Any]:
    sector = {"type": "string", "format": "uuid", "description": "The sector that the keywords belong to."}
    run = {_JSON: {"schema": schemas.reference(orchestrator_pb2.Run.DESCRIPTOR, Use.ANSWER)}}
    location = {"description": "The run.", "schema": {"type": "string"}}
    return {
        "operationId": "UploadKeywords",
        "tags": ["planner"],
        "summary": "Imports a file of keywords",
        "description": "Takes a file of up to 200 MB as a form or as the body itself, and starts the run that imports "
        "it. The report is then under keyword-imports.\n\nNeeds the scope `write`.",
        **_file("The export of a keyword tool, as it is.", {"sector_id": sector}, [_path_parameter("site_id")]),
        "responses": {
            "202": {"description": "The run that imports it.", "headers": {"Location": location}, "content": run}
        }
        | _refused([*_ALWAYS, *_WITH_BODY, 401, 403, 404]),
    }


def _preview(schemas: Schemas) -> dict[str, Any]:
    fields = {
        name: {"type": "string", "description": f"The {name} of lines that name none: its id, slug or name."}
        for name in library.FIELDS
    }
    change = {_JSON: {"schema": schemas.reference(planner_pb2.LibraryChange.DESCRIPTOR, Use.ANSWER)}}
    location = {"description": "The change.", "schema": {"type": "string"}}
    return {
        "operationId": "PreviewLibraryImport",
        "tags": ["planner"],
        "summary": "Shows what a file would do to the platform's library",
        "description": "Takes a file of up to 50,000 lines as a form or as the body itself, with the columns keyword, "
        "volume, difficulty, intent, country, industry and sector, and writes nothing: its lines are under "
        "library-change-lines, and ApplyLibraryChange writes them.\n\nNeeds the scope `operator`.",
        **_file("The keywords with their sectors.", fields, _key_header()),
        "responses": {"201": {"description": "The change.", "headers": {"Location": location}, "content": change}}
        | _refused([*_ALWAYS, *_WITH_BODY, 401, 403]),
    }


def _file(what: str, fields: dict[str, Schema], parameters: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return parameters and body of an operation that takes a file, with what may be said beside it."""
    filename = {"type": "string", "description": "What the file is called; that of the form's part by default."}
    file = {"type": "string", "format": "binary", "description": what}
    said = fields | {"filename": filename}
    form = {"type": "object", "properties": {"file": file} | said, "required": ["file"]}
    beside = {"in": "query", "description": "When the body is the file itself."}
    return {
        "parameters": [*parameters, *[{"name": name, **beside, "schema": schema} for name, schema in said.items()]],
        "requestBody": {
            "required": True,
            "content": {intake.MULTIPART: {"schema": form}} | {kind: {"schema": file} for kind in intake.RAW_TYPES},
        },
    }


def _stream() -> dict[str, Any]:
    position = {"type": "string", "pattern": "^[0-9]{1,18}$"}
    return {
        "operationId": "StreamRunEvents",
        "tags": ["orchestrator"],
        "summary": "Streams a run's events as they happen",
        "description": "Server-sent events: `id` is the position, `event` the kind, `data` a RunEvent. `end` is the "
        "last one of a run that has ended; `problem` carries a problem document.\n\nNeeds the scope `read`.",
        "parameters": [
            _path_parameter("run_id"),
            {"name": "Last-Event-ID", "in": "header", "description": "Goes on after this event.", "schema": position},
            {"name": "after_position", "in": "query", "description": "The same, where no header can be sent."}
            | {"schema": position},
        ],
        "responses": {
            "200": {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "204": {"description": "The run has ended and nothing is new."},
        }
        | _refused([*_ALWAYS, 401, 403, 404]),
    }


def _export(export: exports.Export) -> dict[str, Any]:
    text: Schema = {"type": "string"}
    meanings = {
        "filter": "As of a list: volume >= 100.",
        "order_by": "As of a list.",
        "search": "Words to look for.",
    }
    return {
        "operationId": export.rpc,
        "tags": ["planner"],
        "summary": f"Writes {'a site' if export.at_site else 'the platform'}'s keywords as a CSV file",
        "description": "In the columns that an import takes: importing the file again changes nothing.\n\n"
        f"Needs the scope `{export.scope}`.",
        "parameters": [
            *([_path_parameter(SITE)] if export.at_site else []),
            *[{"name": name, "in": "query", "description": meanings[name], "schema": text} for name in exports.QUERY],
        ],
        "responses": {"200": {"description": "The file.", "content": {exports.MEDIA_TYPE: {"schema": text}}}}
        | _refused([*_ALWAYS, 401, 403, 404]),
    }


def _tag(service: str) -> dict[str, str]:
    name = f"{service.title()}Service"
    return {"name": service, "description": comment(f"igny8.{service}.v1.{name}")}


def _failure(status: int, text: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"schema": _PROBLEM_REF}
    if status in _EXAMPLES:
        path = "/v1/sites/01990a5e-7c1f-7000-8000-0242ac120003/keywords"
        schema["example"] = problems.problem(_EXAMPLES[status], instance=path, request_id=_EXAMPLE_ID)
    return {"description": text, "content": {problems.MEDIA_TYPE: schema}}


def _problem_schema() -> Schema:
    text: Schema = {"type": "string"}
    violation = {
        "type": "object",
        "properties": {"field": text, "description": text},
        "required": ["field", "description"],
    }
    properties: dict[str, Schema] = {
        "type": text | {"description": "Where the reason is explained.", "format": "uri-reference"},
        "title": text | {"description": "The kind of failure."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": text | {"description": "What happened and what to do."},
        "instance": text | {"description": "The path that was called."},
        "request_id": text | {"description": "Tell it to support."},
        "reason": text | {"description": "Stable, for programs: INSUFFICIENT_CREDITS."},
        "violations": {"type": "array", "items": violation, "description": "Fields that are wrong."},
        "metadata": {"type": "object", "additionalProperties": text, "description": "Facts for programs."},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}
