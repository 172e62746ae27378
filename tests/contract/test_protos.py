"""What the protos promise: access for every rpc, and a comment whose reasons exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import EnumDescriptor
from igny8.common.v1 import access_pb2, errors_pb2

from chassis.errors import Fault, Kind
from tests.contract.discovery import ROOT, Rpc, load_protos, rpcs, service

ERRORS = sorted(ROOT.glob("services/*/errors.py"))
COMMON = {value.name.removeprefix("ERROR_REASON_") for value in errors_pb2.ErrorReason.DESCRIPTOR.values}
_RPC = 2  # a method's place in its service: the number of `ServiceDescriptorProto.method`
_SERVICE = 6  # a service's place in its file: the number of `FileDescriptorProto.service`


def reasons_of(name: str) -> set[str]:
    """Return the reasons that a service may give: the common ones and its proto's own."""
    own = set()
    for full_name in load_protos():
        if full_name.startswith(f"igny8.{name}.v1."):
            for dependency in (service(full_name).file, *service(full_name).file.dependencies):
                for enum in dependency.enum_types_by_name.values():
                    own |= _reasons(enum)
    return COMMON | own


def given_by(path: Path) -> set[str]:
    """Return the reasons that a service's errors carry, from its source."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            if any(isinstance(target, ast.Name) and target.id == "reason" for target in node.targets):
                found.add(node.value.value)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            texts = [e.value for e in node.value.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            names = [e.id for t in node.targets if isinstance(t, ast.Tuple) for e in t.elts if isinstance(e, ast.Name)]
            if "reason" in names:
                found |= set(texts)
    return found


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.parent.name)
def test_every_reason_stands_in_a_proto(path: Path) -> None:
    assert given_by(path) - reasons_of(path.parent.name) == set()


def test_every_reason_of_the_chassis_is_a_common_one() -> None:
    generic = {"RESOURCE_EXHAUSTED"}  # a base that services draw theirs below, and that none raises itself
    own = {fault.reason for fault in Fault.__subclasses__() if fault.__module__ == Fault.__module__}
    assert own - generic <= COMMON


@pytest.mark.parametrize("rpc", list(rpcs()), ids=lambda rpc: rpc.label)
class TestEveryRpc:
    def test_declares_its_access(self, rpc: Rpc) -> None:
        assert rpc.access.scope != access_pb2.SCOPE_UNSPECIFIED
        assert rpc.access.level != access_pb2.LEVEL_UNSPECIFIED

    def test_has_a_comment_whose_reasons_exist(self, rpc: Rpc) -> None:
        comment = comments()[rpc.path]
        assert comment.strip(), "the comment becomes the REST documentation"
        names = {full_name.split(".")[1] for full_name in load_protos()}
        known = set(Kind.__members__).union(*map(reasons_of, names))  # another service's reason may pass through
        assert set(re.findall(r"\b[A-Z][A-Z]+(?:_[A-Z]+)+\b", comment)) - known == set()

    def test_says_what_it_fails_with_when_it_takes_anything(self, rpc: Rpc) -> None:
        if rpc.descriptor.input_type.fields:
            assert re.search(r"Fails with|Fails as|Idempotent", " ".join(comments()[rpc.path].split()))


@cache
def comments() -> dict[str, str]:
    """Return the comment of every rpc, by path, as the compiler reads it."""
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iprotos", "-Ithird_party", "--include_source_info"]
    files = [path.relative_to(ROOT / "protos").as_posix() for path in sorted((ROOT / "protos").rglob("*.proto"))]
    compiled = subprocess.run(
        [*command, "--descriptor_set_out=/dev/stdout", *files], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    found = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.stdout).file:
        for location in file.source_code_info.location:
            if len(location.path) == 4 and (location.path[0], location.path[2]) == (_SERVICE, _RPC):  # a method's path
                declared = file.service[location.path[1]]
                path = f"/{file.package}.{declared.name}/{declared.method[location.path[3]].name}"
                found[path] = location.leading_comments
    return found


def _reasons(enum: EnumDescriptor) -> set[str]:
    if not enum.name.endswith("ErrorReason"):
        return set()
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix) for value in enum.values}
