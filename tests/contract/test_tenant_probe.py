"""Another tenant's row, another site's row and no row at all are the same answer, for every rpc that takes an id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from igny8.common.v1 import access_pb2

from chassis.errors import Fault
from chassis.ids import new_id
from chassis.passport import Passport
from tests.contract.conftest import SERVICES, Platform, Service
from tests.contract.discovery import Rpc, own_service, rpcs

FUNCTIONS = "igny8.common.v1.FunctionsService"
_FREE_TEXT = frozenset({"request_id", "external_id"})
_UPDATABLE = ("name", "title", "prompt", "disabled", "active", "enabled", "description")


def _is_ours(field: Any) -> bool:
    return bool(field.message_type is not None and field.message_type.full_name.startswith("igny8."))


@dataclass(frozen=True)
class IdField:
    """Where a request takes an id: "cluster_id", "keyword.id"; `key` of the ledger is one too."""

    path: tuple[str, ...]
    repeated: bool

    def __str__(self) -> str:
        return ".".join(self.path)


def id_fields(message: Descriptor, above: tuple[str, ...] = (), *, update: bool = False) -> Iterator[IdField]:
    """Return the ids of a request and of the messages directly inside it.

    An output-only id is given by the service, so a caller's is not read; an update's names the row.
    """
    update = update or message.name.startswith("Update")
    for field in message.fields:
        behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        if field_behavior_pb2.OUTPUT_ONLY in behaviour and not update:
            continue
        if field.type == FieldDescriptor.TYPE_STRING and field.name not in _FREE_TEXT:
            if field.name in {"id", "key"} or field.name.endswith(("_id", "_ids")):
                yield IdField((*above, field.name), field.is_repeated)
        elif field.message_type is not None and not field.is_repeated and not above and _is_ours(field):
            yield from id_fields(field.message_type, (field.name,), update=update)


def cases() -> list[Any]:
    """Return every (service, rpc, field) that a tenant's id goes into."""
    return [
        pytest.param(name, rpc, field, id=f"{rpc.label}-{field}")
        for name in SERVICES
        for rpc in rpcs(own_service(name))
        if rpc.access.level >= access_pb2.LEVEL_ACCOUNT
        for field in id_fields(rpc.descriptor.input_type)
    ]


def filled(rpc: Rpc, own: UUID, field: IdField, value: UUID, **more: str) -> Message:
    """Return a request that is right but for one id."""
    request = rpc.request()
    _fill(request, str(own), str(new_id()))  # a text of its own: a name may be taken once only
    for name, text in more.items():
        setattr(request, name, text)
    target: Any = request
    for name in field.path[:-1]:
        target = getattr(target, name)
    if field.repeated:
        getattr(target, field.path[-1])[:] = [str(value)]
    else:
        setattr(target, field.path[-1], str(value))
    return request


def answer(service: Service, rpc: Rpc, request: Message, passport: Passport) -> str:
    """Return all that the caller learns, with ids left out."""
    got = service.call(rpc, request, passport)
    if isinstance(got, Fault):
        fields = [(violation.field, violation.description) for violation in got.violations]
        shown = repr((got.code, got.reason, got.message, sorted(got.metadata.items()), fields))
    else:
        shown = repr(got)
    # Times and etags move with each write to our own row, and a create gives a new id each time.
    return re.sub(r"(seconds|nanos): \d+|etag: \"\d+\"|[0-9a-f]{8}-[0-9a-f-]{27}", "<any>", shown)


@pytest.mark.parametrize(("name", "rpc", "field"), cases())
def test_what_is_not_ours_is_not_there(platform: Platform, name: str, rpc: Rpc, field: IdField) -> None:
    service, tenants = platform[name], platform.tenants
    of_site = rpc.access.level == access_pb2.LEVEL_SITE
    strangers = (tenants.strangers_site, tenants.stranger)
    for bound, others in ((of_site, strangers), (True, (*strangers, tenants.other_site))):
        passport = tenants.passport(site=bound)
        answers = {}
        for value in (new_id(), *others):
            request = filled(rpc, tenants.site.id, field, value)
            answers[value] = answer(service, rpc, request, passport)
        missing = next(iter(answers.values()))
        assert set(answers.values()) == {missing}, f"{rpc.label} tells {field} apart"
        assert "INTERNAL" not in missing, missing


