"""Every message type that REST could show, and a strategy that fills one with anything it may hold."""

from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st
from igny8.common.v1 import content_pb2, events_pb2, functions_pb2

from gateway.bindings import SERVICES
from gateway.convert.fields import FLOAT_LIMITS, INPUT_ONLY, INT_RANGES, Shape, behaviour, shape

LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
JSON_OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5), st.lists, max_leaves=4),
)


def all_descriptors() -> list[Descriptor]:
    files = [content_pb2.DESCRIPTOR, events_pb2.DESCRIPTOR, functions_pb2.DESCRIPTOR]
    for service in SERVICES.values():
        files += [service, *(file for file in service.dependencies if file.package == service.package)]
    found: dict[str, Descriptor] = {}
    for file in files:
        for descriptor in file.message_types_by_name.values():
            found[descriptor.full_name] = descriptor
    return list(found.values())


def filled(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    """A message of a type, each field set or not, INPUT_ONLY ones never: they do not come back."""
    fields = [field for field in descriptor.fields if INPUT_ONLY not in behaviour(field)]
    return st.fixed_dictionaries({}, optional={field.name: _field(field) for field in fields}).map(
        lambda values: _made(descriptor, values)
    )


def _made(descriptor: Descriptor, values: dict[str, Any]) -> Message:
    message: Any = GetMessageClass(descriptor)(**values)
    return message  # type: ignore[no-any-return]  # the class is known by its descriptor only


def _field(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    return st.lists(_value(field), max_size=3) if field.is_repeated else _value(field)


def _value(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    kind = shape(field)
    if kind is Shape.MESSAGE:
        assert field.message_type is not None
        return filled(field.message_type)
    if kind is Shape.ENUM:
        assert field.enum_type is not None
        numbers = [n for n in field.enum_type.values_by_number if n or not field.is_repeated]
        return st.sampled_from(numbers)
    if kind is Shape.INTEGER:
        return st.integers(*INT_RANGES[field.type])
    if kind is Shape.NUMBER:
        limit = FLOAT_LIMITS[field.type]
        return st.floats(-limit, limit, width=32 if field.type == FieldDescriptor.TYPE_FLOAT else 64)
    return _SIMPLE[kind]


_SIMPLE: dict[Shape, st.SearchStrategy[Any]] = {
    Shape.TEXT: st.text(max_size=20),
    Shape.BOOLEAN: st.booleans(),
    Shape.JSON_OBJECT: JSON_OBJECTS.map(lambda value: orjson.dumps(value).decode()),
    Shape.TIMESTAMP: st.builds(
        lambda seconds, micros: {"seconds": seconds, "nanos": micros * 1000},
        st.integers(-62_135_596_800, LAST_SECOND),
        st.integers(0, 999_999),
    ),
    Shape.FIELD_MASK: st.lists(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), max_size=3).map(
        lambda paths: {"paths": paths}
    ),
}
