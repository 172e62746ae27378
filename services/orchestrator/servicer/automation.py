"""Settings of a site's runs."""

import grpc
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis import call
from chassis.tenancy import Tenant
from services.orchestrator import automation, clients, repository
from services.orchestrator.passports import EDGE
from services.orchestrator.servicer.base import Calls
from services.orchestrator.usecases import settings

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2


class AutomationCalls(Calls):
    """What starts runs by itself, and how they are set."""

    def GetAutomationConfig(
        self, request: _rpc.GetAutomationConfigRequest, context: grpc.ServicerContext
    ) -> _pb.AutomationConfig:
        """Read a site's settings."""
        tenant = call.tenant()
        with self.database.transaction(tenant) as tx:
            return automation.shown(repository.read_config(tx, tenant.site_id), tenant)

    def UpdateAutomationConfig(
        self, request: _rpc.UpdateAutomationConfigRequest, context: grpc.ServicerContext
    ) -> _pb.AutomationConfig:
        """Change a site's settings."""
        tenant, given = call.tenant(), request.automation_config
        values = automation.changes(given, list(request.update_mask.paths), tenant)
        zone = self._account_zone(tenant)
        row = settings.change_settings(self.database, tenant, values, given.etag, zone, self._clock.now())
        return automation.shown(row, tenant)

    def ResetAutomationConfig(
        self, request: _rpc.ResetAutomationConfigRequest, context: grpc.ServicerContext
    ) -> _pb.AutomationConfig:
        """Set a site back to the platform's settings."""
        tenant = call.tenant()
        zone = self._account_zone(tenant)
        row = settings.reset_settings(self.database, tenant, request.etag, zone, self._clock.now())
        return automation.shown(row, tenant)

    def _account_zone(self, tenant: Tenant) -> str:
        """Return the account's time zone as it is now: who has just changed it plans by it."""
        return self._peers.send(clients.resolve_site(tenant.account_id, tenant.site_id), EDGE).time_zone
