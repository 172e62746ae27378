"""Messages to JSON values."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.resource.columns import enum_text
from gateway.convert.fields import INPUT_ONLY, Shape, behaviour, nullable, rest_name, shape

_Value = Callable[[Any], Any]
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive: the Z is written by hand, which is faster than an offset
_PLAIN = frozenset({Shape.TEXT, Shape.BOOLEAN, Shape.INTEGER, Shape.NUMBER})


class Writer:
    """Writes messages of one type.

    Begins with every key as it is when its field is not set, and touches those that are: `ListFields` gives them at
    once, and most fields of most rows are not set.
    """

    def __init__(self, descriptor: Descriptor) -> None:
        shown = [field for field in descriptor.fields if INPUT_ONLY not in behaviour(field)]
        self._unset = {rest_name(field): _unset(field) for field in shown}
        self._lists = [rest_name(field) for field in shown if field.is_repeated]
        self._rules = {field.number: (rest_name(field), _rule(field)) for field in shown}

    def write(self, message: Message) -> dict[str, Any]:
        """Return a message as JSON values, every key there."""
        values = self._unset.copy()
        for name in self._lists:
            values[name] = []
        for field, value in message.ListFields():
            rule = self._rules.get(field.number)
            if rule is not None:
                name, convert = rule
                values[name] = value if convert is None else convert(value)
        return values


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


def _unset(field: FieldDescriptor) -> Any:
    """Return what a field's key shows when the field is not set."""
    return None if nullable(field) else field.default_value


def _rule(field: FieldDescriptor) -> _Value | None:
    """Return how the value of a set field becomes JSON; None where it already is."""
    convert = _value(field)
    if not field.is_repeated:
        return convert
    return list if convert is None else lambda values: [convert(value) for value in values]


def _value(field: FieldDescriptor) -> _Value | None:
    kind = shape(field)
    if kind in _PLAIN:
        return None
    if kind is Shape.JSON_OBJECT:
        return orjson.loads
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
