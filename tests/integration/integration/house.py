"""Integration as it runs, with a writer that holds what a test puts there: real gRPC, real database, real files."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from igny8.common.v1 import functions_service_pb2, functions_service_pb2_grpc
from igny8.integration.v1 import integration_pb2, integration_service_pb2, integration_service_pb2_grpc
from igny8.writer.v1 import writer_pb2, writer_service_pb2_grpc
from PIL import Image

from chassis.clock import SystemClock
from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.ids import new_id
from chassis.objects import FolderStore
from chassis.outbound import OutboundClient
from chassis.secrets import Vault, generate_key
from chassis.server import Offer
from chassis.service import common_offers
from chassis.testing.service import Caller, Running, a_passport, a_site, serving
from services.integration.adapters.base import Destination, PublishableContent, Published
from services.integration.adapters.sites import SitesPlace
from services.integration.clients import Writer
from services.integration.config import LEASE_S
from services.integration.destinations import Destinations
from services.integration.domain import Connection
from services.integration.servicer import IntegrationServicer
from services.integration.sites import SiteStore
from services.integration.usecases import connecting, publishing
from tests.integration.integration.servicer import APPROVED, HeldWriter

SITES_URL = "https://sites.example"


@dataclass
class Scripted:
    """A destination that does what a test says: `script` is called with the content and raises or returns."""

    script: Any
    calls: list[PublishableContent] = field(default_factory=list)

    def publish(self, content: PublishableContent) -> Published:
        self.calls.append(content)
        result = self.script(content) if self.script else None
        return result or Published(
            f"post-{content.content_id[-4:]}", f"https://blog.example/{content.slug}/", "published"
        )


@dataclass(frozen=True)
class ScriptedDestinations(Destinations):
    """As the real ones, but what is named here is played by a test."""

    played: dict[str, Any] = field(default_factory=dict)

    def open(self, tenant: Any, connection: Connection) -> Destination:
        return self.played.get(connection.platform) or super().open(tenant, connection)


@dataclass(frozen=True)
class House:
    """A running integration, and somebody who calls it for one site."""

    running: Running
    caller: Caller
    writer: HeldWriter
    objects: FolderStore
    database: Database
    urls: ServiceUrls
    destinations: ScriptedDestinations
    publish: publishing.PublishContent
    sites_root: Path

    @property
    def site_id(self) -> str:
        assert self.caller.passport.site is not None
        return str(self.caller.passport.site.id)

    @property
    def stub(self) -> Any:
        return integration_service_pb2_grpc.IntegrationServiceStub(self.running.channel)

    def played(self, platform: str, script: Any = None) -> Scripted:
        """Have a test play the destinations of a platform."""
        destination: Scripted = self.destinations.played.setdefault(platform, Scripted(script))
        return destination

    def as_stranger(self) -> "House":
        """The same service, called by another account at another site."""
        return replace(self, caller=self.running.caller())

    def at_another_site(self) -> "House":
        """The same account with a passport for another of its sites."""
        return replace(self, caller=self.caller.at(a_site()))

    # ── destinations ──

    def connect(
        self, platform: Any, base_url: str = "", credentials: str = "", request_id: str = "", config: str = ""
    ) -> integration_pb2.SiteIntegration:
        wanted = integration_pb2.SiteIntegration(
            platform=platform, base_url=base_url, credentials_json=credentials, config_json=config
        )
        request = integration_service_pb2.CreateSiteIntegrationRequest(
            site_id=self.site_id, site_integration=wanted, request_id=request_id
        )
        made: integration_pb2.SiteIntegration = self.caller.call(self.stub.CreateSiteIntegration, request)
        return made

    def connect_sites(self) -> integration_pb2.SiteIntegration:
        return self.connect(integration_pb2.PLATFORM_SITES)

    def connect_wordpress(self, url: str, user: str, password: str) -> integration_pb2.SiteIntegration:
        credentials = f'{{"username": "{user}", "application_password": "{password}"}}'
        return self.connect(integration_pb2.PLATFORM_WORDPRESS, url, credentials)

    def update(self, connected: integration_pb2.SiteIntegration, *paths: str, **values: Any) -> Any:
        given = integration_pb2.SiteIntegration(id=connected.id, site_id=self.site_id, **values)
        request = integration_service_pb2.UpdateSiteIntegrationRequest(site_integration=given)
        request.update_mask.paths.extend(paths)
        return self.caller.call(self.stub.UpdateSiteIntegration, request)

    def by_id(self, method: str, connected_id: str) -> Any:
        """Call Get, Delete or Test of a destination."""
        request = getattr(integration_service_pb2, f"{method}SiteIntegrationRequest")
        named = request(site_id=self.site_id, site_integration_id=connected_id)
        return self.caller.call(getattr(self.stub, f"{method}SiteIntegration"), named, deadline_s=30)

    def listed(self, **query: Any) -> list[integration_pb2.SiteIntegration]:
        request = integration_service_pb2.ListSiteIntegrationsRequest(site_id=self.site_id, **query)
        return list(self.caller.call(self.stub.ListSiteIntegrations, request).site_integrations)

    def publications(self, **query: Any) -> list[integration_pb2.Publication]:
        request = integration_service_pb2.ListPublicationsRequest(site_id=self.site_id, **query)
        return list(self.caller.call(self.stub.ListPublications, request).publications)

    def events(self, **query: Any) -> list[integration_pb2.SyncEvent]:
        request = integration_service_pb2.ListSyncEventsRequest(site_id=self.site_id, **query)
        return list(self.caller.call(self.stub.ListSyncEvents, request).sync_events)

    # ── work ──

    def select(self, *ids: UUID, limit: int = 100, options: str = "") -> functions_service_pb2.SelectWorkResponse:
        request = functions_service_pb2.SelectWorkRequest(
            function="publish_content", subject_ids=map(str, ids), limit=limit, options_json=options
        )
        stub = functions_service_pb2_grpc.FunctionsServiceStub(self.running.channel)
        found: functions_service_pb2.SelectWorkResponse = self.caller.call(stub.SelectWork, request)
        return found

    def apply(self, content_id: UUID, step_id: UUID | None = None) -> functions_service_pb2.ApplyWorkResponse:
        request = functions_service_pb2.ApplyWorkRequest(
            step_id=str(step_id or new_id()),
            run_id=str(new_id()),
            function="publish_content",
            subject_id=str(content_id),
        )
        stub = functions_service_pb2_grpc.FunctionsServiceStub(self.running.channel)
        done: functions_service_pb2.ApplyWorkResponse = self.caller.call(stub.ApplyWork, request, deadline_s=60)
        return done

    def abandon(self, content_id: UUID, error: str) -> None:
        request = functions_service_pb2.AbandonWorkRequest(
            step_id=str(new_id()), function="publish_content", subject_id=str(content_id), error=error, failed=True
        )
        stub = functions_service_pb2_grpc.FunctionsServiceStub(self.running.channel)
        self.caller.call(stub.AbandonWork, request)

    # ── contents ──

    def write(self, title: str = "Wool & cotton socks", **changes: Any) -> UUID:
        """Have the writer hold an approved article with a picture at its head and one in its text."""
        assert self.caller.passport.site is not None
        content_id, unique = str(new_id()), str(new_id())[-6:]
        kinds = (writer_pb2.Image.KIND_FEATURED, writer_pb2.Image.KIND_IN_ARTICLE)
        images = [self._picture(content_id, kind) for kind in kinds]
        values = {
            "id": content_id,
            "site_id": self.site_id,
            "sector_id": str(self.caller.passport.site.sectors[0].id),
            "title": title,
            "slug": f"wool-socks-{unique}",
            "html": (
                "<h2>Wool</h2><p>Warm &amp; soft.</p>"
                f'<figure><img src="igny8-image:{images[1].id}" alt="A red sock"></figure>'
                "<h2>Cotton</h2><p>Cool.</p>"
            ),
            "excerpt": "Which sock is warmer.",
            "categories": [f"Socks {unique}"],
            "tags": [f"wool-{unique}"],
            "status": APPROVED,
        }
        content = writer_pb2.Content(**{**values, **changes})
        content.update_time.GetCurrentTime()
        return self.writer.put(writer_pb2.Publishable(content=content, images=images))

    def _picture(self, content_id: str, kind: writer_pb2.Image.Kind.ValueType) -> writer_pb2.Image:
        png = io.BytesIO()
        Image.new("RGB", (16, 9), "grey" if kind == writer_pb2.Image.KIND_FEATURED else "red").save(png, "PNG")
        image_id = str(new_id())
        key = f"images/{image_id}.png"
        self.objects.put(key, png.getvalue())
        return writer_pb2.Image(
            id=image_id,
            content_id=content_id,
            kind=kind,
            alt_text="A grey sock" if kind == writer_pb2.Image.KIND_FEATURED else "A red sock",
            status=writer_pb2.Image.STATUS_GENERATED,
            object_key=key,
            mime_type="image/png",
            width=16,
            height=9,
        )

    # ── beyond the API ──

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The account's rows of a table; of the outbox, those of every account."""
        engine = sa.create_engine(self.urls.sweep if table == "outbox" else self.urls.app, poolclass=sa.NullPool)
        account = str(self.caller.passport.account_id)
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT set_config('app.account', :account, true)"), {"account": account})
            statement = sa.select(sa.text("*")).select_from(sa.table(table)).order_by(sa.text("id"))
            found = [dict(row) for row in connection.execute(statement).mappings()]
        engine.dispose()
        return found


