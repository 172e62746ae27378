"""JSON schemas of messages, one for each way a message is used."""

import enum
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from chassis.resource.columns import enum_text, enum_texts
from gateway.convert.fields import INPUT_ONLY, INT_RANGES, OUTPUT_ONLY, REQUIRED, Shape, behaviour, nullable, rest_name
from gateway.convert.fields import shape as shape_of
from gateway.openapi.comments import comment

Schema = dict[str, Any]
_SIMPLE: dict[Shape, Schema] = {
    Shape.TEXT: {"type": "string"},
    Shape.JSON_OBJECT: {"type": "object", "additionalProperties": True},
    Shape.BOOLEAN: {"type": "boolean"},
    Shape.NUMBER: {"type": "number"},
    Shape.TIMESTAMP: {"type": "string", "format": "date-time"},
    Shape.FIELD_MASK: {"type": "string"},
}


class Use(enum.Enum):
    """How a message is used; the value is what its schema's name ends in."""

    ANSWER = ""
    INPUT = "Input"
    CHANGES = "Changes"


class Schemas:
    """Collects the schemas that a document refers to."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._owners: dict[str, str] = {}

    def reference(self, descriptor: Descriptor, use: Use, *, without: frozenset[str] = frozenset()) -> Schema:
        """Return a reference to a message's schema, which is made on first use, without what comes from elsewhere."""
        name = _name(descriptor) + use.value
        owner = self._owners.setdefault(name, descriptor.full_name)
        if owner != descriptor.full_name:
            raise ValueError(f"{owner} and {descriptor.full_name} would both be {name} in REST; rename one.")
        if name not in self.components:
            self.components[name] = {}  # first, so that a message may contain its own kind
            self.components[name] = self.object(descriptor, use, without=without)
        return {"$ref": f"#/components/schemas/{name}"}

    def object(self, descriptor: Descriptor, use: Use, *, without: frozenset[str] = frozenset()) -> Schema:
        """Return the schema of a message.

        Args:
            descriptor: the message type.
            use: answers have every key; input has what is required; changes have what changes.
            without: fields that come from elsewhere: the path.
        """
        hidden = INPUT_ONLY if use is Use.ANSWER else OUTPUT_ONLY
        fields = [f for f in descriptor.fields if hidden not in behaviour(f) and f.name not in without]
        schema: Schema = {"type": "object", "properties": {rest_name(f): self.field(f, use) for f in fields}}
        required = [rest_name(f) for f in fields if _is_required(f, use)]
        if required:
            schema["required"] = required
        if use is not Use.ANSWER:
            schema["additionalProperties"] = False
        return schema | _described(comment(descriptor.full_name))

    def field(self, field: FieldDescriptor, use: Use) -> Schema:
        """Return the schema of a field."""
        schema = self.value(field, use)
        if field.is_repeated:
            schema = {"type": "array", "items": schema}
        description = comment(field.full_name)
        if field.enum_type is not None:
            description = f"{description} {_legend(field.enum_type)}"
        if _may_be_null(field, use):
            schema = _or_null(schema)
        return schema | _described(description)

    def value(self, field: FieldDescriptor, use: Use) -> Schema:
        """Return the schema of one value of a field."""
        kind = shape_of(field)
        if kind is Shape.MESSAGE and field.message_type is not None:
            return self.reference(field.message_type, use)
        if field.enum_type is not None:
            return {"type": "string", "enum": list(enum_texts(field.enum_type))}
        if kind is Shape.INTEGER:
            return _integer(field)
        return dict(_SIMPLE[kind])


def _name(descriptor: Descriptor) -> str:
    outer = descriptor.containing_type
    return descriptor.name if outer is None else _name(outer) + descriptor.name


def _integer(field: FieldDescriptor) -> Schema:
    least, most = INT_RANGES[field.type]
    schema: Schema = {"type": "integer", "format": "int64" if most >= 2**32 else "int32"}
    return schema | ({"minimum": 0} if least == 0 else {})


def _is_required(field: FieldDescriptor, use: Use) -> bool:
    return use is Use.ANSWER or (use is Use.INPUT and REQUIRED in behaviour(field))


def _may_be_null(field: FieldDescriptor, use: Use) -> bool:
    return nullable(field) if use is Use.ANSWER else not _is_required(field, use)


def _or_null(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    made = schema | {"type": [schema["type"], "null"]}
    if "enum" in schema:
        made["enum"] = [*schema["enum"], None]
    return made


def _legend(values: EnumDescriptor) -> str:
    """Return what each value means, from the comments beside them."""
    shown = [value for value in values.values if enum_text(values, value.number)]
    meanings = [(enum_text(values, v.number), comment(f"{values.full_name}.{v.name}")) for v in shown]
    return " ".join(f"`{text}`: {meaning}" for text, meaning in meanings)


def _described(text: str) -> Schema:
    return {"description": text} if text else {}
