"""HTTP requests to request messages, answers to JSON: one transcoder a binding, compiled when the gateway starts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.errors import Fault
from gateway.bindings import SITE, Binding
from gateway.convert import reader, writer
from gateway.convert.fields import OUTPUT_ONLY, Shape, behaviour, shape
from gateway.convert.reading import Violations

REQUEST_ID = "request_id"
_MASK = "update_mask"
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?\Z", re.ASCII)  # int() takes "1_000"
_UNASKED = frozenset({"etag"})  # sent along with changes, but never one


class Transcoder:
    """Fills one method's request from path, query, header and body, and writes its answer.

    Args:
        binding: the method and where it is bound.

    Raises:
        TypeError: a message of it has no shape in REST.
        ValueError: the annotation names a field that is not there.
    """

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._make = GetMessageClass(binding.request)
        self._reader = reader(binding.request)
        self._writer = writer(binding.response)
        self._path = [(path, _resolve(binding.request, path)) for path in binding.template.fields]
        self._query = {name: field for name, field in self._reader.fields.items() if self._is_query(field)}
        self._body = None if binding.body in {"", "*"} else _resolve(binding.request, binding.body)
        self._takes_request_id = REQUEST_ID in binding.request.fields_by_name

    @property
    def takes_body(self) -> bool:
        """Whether the method has a body."""
        return bool(self._binding.body)

    @property
    def query_fields(self) -> list[FieldDescriptor]:
        """The request's fields that are query parameters."""
        return list(self._query.values())

    def request(
        self, path: Sequence[str], query: Iterable[tuple[str, str]], body: Any, idempotency_key: str
    ) -> Message:
        """Return the request message.

        Args:
            path: the variables' values, in the template's order.
            query: the query's pairs, repeated ones several times.
            body: the JSON value of the body; {} without one.
            idempotency_key: the header; "" without one.

        Raises:
            InvalidArgument: naming every field that is wrong, as REST calls it.
        """
        violations = Violations()
        message: Any = self._make()
        self._read_body(message, body, violations)
        self._reader.read(message, self._query_values(query, violations), "", violations)
        self._bind_path(message, path, violations)
        self._bind_request_id(message, idempotency_key, violations)
        self._mend_mask(message, body, violations)
        violations.check()
        return cast("Message", message)

    def answer(self, message: Message) -> dict[str, Any]:
        """Return an answer as JSON values."""
        return self._writer.write(message)

    def in_rest(self, fault: Fault) -> Fault:
        """Return a fault of the service with its fields named as REST names them: "volume" for "keyword.volume"."""
        found = fault.violations
        fault.violations = tuple(
            replace(v, field=self._rest_path(v.field), description=self._rest_words(v.description)) for v in found
        )
        for old, new in zip(found, fault.violations, strict=True):  # the message quotes its violations
            fault.message = fault.message.replace(f"{old.field}: {old.description}", f"{new.field}: {new.description}")
        return fault

    def _is_query(self, field: FieldDescriptor) -> bool:
        if self._binding.body in {"*", field.name} or shape(field) is Shape.MESSAGE:
            return False
        return field.name != REQUEST_ID and field.name not in self._binding.template.fields  # its way is the header

    def _read_body(self, message: Any, body: Any, violations: Violations) -> None:
        if self._body is None:
            self._reader.read(message, body, "", violations)
            return
        inner, target = self._body.message_type, getattr(message, self._body.name)
        target.SetInParent()
        reader(_message(inner)).read(target, body, "", violations)

    def _query_values(self, pairs: Iterable[tuple[str, str]], violations: Violations) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, text in pairs:
            field = self._query.get(name)
            if field is None:
                known = ", ".join(self._query) or "none"
                violations.add(name[:60], f"is not a query parameter of this path; known are {known}")
            elif field.is_repeated:
                values.setdefault(name, []).append(_from_text(field, text))
            elif name in values:
                violations.add(name, "is given twice")
            else:
                values[name] = _from_text(field, text)
        return values

    def _bind_path(self, message: Any, values: Sequence[str], violations: Violations) -> None:
        for (path, field), name, value in zip(self._path, self._binding.template.names, values, strict=True):
            owner = _owner(message, path)
            given = getattr(owner, field.name)
            if given and given != value:
                violations.add(
                    name, f"the body says {str(given)[:60]!r}, the path {value[:60]!r}; leave it out of the body"
                )
            setattr(owner, field.name, value)
            self._check_inner_site(message, field, value, violations)

    def _check_inner_site(self, message: Any, field: FieldDescriptor, value: str, violations: Violations) -> None:
        """A resource that names another site than its path is a mistake that a service would not see."""
        if field.name != SITE or self._body is None or SITE not in _message(self._body.message_type).fields_by_name:
            return
        given = getattr(getattr(message, self._body.name), SITE)
        if given and given != value:
            violations.add(SITE, f"the body says {given[:60]!r}, the path {value[:60]!r}; leave it out of the body")

    def _bind_request_id(self, message: Any, key: str, violations: Violations) -> None:
        if not key or not self._takes_request_id:
            return
        if message.request_id and message.request_id != key:
            violations.add(REQUEST_ID, "differs from the header Idempotency-Key; send one of them")
        message.request_id = key

    def _mend_mask(self, message: Any, body: Any, violations: Violations) -> None:
        """Name the fields that change: those the mask names, in the proto's words; those of the body without one."""
        if self._body is None or _MASK not in self._binding.request.fields_by_name or not isinstance(body, dict):
            return
        fields = reader(_message(self._body.message_type)).fields
        names = list(message.update_mask.paths)
        for name in names:
            if name not in fields:
                violations.add(_MASK, f"{name[:60]!r} is not a field; known are {', '.join(fields)}")
        if not names:
            names = [name for name in body if name in fields and self._may_change(fields[name])]
            self._check_may_change(body, names, fields, violations)
        message.update_mask.paths[:] = [fields[name].name for name in names if name in fields]

    def _check_may_change(
        self, body: dict[str, Any], names: list[str], fields: dict[str, FieldDescriptor], violations: Violations
    ) -> None:
        """A resource sent back whole may have fields that never change; a change of nothing but those is a mistake."""
        if names:
            return
        for name in body:
            if name in fields and OUTPUT_ONLY in behaviour(fields[name]) and not self._is_bound(fields[name]):
                violations.add(name, "is set by the system and cannot be changed; leave it out")

    def _may_change(self, field: FieldDescriptor) -> bool:
        return not self._is_bound(field) and field.name not in _UNASKED and OUTPUT_ONLY not in behaviour(field)

    def _is_bound(self, field: FieldDescriptor) -> bool:
        return f"{self._binding.body}.{field.name}" in self._binding.template.fields

    def _rest_path(self, path: str) -> str:
        head, _, rest = path.partition(".")
        if self._body is not None and rest and head == self._body.name:
            path = rest
        return ".".join(_rest_part(part) for part in path.split("."))

    def _rest_words(self, text: str) -> str:
        """A service that lists its fields calls them as its proto does."""
        for message in (self._binding.request, self._body.message_type if self._body else None):
            for name, field in reader(message).fields.items() if message else ():
                if name != field.name:
                    text = re.sub(rf"\b{field.name}\b", name, text)
        return text


