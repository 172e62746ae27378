"""Messages to JSON values."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.resource.columns import enum_text
from gateway.convert.fields import INPUT_ONLY, Shape, behaviour, rest_name, shape

_Value = Callable[[Any], Any]
_Rule = Callable[[Message, Any], Any]
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive: the Z is written by hand, which is faster than an offset
_PLAIN = frozenset({Shape.TEXT, Shape.BOOLEAN, Shape.INTEGER, Shape.NUMBER})


class Writer:
    """Writes messages of one type.

    All fields are fetched by one `attrgetter`, in C; only those that JSON shows differently are touched again.
    """

    def __init__(self, descriptor: Descriptor) -> None:
        fields = [field for field in descriptor.fields if INPUT_ONLY not in behaviour(field)]
        self._names = [rest_name(field) for field in fields]
        self._fetch = _fetcher([field.name for field in fields])
        self._rules = [(index, rule) for index, field in enumerate(fields) if (rule := _rule(field)) is not None]

    def write(self, message: Message) -> dict[str, Any]:
        """Return a message as JSON values, every key there."""
        values = list(self._fetch(message))
        for index, rule in self._rules:
            values[index] = rule(message, values[index])
        return dict(zip(self._names, values, strict=True))


@cache
def writer(descriptor: Descriptor) -> Writer:
    """Return the writer of a message type, compiled on first use.

    Raises:
        TypeError: a field has no shape in REST.
    """
    return Writer(descriptor)


def timestamp_text(seconds: int, nanos: int) -> str:
    """Return a point in time as RFC 3339 in UTC, to the microsecond."""
    return (_EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)).isoformat() + "Z"


def _fetcher(names: list[str]) -> Callable[[Message], tuple[Any, ...]]:
    if not names:
        return lambda _message: ()
    fetch = attrgetter(*names)
    return fetch if len(names) > 1 else lambda message: (fetch(message),)


def _rule(field: FieldDescriptor) -> _Rule | None:
    """Return how a field's raw value becomes JSON; None where it already is."""
    convert = _value(field)
    if field.is_repeated:
        return _list_rule(convert)
    if field.has_presence:
        return _optional_rule(field.name, convert)
    if convert is None:
        return None
    return lambda _message, value: convert(value)


def _list_rule(convert: _Value | None) -> _Rule:
    if convert is None:
        return lambda _message, values: list(values)
    return lambda _message, values: [convert(value) for value in values]


def _optional_rule(name: str, convert: _Value | None) -> _Rule:
    if convert is None:
        return lambda message, value: value if message.HasField(name) else None
    return lambda message, value: convert(value) if message.HasField(name) else None


def _value(field: FieldDescriptor) -> _Value | None:
    kind = shape(field)
    if kind in _PLAIN:
        return None
    if kind is Shape.JSON_OBJECT:
        return lambda text: orjson.loads(text) if text else None
    if kind is Shape.TIMESTAMP:
        return lambda stamp: timestamp_text(stamp.seconds, stamp.nanos)
    if kind is Shape.FIELD_MASK:
        return lambda mask: ",".join(mask.paths)
    if field.enum_type is not None:
        return _enum_names(field.enum_type).get
    return _message_value(field)


def _enum_names(enum: EnumDescriptor) -> dict[int, str | None]:
    return {number: enum_text(enum, number) for number in enum.values_by_number}


def _message_value(field: FieldDescriptor) -> _Value:
    inner = field.message_type
    assert inner is not None  # noqa: S101 - the shape says so
    # Looked up when it is needed: a message may contain its own kind.
    return lambda message: writer(inner).write(message)
