"""What every request must be before a service looks at it, read from the protos: required fields, ids, enum values.

One checker is compiled for each message type; a rule that is written in a proto is never written again in Python.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.errors import InvalidArgument, Violation
from chassis.ids import not_an_id, parse_id

_Check = Callable[[Message, str], Iterator[Violation]]
_FREE_TEXT_IDS = frozenset({"request_id", "external_id"})  # callers choose these


def check_request(request: Message, *, creates: bool) -> None:
    """Check a request against its proto.

    Args:
        request: the message.
        creates: whether required fields of the resource inside it must be there (they need not for a partial update).

    Raises:
        InvalidArgument: naming every field that is wrong.
    """
    violations = list(_walk(request, "", required=True, inner_required=creates))
    if violations:
        raise InvalidArgument("; ".join(f"{v.field}: {v.description}" for v in violations[:5]), violations=violations)


def _walk(message: Message, path: str, *, required: bool, inner_required: bool) -> Iterator[Violation]:
    for field, is_required, is_id in _fields(message.DESCRIPTOR):
        name = f"{path}{field.name}"
        present = _present(message, field)
        if not present:
            if required and is_required:
                yield Violation(name, "is required")
            continue
        yield from _values(getattr(message, field.name), field, name, is_id=is_id, required=inner_required)


def _values(value: Any, field: FieldDescriptor, name: str, *, is_id: bool, required: bool) -> Iterator[Violation]:
    for item in value if field.is_repeated and field.message_type is None else [value]:
        if field.type == FieldDescriptor.TYPE_STRING:
            if "\0" in item:
                yield Violation(name, "must not contain NUL characters")
            elif is_id and parse_id(item) is None:
                yield Violation(name, not_an_id(item))
        elif field.enum_type is not None and item not in field.enum_type.values_by_number:
            yield Violation(name, f"{item} is not a value of {field.enum_type.name}")
    if field.message_type is not None and not field.message_type.full_name.startswith("google."):
        inner = value if field.is_repeated else [value]
        for item in inner:
            yield from _walk(item, f"{name}.", required=required, inner_required=required)


def _present(message: Message, field: FieldDescriptor) -> bool:
    if field.is_repeated:
        return len(getattr(message, field.name)) > 0
    return message.HasField(field.name) if field.has_presence else bool(getattr(message, field.name))


@cache
def _fields(descriptor: Descriptor) -> tuple[tuple[FieldDescriptor, bool, bool], ...]:
    found = []
    for field in descriptor.fields:
        behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        is_text = field.type == FieldDescriptor.TYPE_STRING
        is_id = (
            is_text
            and (field.name == "id" or field.name.endswith(("_id", "_ids")))
            and field.name not in _FREE_TEXT_IDS
        )
        found.append((field, field_behavior_pb2.REQUIRED in behaviour, is_id))
    return tuple(found)
