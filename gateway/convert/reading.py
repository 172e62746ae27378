"""JSON values to messages; everything that is wrong is collected, each with its path."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument, Violation
from chassis.resource.columns import enum_number, enum_texts
from gateway.convert.fields import FLOAT_LIMITS, INT_RANGES, Shape, rest_name, shape

_MOST_VIOLATIONS = 20
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_Convert = Callable[[Any], Any]
_Store = Callable[[Message, Any, str, "Violations"], None]


class Violations:
    """Collects what is wrong with a request."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(self, field: str, description: str) -> None:
        """Note one wrong field; beyond the twentieth they are no longer noted."""
        if len(self._found) < _MOST_VIOLATIONS:
            self._found.append(Violation(field, description))

    def check(self) -> None:
        """Go on when nothing is wrong.

        Raises:
            InvalidArgument: naming every field that is wrong.
        """
        if self._found:
            raise InvalidArgument(
                "; ".join(f"{v.field}: {v.description}" for v in self._found[:5]), violations=self._found
            )


class _Wrong(ValueError):
    """A value that the field cannot hold; the text says what it must be."""


class Reader:
    """Fills messages of one type.

    Args:
        descriptor: the message type.
    """

    def __init__(self, descriptor: Descriptor) -> None:
        self._name = descriptor.name
        self.fields = {rest_name(field): field for field in descriptor.fields}
        self._rules = {name: _store(field) for name, field in self.fields.items()}

    def read(self, message: Message, value: object, path: str, violations: Violations) -> None:
        """Fill a message from a JSON value; null leaves a field as it is.

        Args:
            message: of this type.
            value: as orjson parsed it.
            path: of the value in the request: "" for the whole, else "plan.".
            violations: where wrong fields are noted.
        """
        if not isinstance(value, Mapping):
            violations.add(path.rstrip(".") or "body", "must be a JSON object")
            return
        for key, item in value.items():
            rule = self._rules.get(key)
            if rule is None:
                violations.add(f"{path}{key[:60]}", self._unknown(key))
            elif item is not None:
                rule(message, item, f"{path}{key}", violations)

    def _unknown(self, key: str) -> str:
        near = get_close_matches(key[:60], self._rules, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(self._rules) or 'none'}"
        return f"is not a field of {self._name}{hint}"


@cache
def reader(descriptor: Descriptor) -> Reader:
    """Return the reader of a message type, compiled on first use.

    Raises:
        TypeError: a field has no shape in REST.
    """
    return Reader(descriptor)


def _store(field: FieldDescriptor) -> _Store:
    if shape(field) is Shape.MESSAGE:
        return _message_list_store(field) if field.is_repeated else _message_store(field)
    return _list_store(field) if field.is_repeated else _single_store(field)


def _single_store(field: FieldDescriptor) -> _Store:
    convert, name, whole = _convert(field), field.name, field.message_type is not None

    def store(message: Message, value: object, path: str, violations: Violations) -> None:
        try:
            converted = convert(value)
        except _Wrong as wrong:
            violations.add(path, str(wrong))
            return
        if whole:
            getattr(message, name).CopyFrom(converted)
        else:
            setattr(message, name, converted)

    return store


def _list_store(field: FieldDescriptor) -> _Store:
    convert, name = _convert(field), field.name

    def store(message: Message, value: object, path: str, violations: Violations) -> None:
        target = getattr(message, name)
        for index, item in enumerate(_items(value, path, violations)):
            try:
                target.append(convert(item))
            except _Wrong as wrong:
                violations.add(f"{path}[{index}]", str(wrong))

    return store


def _message_store(field: FieldDescriptor) -> _Store:
    inner, name = field.message_type, field.name
    assert inner is not None  # noqa: S101 - the shape says so

    def store(message: Message, value: object, path: str, violations: Violations) -> None:
        target = getattr(message, name)
        target.SetInParent()  # {} is an empty message, not an absent one
        reader(inner).read(target, value, f"{path}.", violations)

    return store


def _message_list_store(field: FieldDescriptor) -> _Store:
    inner, name = field.message_type, field.name
    assert inner is not None  # noqa: S101 - the shape says so

    def store(message: Message, value: object, path: str, violations: Violations) -> None:
        target = getattr(message, name)
        for index, item in enumerate(_items(value, path, violations)):
            reader(inner).read(target.add(), item, f"{path}[{index}].", violations)

    return store


def _items(value: object, path: str, violations: Violations) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    violations.add(path, "must be a JSON array")
    return ()


def _convert(field: FieldDescriptor) -> _Convert:
    kind = shape(field)
    if kind is Shape.INTEGER:
        return _integer(*INT_RANGES[field.type])
    if kind is Shape.NUMBER:
        return _number(FLOAT_LIMITS[field.type])
    if kind is Shape.ENUM:
        return _enum(field)
    return _SIMPLE[kind]


def _integer(least: int, most: int) -> _Convert:
    def convert(value: object) -> int:
        if type(value) is not int or not least <= value <= most:  # bool is an int to isinstance
            raise _Wrong(f"must be a whole number from {least} to {most}")
        return value

    return convert


def _number(limit: float) -> _Convert:
    def convert(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not -limit <= value <= limit:
            raise _Wrong("must be a number")
        return float(value)

    return convert


def _enum(field: FieldDescriptor) -> _Convert:
    enum = field.enum_type
    assert enum is not None  # noqa: S101 - the shape says so
    options = ", ".join(enum_texts(enum))

    def convert(value: object) -> int:
        number = enum_number(enum, value) if isinstance(value, str) else None
        if number is None:
            raise _Wrong(f"must be one of {options}")
        return number

    return convert


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be a text")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _json_object(value: object) -> str:
    if not isinstance(value, dict):
        raise _Wrong("must be a JSON object")
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise _Wrong("is nested too deeply") from error


def _timestamp(value: object) -> Timestamp:
    try:
        if not isinstance(value, str) or not _RFC_3339.match(value):
            raise ValueError(value)
        stamp = Timestamp()
        stamp.FromDatetime(datetime.fromisoformat(value.upper()).astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise _Wrong("must be a time with its zone, for example 2026-11-22T08:00:00Z") from error
    return stamp


def _field_mask(value: object) -> Message:

    return FieldMask(paths=[path.strip() for path in _text(value).split(",") if path.strip()])


_SIMPLE: dict[Shape, _Convert] = {
    Shape.TEXT: _text,
    Shape.BOOLEAN: _boolean,
    Shape.JSON_OBJECT: _json_object,
    Shape.TIMESTAMP: _timestamp,
    Shape.FIELD_MASK: _field_mask,
}
