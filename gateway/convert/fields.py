"""What a field is in REST: its name, who may see it, and which of the shapes of `gateway.convert` it has."""

import enum

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor

OUTPUT_ONLY = field_behavior_pb2.OUTPUT_ONLY
INPUT_ONLY = field_behavior_pb2.INPUT_ONLY
REQUIRED = field_behavior_pb2.REQUIRED
_JSON = "_json"

_Type = FieldDescriptor
INT_RANGES: dict[int, tuple[int, int]] = {
    **dict.fromkeys((_Type.TYPE_INT32, _Type.TYPE_SINT32, _Type.TYPE_SFIXED32), (-(2**31), 2**31 - 1)),
    **dict.fromkeys((_Type.TYPE_INT64, _Type.TYPE_SINT64, _Type.TYPE_SFIXED64), (-(2**63), 2**63 - 1)),
    **dict.fromkeys((_Type.TYPE_UINT32, _Type.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((_Type.TYPE_UINT64, _Type.TYPE_FIXED64), (0, 2**64 - 1)),
}
FLOAT_LIMITS: dict[int, float] = {_Type.TYPE_FLOAT: 3.4028234663852886e38, _Type.TYPE_DOUBLE: 1.7976931348623157e308}


class Shape(enum.Enum):
    """How one value of a field looks in JSON."""

    TEXT = enum.auto()
    JSON_OBJECT = enum.auto()
    BOOLEAN = enum.auto()
    INTEGER = enum.auto()
    NUMBER = enum.auto()
    ENUM = enum.auto()
    TIMESTAMP = enum.auto()
    FIELD_MASK = enum.auto()
    MESSAGE = enum.auto()


def rest_name(field: FieldDescriptor) -> str:
    """Return a field's name in REST: `attributes` for the field `attributes_json`."""
    return field.name.removesuffix(_JSON) if is_json(field) else field.name


def is_json(field: FieldDescriptor) -> bool:
    """Return whether a field holds JSON as text."""
    return field.type == _Type.TYPE_STRING and field.name.endswith(_JSON) and not field.is_repeated


def behaviour(field: FieldDescriptor) -> frozenset[int]:
    """Return the google.api.field_behavior values of a field."""
    return frozenset(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def shape(field: FieldDescriptor) -> Shape:
    """Return the shape of a field's values.

    Raises:
        TypeError: it is of a kind that REST has no shape for here: bytes, a map, a group.
    """
    if field.message_type is not None:
        return _message_shape(field)
    if field.enum_type is not None:
        return Shape.ENUM
    if field.type in INT_RANGES:
        return Shape.INTEGER
    if field.type in FLOAT_LIMITS:
        return Shape.NUMBER
    if field.type == _Type.TYPE_BOOL:
        return Shape.BOOLEAN
    if field.type == _Type.TYPE_STRING:
        return Shape.JSON_OBJECT if is_json(field) else Shape.TEXT
    raise TypeError(f"{field.full_name}: give bytes a place in the object store and pass their key.")


def nullable(field: FieldDescriptor) -> bool:
    """Return whether a field's value may be null in an answer."""
    if field.is_repeated:
        return False
    return field.has_presence or shape(field) in {Shape.ENUM, Shape.JSON_OBJECT}


def _message_shape(field: FieldDescriptor) -> Shape:
    inner = field.message_type
    assert inner is not None  # noqa: S101 - the caller asked
    if inner.full_name == "google.protobuf.Timestamp":
        return Shape.TIMESTAMP
    if inner.full_name == "google.protobuf.FieldMask":
        return Shape.FIELD_MASK
    if inner.GetOptions().map_entry or inner.full_name.startswith("google."):
        raise TypeError(f"{field.full_name}: {inner.full_name} has no shape in REST; use fields of its own.")
    return Shape.MESSAGE
