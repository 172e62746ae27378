"""Settings of a site's runs."""

import grpc
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis import call
from chassis.errors import Aborted
from services.orchestrator import repository, translate
from services.orchestrator.servicer.base import Calls

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2


class AutomationCalls(Calls):
    """What starts runs by itself, and how they are set."""

    def GetAutomationConfig(
        self, request: _rpc.GetAutomationConfigRequest, context: grpc.ServicerContext
    ) -> _pb.AutomationConfig:
        """Read a site's settings."""
        tenant = call.tenant()
        with self.database.transaction(tenant) as tx:
            return translate.config(repository.read_config(tx, tenant.site_id), tenant)

    def UpdateAutomationConfig(
        self, request: _rpc.UpdateAutomationConfigRequest, context: grpc.ServicerContext
    ) -> _pb.AutomationConfig:
        """Change a site's settings."""
        tenant, given = call.tenant(), request.automation_config
        values = translate.config_values(given, list(request.update_mask.paths), tenant)
        with self.database.transaction(tenant) as tx:
            row = repository.write_config(tx, values, given.etag)
            if row is None:
                raise Aborted("The settings were changed by somebody else; read them again and repeat the change.")
            return translate.config(row, tenant)