def _resolve(descriptor: Descriptor, path: str) -> FieldDescriptor:
    """Return the field that a dotted path names."""
    owner, field = descriptor, None
    for part in path.split("."):
        if field is not None:
            owner = _message(field.message_type)
        if part not in owner.fields_by_name:
            raise ValueError(f"{descriptor.full_name} has no field {path}, which its google.api.http names.")
        field = owner.fields_by_name[part]
    assert field is not None  # noqa: S101 - split returns at least one part
    return field


def _message(descriptor: Descriptor | None) -> Descriptor:
    if descriptor is None:
        raise ValueError("google.api.http names a field inside one that is no message.")
    return descriptor


def _owner(message: Any, path: str) -> Any:
    for part in path.split(".")[:-1]:
        message = getattr(message, part)
    return message


def _from_text(field: FieldDescriptor, text: str) -> Any:
    """Return a query parameter as a body would have it; what cannot be read stays text, which is refused."""
    kind = shape(field)
    if kind is Shape.BOOLEAN:
        return {"true": True, "false": False}.get(text, text)
    if kind in {Shape.INTEGER, Shape.NUMBER}:
        return _number(text, whole=kind is Shape.INTEGER)
    return text


def _number(text: str, *, whole: bool) -> Any:
    if not _DECIMAL.match(text):
        return text
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return text


def _rest_part(part: str) -> str:
    return part.removesuffix("_json")
