"""Between a message's fields and a table's columns: one converter a field, compiled from the descriptor.

| field                          | column                                       |
|--------------------------------|----------------------------------------------|
| string `x_id`, `id`            | uuid `x_id`; '' is NULL                      |
| string `x_json`                | jsonb `x`                                    |
| enum                           | text, the value's name without its prefix, in lower case; unspecified is NULL |
| Timestamp                      | timestamptz                                  |
| repeated string                | text[]                                       |
| repeated message, message      | jsonb, by field name                         |
| string `etag`                  | bigint `revision`                            |
| everything else                | the column of the same name; absent is NULL  |
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.errors import InvalidArgument
from chassis.ids import parse_id, require_id

M = TypeVar("M", bound=Message)
Row = Mapping[str, Any] | sa.RowMapping
_TIMESTAMP = "google.protobuf.Timestamp"


@dataclass(frozen=True)
class FieldColumn:
    """One field and its column.

    Args:
        field: the message's field.
        column: the column's name.
        read: column value to field value.
        write: field value to column value.
    """

    field: FieldDescriptor
    column: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def enum_text(enum: EnumDescriptor, number: int) -> str | None:
    """Return how a value of an enum is stored and shown: "new" for KEYWORD_STATUS_NEW, None for unspecified."""
    return _enum_names(enum)[0].get(number)


def enum_number(enum: EnumDescriptor, text: str) -> int | None:
    """Return the number of a stored or shown value, or of a value's full name; None when there is no such value."""
    return _enum_names(enum)[1].get(text)


def enum_texts(enum: EnumDescriptor) -> tuple[str, ...]:
    """Return every value as it is stored, in order."""
    return tuple(_enum_names(enum)[0].values())


@cache
def _enum_names(enum: EnumDescriptor) -> tuple[dict[int, str], dict[str, int]]:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    texts = {v.number: v.name.removeprefix(prefix).lower() for v in enum.values if v.number}
    numbers = {text: number for number, text in texts.items()} | {v.name: v.number for v in enum.values}
    return texts, numbers


@cache
def mapping(descriptor: Descriptor) -> dict[str, FieldColumn]:
    """Return the converter of every field of a message, by field name."""
    return {field.name: _mapping(field) for field in descriptor.fields}


def to_message(message: type[M], row: Row) -> M:
    """Return a message filled from a row's columns by name; columns that are not there stay unset."""
    made = message()
    for name, rule in mapping(message.DESCRIPTOR).items():
        value = row.get(rule.column)
        if value is None:
            continue
        if rule.field.is_repeated:
            getattr(made, name).extend(rule.read(value))
        elif rule.field.message_type is not None:
            getattr(made, name).CopyFrom(rule.read(value))
        else:
            setattr(made, name, rule.read(value))
    return made


