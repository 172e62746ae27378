"""Rules of model calls without any IO: what an answer must be, and what a call cost."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.ai.errors import AnswerMalformed

IN_FLIGHT_S = 200  # longer than a provider may take: a record in flight for longer belongs to a process that died


@dataclass(frozen=True)
class Usage:
    """What a provider counted."""

    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0


@dataclass(frozen=True)
class Completion:
    """What a provider answered to a request for text."""

    text: str
    provider: str
    model: str
    usage: Usage


@dataclass(frozen=True)
class Picture:
    """What a provider drew."""

    data: bytes
    mime_type: str
    width: int
    height: int
    provider: str
    model: str


def request_digest(*parts: object) -> str:
    """Return a digest of what a call asks, to tell a repeat from another call under the same id."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def parse_answer(text: str, schema: Mapping[str, Any]) -> str:
    """Return an answer as plain JSON, repaired where the repair is certain (a code fence, words around the object).

    Args:
        text: what the model wrote.
        schema: JSON schema; its required keys must be there with the right kinds. Empty for any object.

    Raises:
        AnswerMalformed: it is not the JSON that was asked for; the message says where.
    """
    value = _decode(text)
    problem = mismatch(value, schema, "answer")
    if problem:
        raise AnswerMalformed(f"The model's answer does not fit: {problem}.")
    return json.dumps(value, ensure_ascii=False)


def _decode(text: str) -> Any:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise AnswerMalformed("The model's answer holds no JSON object.")
    try:
        return json.loads(text[start : end + 1])
    except ValueError as error:
        raise AnswerMalformed(f"The model's answer is not JSON: {error}.") from error


_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def mismatch(value: Any, schema: Mapping[str, Any], path: str) -> str:
    """Return what is wrong with a value by the part of JSON Schema that prompts use, or "".

    Covers type, enum, required, properties, items, minItems, maxItems, minLength, minimum.
    """
    kinds = _KINDS.get(schema.get("type", ""))
    if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        return f"{path} should be {schema['type']}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{path} should be one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, dict):
        return _object_mismatch(value, schema, path)
    return _array_mismatch(value, schema, path) if isinstance(value, list) else _scalar_mismatch(value, schema, path)


def _scalar_mismatch(value: Any, schema: Mapping[str, Any], path: str) -> str:
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return f"{path} is too short"
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        return f"{path} is too small"
    return ""


def _object_mismatch(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> str:
    for name in schema.get("required", ()):
        if name not in value:
            return f"{path}.{name} is missing"
    for name, inner in schema.get("properties", {}).items():
        problem = mismatch(value[name], inner, f"{path}.{name}") if name in value else ""
        if problem:
            return problem
    return ""


def _array_mismatch(value: list[Any], schema: Mapping[str, Any], path: str) -> str:
    if len(value) < schema.get("minItems", 0):
        return f"{path} has too few items"
    if len(value) > schema.get("maxItems", len(value)):
        return f"{path} has too many items"
    for index, item in enumerate(value):
        problem = mismatch(item, schema.get("items", {}), f"{path}[{index}]")
        if problem:
            return problem
    return ""


def cost_micros(usage: Usage, input_price: int, output_price: int) -> int:
    """Return what a call cost in micro-USD, rounded up once.

    Args:
        usage: as the provider counted.
        input_price: micro-USD for 1,000,000 tokens read.
        output_price: micro-USD for 1,000,000 tokens written, or for one picture.
    """
    if usage.images:
        return usage.images * output_price
    return -(-(usage.input_tokens * input_price + usage.output_tokens * output_price) // 1_000_000)