@contextmanager
def house(urls: ServiceUrls, folder: Path, *, lease_s: float = LEASE_S) -> Iterator[House]:
    """Start integration and its writer for the length of a `with` block."""
    writer = HeldWriter()  # type: ignore[abstract]  # it answers only what integration asks
    objects = FolderStore(folder / "objects")
    sites_root = folder / "sites"
    sites_root.mkdir()
    database, sweep = Database(urls.app), Database(urls.sweep, pool_size=1)
    clock = SystemClock()
    place = SitesPlace(SiteStore(sites_root), str(sites_root), SITES_URL)
    destinations = ScriptedDestinations(OutboundClient(allow_loopback=True), Vault({"k": generate_key()}), place)
    writer_offer = Offer(
        "igny8.writer.v1.WriterService", writer_service_pb2_grpc.add_WriterServiceServicer_to_server, writer
    )
    with serving("writer", [writer_offer]) as writing:
        publish = publishing.PublishContent(
            database, Writer(writing.remote), destinations, objects, clock, lease_s=lease_s
        )
        offers = [
            Offer(
                "igny8.integration.v1.IntegrationService",
                integration_service_pb2_grpc.add_IntegrationServiceServicer_to_server,
                IntegrationServicer(database, destinations, clock),
            ),
            *common_offers(
                sweep=sweep,
                database=database,
                functions={publishing.FUNCTION: publish},
                handlers=connecting.HANDLERS,
            ),
        ]
        with serving("integration", offers) as running:
            caller = running.caller(a_passport(site=a_site()))
            yield House(running, caller, writer, objects, database, urls, destinations, publish, sites_root)
    database.close()
    sweep.close()
