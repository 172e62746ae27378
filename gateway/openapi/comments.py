"""The comments of the protos, by full name. The generated modules leave them out; `make stubs` keeps them in a file."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

from google.protobuf import descriptor_pb2

# Field numbers in descriptor.proto: where a comment stands is told by a path of them.
_FILE_MESSAGES, _FILE_ENUMS, _FILE_SERVICES = 4, 5, 6
_MESSAGE_FIELDS, _MESSAGE_MESSAGES, _MESSAGE_ENUMS = 2, 3, 4
_ENUM_VALUES = _SERVICE_METHODS = 2
_Named = tuple[tuple[int, ...], str]


@cache
def comments() -> dict[str, str]:
    """Return what stands above each message, field, enum, value, service and method, by full name."""
    data = (resources.files("igny8") / "descriptors.binpb").read_bytes()
    found: dict[str, str] = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        names = dict(_names(file))
        for location in file.source_code_info.location:
            name = names.get(tuple(location.path))
            if name is not None and location.leading_comments:
                found[name] = " ".join(line.strip() for line in location.leading_comments.splitlines()).strip()
    return found


def comment(full_name: str) -> str:
    """Return what stands above a thing in its proto; "" when nothing does."""
    return comments().get(full_name, "")


def _names(file: descriptor_pb2.FileDescriptorProto) -> Iterator[_Named]:
    for index, message in enumerate(file.message_type):
        yield from _of_message(message, (_FILE_MESSAGES, index), file.package)
    for index, enum in enumerate(file.enum_type):
        yield from _of_enum(enum, (_FILE_ENUMS, index), file.package)
    for index, service in enumerate(file.service):
        path, name = (_FILE_SERVICES, index), f"{file.package}.{service.name}"
        yield path, name
        yield from _members(service.method, (*path, _SERVICE_METHODS), name)


def _of_message(message: descriptor_pb2.DescriptorProto, path: tuple[int, ...], scope: str) -> Iterator[_Named]:
    name = f"{scope}.{message.name}"
    yield path, name
    yield from _members(message.field, (*path, _MESSAGE_FIELDS), name)
    for index, inner in enumerate(message.nested_type):
        yield from _of_message(inner, (*path, _MESSAGE_MESSAGES, index), name)
    for index, enum in enumerate(message.enum_type):
        yield from _of_enum(enum, (*path, _MESSAGE_ENUMS, index), name)


def _of_enum(enum: descriptor_pb2.EnumDescriptorProto, path: tuple[int, ...], scope: str) -> Iterator[_Named]:
    name = f"{scope}.{enum.name}"
    yield path, name
    yield from _members(enum.value, (*path, _ENUM_VALUES), name)


def _members(
    members: Sequence[
        descriptor_pb2.FieldDescriptorProto
        | descriptor_pb2.EnumValueDescriptorProto
        | descriptor_pb2.MethodDescriptorProto
    ],
    path: tuple[int, ...],
    scope: str,
) -> Iterator[_Named]:
    for index, member in enumerate(members):
        yield (*path, index), f"{scope}.{member.name}"
