"""Rules of model calls without any IO: what an answer must be, and what a call cost."""

import enum
import hashlib
import json
import math
import re
from array import array
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.ai.errors import AnswerMalformed, AnswerTruncated, ProviderRefused

ANSWER_CHARS_MAX = 1_000_000  # four times the longest answer that may be asked for, in characters
DEPTH_MAX = 64  # of JSON; what goes deeper overflows somebody's stack


@dataclass(frozen=True)
class Usage:
    """What a provider counted."""

    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0


class Ending(enum.Enum):
    """Why a model stopped writing."""

    COMPLETE = enum.auto()
    CUT_OFF = enum.auto()
    REFUSED = enum.auto()


@dataclass(frozen=True)
class Completion:
    """What a provider answered to a request for text."""

    text: str
    provider: str
    model: str
    usage: Usage
    ending: Ending = Ending.COMPLETE


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


def usable_text(completion: Completion, schema: Mapping[str, Any]) -> str:
    """Return a model's answer as plain JSON.

    Raises:
        AnswerTruncated: it was cut off at the token limit.
        ProviderRefused: the model would not answer.
        AnswerMalformed: it is not the JSON that was asked for.
    """
    if completion.ending is Ending.CUT_OFF:
        written = f"{completion.usage.output_tokens:,} tokens"
        raise AnswerTruncated(f"The model's answer was cut off after {written}; ask for less, or allow more tokens.")
    if completion.ending is Ending.REFUSED:
        raise ProviderRefused("The model refused to answer; change the item's words or its prompt.")
    return parse_answer(completion.text, schema)


def parse_answer(text: str, schema: Mapping[str, Any]) -> str:
    """Return an answer as plain JSON, repaired where the repair is certain.

    Certain is: a byte order mark, a code fence, the model's thinking before it, words without any bracket around the
    one object. Nothing inside the object is ever guessed.

    Args:
        text: what the model wrote.
        schema: JSON schema; its required keys must be there with the right kinds. Empty for any object.

    Raises:
        AnswerMalformed: it is not the JSON that was asked for; the message says where.
    """
    if len(text) > ANSWER_CHARS_MAX:
        raise AnswerMalformed(
            f"The model's answer has {len(text):,} characters; at most {ANSWER_CHARS_MAX:,} are read."
        )
    value = _the_object(_THINKING.sub("", text, count=1))
    problem = mismatch(value, schema, "answer")
    if problem:
        raise AnswerMalformed(f"The model's answer does not fit: {problem}.")
    return json.dumps(value, ensure_ascii=False)


def strict_json(text: str) -> Any:
    """Return the value of a JSON text that PostgreSQL and gRPC can carry as well.

    Raises:
        ValueError: it is not JSON, a number is not finite, a name stands twice in one object, a text holds NUL or half
            of a surrogate pair, or it is nested deeper than DEPTH_MAX.
    """
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _check_portable(value)
    return value


_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_BRACKETS = frozenset("{}[]")


