"""`igny8.integration.v1.IntegrationService`."""

from typing import Any
from uuid import UUID

import grpc
import sqlalchemy as sa
from igny8.integration.v1 import integration_pb2, integration_service_pb2, integration_service_pb2_grpc

from chassis import call
from chassis.clock import Clock
from chassis.database import Database, Transaction
from chassis.idempotency import once
from chassis.ids import require_id
from chassis.resource.columns import to_message
from services.integration import translate
from services.integration.destinations import Destinations
from services.integration.resources import PUBLICATION, SITE_INTEGRATION, SYNC_EVENT
from services.integration.usecases import connecting


class IntegrationServicer(integration_service_pb2_grpc.IntegrationServiceServicer):
    """Destinations, publications and the feed.

    Args:
        database: integration's, under its app role.
        destinations: seals credentials and opens destinations.
        clock: measures how long a destination took.
    """

    GetSiteIntegration = SITE_INTEGRATION.get(integration_pb2.SiteIntegration)
    ListSiteIntegrations = SITE_INTEGRATION.list(integration_service_pb2.ListSiteIntegrationsResponse)
    GetPublication = PUBLICATION.get(integration_pb2.Publication)
    ListPublications = PUBLICATION.list(integration_service_pb2.ListPublicationsResponse)
    ListSyncEvents = SYNC_EVENT.list(integration_service_pb2.ListSyncEventsResponse)

    def __init__(self, database: Database, destinations: Destinations, clock: Clock) -> None:
        self.database, self._destinations, self._clock = database, destinations, clock

    def CreateSiteIntegration(
        self, request: integration_service_pb2.CreateSiteIntegrationRequest, context: grpc.ServicerContext
    ) -> integration_pb2.SiteIntegration:
        """Connect a destination."""
        wanted = translate.wanted(request.site_integration)
        with self.database.transaction(call.tenant()) as transaction:

            def make() -> integration_pb2.SiteIntegration:
                row_id = connecting.create_site_integration(transaction, self._destinations, wanted)
                return _read(transaction, row_id)

            return once(transaction, "CreateSiteIntegration", request, integration_pb2.SiteIntegration, make)

    def UpdateSiteIntegration(
        self, request: integration_service_pb2.UpdateSiteIntegrationRequest, context: grpc.ServicerContext
    ) -> integration_pb2.SiteIntegration:
        """Change a destination."""
        given = request.site_integration
        row_id = require_id("site_integration.id", given.id)
        changes = translate.changes(request)
        connecting.update_site_integration(
            self.database, call.tenant(), self._destinations, row_id, changes, given.etag
        )
        return self._reread(row_id)

    def DeleteSiteIntegration(
        self, request: integration_service_pb2.DeleteSiteIntegrationRequest, context: grpc.ServicerContext
    ) -> integration_pb2.SiteIntegration:
        """Disconnect a destination."""
        row_id = require_id("site_integration_id", request.site_integration_id)
        connecting.delete_site_integration(self.database, call.tenant(), row_id, request.etag)
        return self._reread(row_id)

    def TestSiteIntegration(
        self, request: integration_service_pb2.TestSiteIntegrationRequest, context: grpc.ServicerContext
    ) -> integration_service_pb2.TestSiteIntegrationResponse:
        """Try a destination."""
        row_id = require_id("site_integration_id", request.site_integration_id)
        found = connecting.try_site_integration(self.database, call.tenant(), self._destinations, row_id, self._clock)
        return translate.report(found)

    def _reread(self, row_id: UUID) -> integration_pb2.SiteIntegration:
        with self.database.transaction(call.tenant()) as transaction:
            return _read(transaction, row_id)


def _read(transaction: Transaction, row_id: UUID) -> integration_pb2.SiteIntegration:
    columns: Any = SITE_INTEGRATION.columns.values()
    statement = sa.select(*columns).where(SITE_INTEGRATION.table.c.id == row_id)
    return to_message(integration_pb2.SiteIntegration, transaction.execute(statement).mappings().one())
