"""Every service as it really runs, each on a database with one row of two tenants in every table."""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from chassis.client import Remote
from chassis.embedded.roles import ServiceUrls
from chassis.errors import Fault
from chassis.ids import new_id
from chassis.passport import Issuer, Passport, SectorClaim, SiteClaim, generate_key
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.processes import Wanted, free_address, serving_processes
from chassis.testing.service import ALL_SCOPES
from tests.contract.discovery import Rpc, load_protos, services_with
from tests.contract.seeding import CannotSeed, Seeder

SERVICES = services_with("__main__.py")
CALL_S = 10.0


@dataclass(frozen=True)
class Tenants:
    """Two tenants, one of them with two sites; every row of a site has the site's id, of an account the account's."""

    account: UUID
    site: SiteClaim
    other_site: UUID
    stranger: UUID
    strangers_site: UUID

    def passport(self, *, site: bool) -> Passport:
        """Return a passport of the first tenant, for its first site or for the whole account."""
        return Passport(ALL_SCOPES, self.account, self.site if site else None, "user", str(self.account))


@dataclass(frozen=True)
class Service:
    """A running service."""

    name: str
    remote: Remote
    seeded: frozenset[str]

    def offered(self) -> list[str]:
        """Return the gRPC services it offers, without health and reflection."""
        database = ProtoReflectionDescriptorDatabase(self.remote.channel)
        return sorted(name for name in database.get_services() if name in load_protos())

    def call(self, rpc: Rpc, request: Message, passport: Passport) -> Message | Fault:
        """Call a method; return its answer, or the Fault it failed with."""
        try:
            answer: Message = self.remote.call(rpc.on(self.remote.channel), request, passport, deadline_s=CALL_S)
        except Fault as fault:
            return fault
        return answer

    def raw(self, rpc: Rpc, metadata: tuple[tuple[str, str], ...]) -> Any:
        """Call a method with these headers and an empty request. Raises grpc.RpcError."""
        return rpc.on(self.remote.channel)(rpc.request(), metadata=metadata, timeout=CALL_S)


@dataclass(frozen=True)
class Platform:
    """What was started, and why what was not was not."""

    services: dict[str, Service]
    failures: dict[str, str]
    tenants: Tenants
    issuer: Issuer
    private_key: str

    def __getitem__(self, name: str) -> Service:
        """Return a running service; fails the test of one that did not start."""
        assert name not in self.failures, self.failures[name]
        return self.services[name]


@pytest.fixture(scope="session")
def platform(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    private, public = generate_key()
    issuer = Issuer("test", private)
    tenants = _tenants()
    addresses = {name: free_address() for name in SERVICES}
    common = _environment(addresses, public, tmp_path_factory.mktemp("platform"))
    made = Platform({}, {}, tenants, issuer, private)
    with ExitStack() as stack:
        wanted, seeders = [], {}
        for name in SERVICES:
            urls = stack.enter_context(databases.fresh(name))
            seeders[name] = _seed(urls, tenants, made.failures, name)
            environment = {**common, **_own(name, addresses[name], urls)}
            wanted.append(Wanted(f"services.{name}", addresses[name], environment))
        failures = stack.enter_context(serving_processes(wanted))
        made.failures.update({module.removeprefix("services."): said for module, said in failures.items()})
        for name in SERVICES:
            remote = Remote(name, addresses[name], issuer)
            stack.callback(remote.close)
            made.services[name] = Service(name, remote, seeders[name])
        yield made


def _seed(urls: ServiceUrls, tenants: Tenants, failures: dict[str, str], name: str) -> frozenset[str]:
    """Fill a service's tables; return which have a row of our site."""
    with psycopg.connect(urls.owner.replace("+psycopg", "")) as connection:
        seeder = Seeder(connection)
        try:
            seeder.seed(tenants.account, (tenants.site.id, tenants.other_site))
            seeder.seed(tenants.stranger, (tenants.strangers_site,))
        except CannotSeed as failure:
            failures[name] = str(failure)
    return seeder.filled(tenants.site.id)


def _tenants() -> Tenants:
    site_id = new_id()
    site = SiteClaim(site_id, new_id(), (SectorClaim(site_id, new_id(), "Sector"),), "Site", "site.example")
    return Tenants(new_id(), site, new_id(), new_id(), new_id())


def _environment(addresses: dict[str, str], public: str, folder: Path) -> dict[str, str]:
    """Return what services share: each has its own key, and all believe each other everything."""
    trust = {"test": {"public_key": public, "scopes": sorted(ALL_SCOPES)}}
    key = b64encode(os.urandom(32)).decode()
    return {
        **{f"{name.upper()}_ADDRESS": address for name, address in addresses.items()},
        "PASSPORT_TRUST": json.dumps(trust),
        "PASSPORT_KEY": generate_key()[0],
        "SESSION_KEY": key,
        "SECRETS_KEYS": json.dumps({"test": key}),
        "OBJECTS_URL": f"file://{folder}/objects",
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing listens: what is asked here rings no bell
        "RUNS_DIR": str(folder / "runs"),
        "SITES_ROOT": str(folder / "sites"),
        "SITES_LISTEN": free_address(),
        "SITES_BASE_URL": "http://sites.example",
        "WEBHOOK_SECRET": secrets.token_hex(16),
        "LOG_LEVEL": "WARNING",
    }


def _own(name: str, address: str, urls: ServiceUrls) -> dict[str, str]:
    prefix = name.upper()
    return {
        f"{prefix}_LISTEN": address,
        f"{prefix}_DATABASE_URL": urls.app,
        f"{prefix}_SWEEP_URL": urls.sweep,
        f"{prefix}_OWNER_URL": urls.owner,
    }
