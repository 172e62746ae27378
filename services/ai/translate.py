"""Between the ai service's protos and its rules."""

import re
from typing import Any

from igny8.common.v1 import functions_pb2

from chassis.errors import InvalidArgument
from chassis.work import Answer, ImageSpec, Provenance
from services.ai.domain import one_line, schema_problem, strict_json
from services.ai.usecases import TextJob

IMAGE_SIDE_LEAST, IMAGE_SIDE_MOST = 64, 4096
OUTPUT_TOKENS_MAX = 64_000
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}\Z")


def text_job(job: functions_pb2.AiJob) -> TextJob:
    """Return the text that a job wants.

    Raises:
        InvalidArgument: its JSON is not JSON or its schema not readable, or its limit is out of bounds.
    """
    if not 1 <= job.max_output_tokens <= OUTPUT_TOKENS_MAX:
        raise InvalidArgument.field("job.max_output_tokens", f"must be from 1 to {OUTPUT_TOKENS_MAX}")
    return TextJob(
        job.template,
        _object("job.variables_json", job.variables_json),
        job.prompt_override,
        _schema("job.answer_schema_json", job.answer_schema_json),
        job.max_output_tokens,
    )


def image(job: functions_pb2.AiJob) -> ImageSpec:
    """Return the picture that a job wants.

    Raises:
        InvalidArgument: it has no prompt, or a side is out of bounds.
    """
    spec = job.image
    if not spec.prompt.strip():
        raise InvalidArgument.field("job.image.prompt", "is required")
    for name, side in (("width", spec.width), ("height", spec.height)):
        if not IMAGE_SIDE_LEAST <= side <= IMAGE_SIDE_MOST:
            raise InvalidArgument.field(f"job.image.{name}", f"must be from {IMAGE_SIDE_LEAST} to {IMAGE_SIDE_MOST}")
    return ImageSpec(spec.prompt, spec.width, spec.height, spec.title)


def answer(made: Answer) -> functions_pb2.AiAnswer:
    """Return an answer as it travels."""
    return functions_pb2.AiAnswer(
        text=made.text,
        object_key=made.object_key,
        mime_type=made.mime_type,
        width=made.width,
        height=made.height,
        provenance=provenance(made.provenance),
        cost_usd_micro=made.cost_usd_micro,
    )


def provenance(origin: Provenance) -> functions_pb2.Provenance:
    """Return where an answer came from, as it travels."""
    return functions_pb2.Provenance(**origin.__dict__)


def request_id(value: str) -> str:
    """Return a request id that the record can be found by and a provider can be given as a header.

    Raises:
        InvalidArgument: it is too long, or holds anything but printable ASCII.
    """
    if not _REQUEST_ID.match(value):
        raise InvalidArgument.field("request_id", "must be 1 to 200 printable ASCII characters without blanks")
    return value


def _object(field: str, text: str) -> dict[str, Any]:
    try:
        value = strict_json(text or "{}")
    except ValueError as error:
        raise InvalidArgument.field(field, f"must be a JSON object: {one_line(str(error), 200)}") from error
    if not isinstance(value, dict):
        raise InvalidArgument.field(field, "must be a JSON object")
    return value


def _schema(field: str, text: str) -> dict[str, Any]:
    schema = _object(field, text)
    problem = schema_problem(schema)
    if problem:
        raise InvalidArgument.field(field, one_line(problem, 200))
    return schema