def gets() -> list[Any]:
    """Return every Get that takes the id of its own resource, which is a tenant's."""
    found = []
    for name in SERVICES:
        for rpc in rpcs(own_service(name)):
            singular = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", rpc.descriptor.name.removeprefix("Get")).lower()
            takes = rpc.descriptor.input_type.fields_by_name
            of_tenant = rpc.access.level >= access_pb2.LEVEL_ACCOUNT
            if of_tenant and rpc.descriptor.name.startswith("Get") and f"{singular}_id" in takes:
                found.append(pytest.param(name, rpc, IdField((f"{singular}_id",), repeated=False), id=rpc.label))
    return found


@pytest.mark.parametrize(("name", "rpc", "field"), gets())
def test_the_probe_looks_at_rows_that_are_there(platform: Platform, name: str, rpc: Rpc, field: IdField) -> None:
    service, tenants = platform[name], platform.tenants
    found = [
        service.call(rpc, filled(rpc, tenants.site.id, field, own), tenants.passport(site=site))
        for own, site in ((tenants.site.id, True), (tenants.account, False))
    ]
    assert any(not isinstance(got, Fault) for got in found), found


@pytest.mark.parametrize("name", SERVICES)
def test_no_function_works_on_what_is_not_ours(platform: Platform, name: str) -> None:
    service, tenants = platform[name], platform.tenants
    if FUNCTIONS not in service.offered():
        assert name in {"identity", "billing", "ai", "orchestrator"}, "an owner of content offers its functions"
        return
    passport = tenants.passport(site=True)
    differences = []
    for rpc in rpcs(FUNCTIONS):
        for function in _functions(service, passport):
            for field in (f for f in id_fields(rpc.descriptor.input_type) if "subject" in str(f)):
                answers = set()
                for value in (new_id(), tenants.strangers_site, tenants.stranger, tenants.other_site):
                    request = filled(rpc, new_id(), field, value, function=function)
                    answers.add(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", answer(service, rpc, request, passport)))
                if len(answers) != 1:
                    differences.append((rpc.label, function, answers))
    assert differences == []


def _functions(service: Service, passport: Passport) -> list[str]:
    """Return the names of a service's functions, as its own error lists them."""
    rpc = next(r for r in rpcs(FUNCTIONS) if r.descriptor.name == "SelectWork")
    request: Any = rpc.request()
    request.function, request.limit = "no such function", 1
    refused = service.call(rpc, request, passport)
    assert isinstance(refused, Fault)
    listed = re.search(r"use one of (.+)$", refused.message)
    assert listed is not None, refused.message
    return listed[1].split(", ")


def _fill(message: Message, own: str, text: str, *, depth: int = 0) -> None:
    """Fill what is required, ids with our own, and one field that an update may change."""
    for field in message.DESCRIPTOR.fields:
        behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        required = field_behavior_pb2.REQUIRED in behaviour
        if _is_ours(field) and not field.is_repeated and (required or not depth):
            getattr(message, field.name).SetInParent()
            if _changes(message):  # changes what is chosen below, and nothing else
                continue
            _fill(getattr(message, field.name), own, text, depth=depth + 1)
        elif required or (field.name in {"site_id", "limit", "function"} and not field.is_repeated):
            _set(message, field, own, text)
    if _changes(message):
        _choose_a_field(message, own, text)


def _changes(message: Message) -> bool:
    """Whether it is a request that changes chosen fields, of one row or of many."""
    return message.DESCRIPTOR.name.startswith(("Update", "BulkUpdate"))


def _set(message: Message, field: Any, own: str, text: str) -> None:
    if field.type == FieldDescriptor.TYPE_STRING:
        value: Any = own if field.name.endswith(("id", "_ids")) else text
    elif field.enum_type is not None:
        value = 1
    elif field.message_type is not None:
        return
    else:
        value = 1
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def _choose_a_field(message: Any, own: str, text: str) -> None:
    inner = next(f for f in message.DESCRIPTOR.fields if _is_ours(f))
    resource = getattr(message, inner.name)
    chosen = next((name for name in _UPDATABLE if name in inner.message_type.fields_by_name), None)
    for name in {"id", "site_id"} & set(inner.message_type.fields_by_name):
        setattr(resource, name, own)
    if chosen is not None:
        field = inner.message_type.fields_by_name[chosen]
        setattr(resource, chosen, text if field.type == FieldDescriptor.TYPE_STRING else True)
        message.update_mask.paths.append(chosen)