def _the_object(text: str) -> Any:
    start = text.find("{")
    if start < 0:
        raise AnswerMalformed("The model's answer holds no JSON object.")
    try:
        value, end = _DECODER.raw_decode(text, start)
        _check_portable(value)
    except (ValueError, RecursionError) as error:
        raise AnswerMalformed(f"The model's answer is not JSON: {error}.") from error
    if not _BRACKETS.isdisjoint(text[:start]) or not _BRACKETS.isdisjoint(text[end:]):
        raise AnswerMalformed("The model's answer holds more than one JSON value; which one counts is not certain.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite)


def _check_portable(value: Any) -> None:
    """Refuse what JSON can say and PostgreSQL or UTF-8 cannot. A loop: a deep value would end recursion."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise ValueError(f"it is nested deeper than {DEPTH_MAX}")
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        elif isinstance(item, str):
            _check_text(item)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("a text holds a NUL character")
    if _SURROGATE.search(text):
        raise ValueError("a text holds half of a surrogate pair")


_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def one_line(text: str, most: int) -> str:
    """Return a text of others as one line that can be stored and logged, at most so many characters."""
    return " ".join(_UNPRINTABLE.sub(" ", text[: most * 4]).split())[:most]


_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_SCHEMA_SHAPES: Mapping[str, tuple[type, ...]] = {
    "enum": (list,),
    "required": (list,),
    "properties": (dict,),
    "items": (dict,),
    "minItems": (int,),
    "maxItems": (int,),
    "minLength": (int,),
    "maxLength": (int,),
    "minimum": (int, float),
    "maximum": (int, float),
}


def schema_problem(schema: Any, path: str = "schema") -> str:
    """Return what `mismatch` could not read in a JSON schema, or ""."""
    if not isinstance(schema, dict):
        return f"{path} should be an object"
    unknown = [name for name in _types(schema) if not isinstance(name, str) or name not in _KINDS]
    if unknown:
        return f"{path}.type should be of {', '.join(_KINDS)}"
    for name, kinds in _SCHEMA_SHAPES.items():
        if name in schema and (not isinstance(schema[name], kinds) or isinstance(schema[name], bool)):
            return f"{path}.{name} should be {' or '.join(kind.__name__ for kind in kinds)}"
    if not all(isinstance(name, str) for name in schema.get("required", ())):
        return f"{path}.required should be a list of names"
    inner = {f"properties.{name}": value for name, value in schema.get("properties", {}).items()}
    inner |= {"items": schema["items"]} if "items" in schema else {}
    return next(filter(None, (schema_problem(value, f"{path}.{name}") for name, value in inner.items())), "")


def _types(schema: Mapping[str, Any]) -> Sequence[Any]:
    named = schema.get("type", ())
    return named if isinstance(named, list | tuple) else (named,)


def mismatch(value: Any, schema: Mapping[str, Any], path: str) -> str:
    """Return what is wrong with a value by the part of JSON Schema that prompts use, or "".

    Covers type, enum, required, properties, items, minItems, maxItems, minLength, maxLength, minimum, maximum. Names
    that the schema does not know are let through: whoever applies the answer reads only what it asked for.
    """
    types = _types(schema)
    if types and not any(_is(value, name) for name in types):
        return f"{path} should be {' or '.join(types)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{path} should be one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, dict):
        return _object_mismatch(value, schema, path)
    return _array_mismatch(value, schema, path) if isinstance(value, list) else _scalar_mismatch(value, schema, path)


def _is(value: Any, name: str) -> bool:
    kinds = _KINDS[name]
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def _scalar_mismatch(value: Any, schema: Mapping[str, Any], path: str) -> str:
    if isinstance(value, str):
        return _measure(len(value), schema.get("minLength"), schema.get("maxLength"), path, ("short", "long"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _measure(value, schema.get("minimum"), schema.get("maximum"), path, ("small", "large"))
    return ""


def _measure(size: float, least: float | None, most: float | None, path: str, words: tuple[str, str]) -> str:
    if least is not None and size < least:
        return f"{path} is too {words[0]}"
    return f"{path} is too {words[1]}" if most is not None and size > most else ""


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


def unit_vectors(vectors: Sequence[Sequence[float]], count: int) -> list[list[float]]:
    """Return vectors scaled to the length one, as similarities expect them.

    Args:
        vectors: as a provider answered; all of one dimension.
        count: how many there must be.

    Raises:
        AnswerMalformed: another number, different dimensions, or a vector without a direction.
    """
    if len(vectors) != count or len({len(vector) for vector in vectors}) > 1:
        raise AnswerMalformed(f"The model answered {len(vectors)} vectors of unlike sizes to {count} texts.")
    lengths = [math.hypot(*vector) for vector in vectors]
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        raise AnswerMalformed("The model answered a vector without a direction.")
    return [[part / length for part in vector] for vector, length in zip(vectors, lengths, strict=True)]


def pack_vectors(vectors: Sequence[Sequence[float]]) -> list[str]:
    """Return vectors as base64 of 32-bit floats: a fifth of their JSON, and what gRPC carries anyway."""
    return [b64encode(array("f", vector).tobytes()).decode() for vector in vectors]


def unpack_vectors(packed: Sequence[str]) -> list[list[float]]:
    """Return the vectors that `pack_vectors` packed."""
    return [array("f", b64decode(text)).tolist() for text in packed]


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