def from_message(message: Message, fields: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """Return column values of some of a message's fields; an absent optional field is NULL.

    Raises:
        InvalidArgument: a field's value cannot be stored, for example text that is not an id.
    """
    values = {}
    for name in fields:
        rule = mapping(message.DESCRIPTOR)[name]
        absent = rule.field.has_presence and not message.HasField(name)
        values[rule.column] = None if absent else rule.write(getattr(message, name))
    return values


def _mapping(field: FieldDescriptor) -> FieldColumn:
    return next(make(field) for applies, make in _RULES if applies(field))


def _is_timestamp(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name == _TIMESTAMP


def _is_text(field: FieldDescriptor, *endings: str) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and f"_{field.name}".endswith(endings)


def _same(value: Any) -> Any:
    return value


def _messages(field: FieldDescriptor) -> FieldColumn:
    return FieldColumn(field, field.name, _list_reader(field), lambda items: [_to_json(item) for item in items])


def _enum(field: FieldDescriptor) -> FieldColumn:
    enum = field.enum_type
    if enum is None:
        raise TypeError(f"{field.full_name} is no enum")
    return FieldColumn(
        field, field.name, lambda text: enum_number(enum, text) or 0, lambda number: enum_text(enum, number)
    )


def _json(field: FieldDescriptor) -> FieldColumn:
    return FieldColumn(field, field.name.removesuffix("_json"), json.dumps, _json_writer(field.name))


def _timestamp(value: datetime) -> Any:
    from google.protobuf.timestamp_pb2 import Timestamp  # noqa: PLC0415 - protobuf registers it on import; here is its only use

    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def _message_class(field: FieldDescriptor) -> type[Message]:
    from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415 - needed for nested messages only

    if field.message_type is None:
        raise TypeError(f"{field.full_name} is no message")
    return GetMessageClass(field.message_type)


def _list_reader(field: FieldDescriptor) -> Callable[[Any], list[Message]]:
    return lambda items: [json_format.ParseDict(item, _message_class(field)()) for item in items]


def _message_reader(field: FieldDescriptor) -> Callable[[Any], Message]:
    return lambda item: json_format.ParseDict(item, _message_class(field)())


def _to_json(message: Message) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _json_writer(name: str) -> Callable[[str], Any]:
    def write(text: str) -> Any:
        if not text:
            return {}
        try:
            value = json.loads(text)
        except ValueError as error:
            raise InvalidArgument.field(name, "must be a JSON object") from error
        if not isinstance(value, dict):
            raise InvalidArgument.field(name, "must be a JSON object")
        return value

    return write


def _id_writer(name: str) -> Callable[[str], UUID | None]:
    def write(text: str) -> UUID | None:
        return require_id(name, text) if text else None

    return write


# The first that applies makes a field's converter; the order is that of the table above.
_RULES: tuple[tuple[Callable[[FieldDescriptor], bool], Callable[[FieldDescriptor], FieldColumn]], ...] = (
    (lambda field: field.is_repeated and field.message_type is not None, _messages),
    (lambda field: field.is_repeated, lambda field: FieldColumn(field, field.name, list, list)),
    (
        _is_timestamp,
        lambda field: FieldColumn(field, field.name, _timestamp, lambda value: value.ToDatetime(tzinfo=UTC)),
    ),
    (
        lambda field: field.message_type is not None,
        lambda field: FieldColumn(field, field.name, _message_reader(field), _to_json),
    ),
    (lambda field: field.enum_type is not None, _enum),
    (lambda field: field.name == "etag", lambda field: FieldColumn(field, "revision", str, str)),
    (lambda field: _is_text(field, "_json"), _json),
    (lambda field: _is_text(field, "_id"), lambda field: FieldColumn(field, field.name, str, _id_writer(field.name))),
    (lambda field: True, lambda field: FieldColumn(field, field.name, _same, _same)),  # noqa: ARG005 - the last one takes all
)


def literal(name: str, column: sa.ColumnElement[Any], field: FieldDescriptor, text: str) -> Any:
    """Return a filter's value as the column's type.

    Raises:
        InvalidArgument: the text is not a value of this field.
    """
    try:
        return _literal(column, field, text)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument.field("filter", f"{text[:60]!r} is not a value of {name}: {error}") from error


def _literal(column: sa.ColumnElement[Any], field: FieldDescriptor, text: str) -> Any:
    if field.enum_type is not None:
        return _enum_literal(field.enum_type, text)
    read = next((read for kind, read in _LITERALS if isinstance(column.type, kind)), _same)
    return read(text)


def _enum_literal(enum: EnumDescriptor, text: str) -> str | None:
    number = enum_number(enum, text)
    if number is None:
        raise ValueError("use one of " + ", ".join(enum_texts(enum)))
    return enum_text(enum, number)


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("use true or false")
    return text == "true"


def _integer(text: str, *, bits: int) -> int:
    value = int(text)
    if abs(value) >= 2 ** (bits - 1):
        raise ValueError("too large")
    return value


def _uuid(text: str) -> UUID:
    value = parse_id(text)
    if value is None:
        raise ValueError("not an id")
    return value


def _moment(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("name a time zone, for example 2026-11-22T08:00:00Z")
    return value


_LITERALS: tuple[tuple[Any, Callable[[str], Any]], ...] = (
    (sa.Boolean, _boolean),
    (sa.BigInteger, partial(_integer, bits=64)),  # before Integer, which it is a kind of
    (sa.Integer, partial(_integer, bits=32)),
    (sa.Float | sa.Numeric, float),
    (sa.Uuid, _uuid),
    (sa.DateTime, _moment),
)
