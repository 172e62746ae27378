"""`python -m services.integration migrate | serve | sites`, as the supervisor runs them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc
from igny8.integration.v1 import integration_pb2, integration_service_pb2, integration_service_pb2_grpc

from chassis.client import Remote
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.outbound import OutboundClient, OutboundFailed
from chassis.passport import Issuer, generate_key
from chassis.secrets import generate_key as generate_secrets_key
from chassis.testing.service import a_passport, a_site
from services.integration.sites import Article, SiteFacts, SiteStore

UP_S, STOP_S = 20.0, 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(verb: str, variables: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "services.integration", verb],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ".:stubs", **variables},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=STOP_S)


class TestServe:
    def test_a_migrated_database_is_served_until_it_is_asked_to_stop(
        self, postgres: EmbeddedPostgres, tmp_path: Path
    ) -> None:
        urls = postgres.bootstrap(["integration"])["integration"]
        databases = {
            "INTEGRATION_OWNER_URL": urls.owner,
            "INTEGRATION_DATABASE_URL": urls.app,
            "INTEGRATION_SWEEP_URL": urls.sweep,
        }
        with running("migrate", databases) as process:
            _, said = process.communicate(timeout=UP_S)
            assert (process.returncode, said) == (0, b"")
        private, public = generate_key()
        port = free_port()
        variables = {
            **databases,
            "INTEGRATION_LISTEN": f"127.0.0.1:{port}",
            "PASSPORT_TRUST": json.dumps({"gateway": {"public_key": public, "scopes": ["read", "write"]}}),
            "PASSPORT_KEY": generate_key()[0],
            "WRITER_ADDRESS": "127.0.0.1:9",
            "SECRETS_KEYS": json.dumps({"k": generate_secrets_key()}),
            "OBJECTS_URL": (tmp_path / "objects").as_uri(),
            "SITES_ROOT": str(tmp_path / "sites"),
            "SITES_BASE_URL": "https://sites.example",
        }
        with running("serve", variables) as process:
            remote = Remote("integration", f"127.0.0.1:{port}", Issuer("gateway", private))
            grpc.channel_ready_future(remote.channel).result(UP_S)
            stub = integration_service_pb2_grpc.IntegrationServiceStub(remote.channel)
            passport = a_passport(site=a_site(), scopes=["read", "write"])
            assert passport.site is not None
            request = integration_service_pb2.CreateSiteIntegrationRequest(
                site_id=str(passport.site.id),
                site_integration=integration_pb2.SiteIntegration(platform=integration_pb2.PLATFORM_SITES),
            )
            made = remote.call(stub.CreateSiteIntegration, request, passport)
            named = integration_service_pb2.TestSiteIntegrationRequest(
                site_id=made.site_id, site_integration_id=made.id
            )
            assert remote.call(stub.TestSiteIntegration, named, passport).ok
            remote.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_S) == 0


class TestSites:
    def test_published_pages_are_shown(self, tmp_path: Path) -> None:
        facts = SiteFacts("Coffee Corner", "coffee-corner", "https://sites.example")
        noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
        SiteStore(tmp_path).publish("s1", facts, Article("c1", "Espresso", "espresso", "<p>Hot.</p>", noon, noon))
        port = free_port()
        with running("sites", {"SITES_ROOT": str(tmp_path), "SITES_LISTEN": f"127.0.0.1:{port}"}) as process:
            page = get(f"http://127.0.0.1:{port}/coffee-corner/espresso/")
            assert b"<p>Hot.</p>" in page
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)


def get(url: str) -> bytes:
    """Read a page as soon as its server is up."""
    client = OutboundClient(allow_loopback=True)
    until = time.monotonic() + UP_S
    while True:
        try:
            return client.request("GET", url).body
        except OutboundFailed:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
